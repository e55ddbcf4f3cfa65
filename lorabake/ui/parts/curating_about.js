/** What is known of the chosen picture: its figures, its flags with reasons and a way to mend them, its tags. */
function makeAbout({ onFix }) {
  const FIXES = {
    bars: ["Cut the bars off", "cut", "bars"], views: ["Cut the views apart", "cut", "suggested"], others: ["Cut", "cut"], cropped: ["Cut", "cut"],
    signature: ["Paint it over", "erase"], watermark: ["Paint it over", "erase"], text: ["Paint it over", "erase"],
  };
  const facts = h("p.lb-muted.lb-curate-facts"), reasons = h("ul.lb-reasons"), tags = h("p.lb-curate-tags");
  const element = h("div.lb-curate-about", {}, facts, reasons, tags);
  const quiet = (text, work) => h("button.lb-quiet", { type: "button", text, onclick: work });
  const bytes = (n) => (n >= 2 ** 20 ? size(n / 2 ** 20) : `${Math.max(1, Math.round(n / 1024))} KB`);

  /** One sentence each: size, what the recipe makes of it, what was measured. */
  function figures(row, found) {
    const said = [`${row.width.toLocaleString("en")} × ${row.height.toLocaleString("en")} px, ${((row.width * row.height) / 1e6).toFixed(2)} MP${found ? `, ${bytes(found.bytes)}` : ""}`];
    if (found?.room) {
      const { shown: used, bucket, enlarged } = found.room, all = used[0] === row.width && used[1] === row.height;
      said.push(`${all ? "all" : used.map((n) => n.toLocaleString("en")).join(" × ") + " px"} of it fill the bucket ${bucket.join(" × ")}${enlarged > 1.005 ? `, enlarged ${enlarged.toFixed(2)} times` : ""}`);
    }
    if (row.blur !== null) said.push(`edges ${row.blur.toFixed(1)} px wide, brightness ${Math.round(row.brightness * 100)} %, contrast ${Math.round(row.contrast * 100)} %`);
    return said.join(" · ");
  }

  function reason([kind, title, why]) {
    const [text, mode, begin] = FIXES[kind] || [];
    const improve = (kind === "small" || kind === "blurred") && window.lorabake.section("enhancing");
    return h("li", {}, h("b", { text: title }), h("span", { text: why }),
      text && quiet(text, () => onFix(mode, begin)), improve && quiet("Improve it", () => go("enhancing")));
  }

  return {
    element,
    wrong: (sentence) => say(facts, sentence),
    /** found: the server's answer; null while it is on its way. */
    draw(row, found) {
      say(facts, figures(row, found));
      replace(reasons, ...(found?.flags || []).map(reason));
      reasons.hidden = !found?.flags.length;
      replace(tags, ...(found ? [found.tags.length ? h("span", { text: found.tags.join(", ") }) : h("span.lb-muted", { text: "No tags yet." }), quiet("Edit the tags", () => { tell("edit", row.id); go("editor"); })] : []));
    },
  };
}
