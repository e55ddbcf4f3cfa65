/** What is known of the chosen picture: its figures, its flags with reasons and a way to mend them, its tags. */
function makeAbout({ onFix }) {
  const FIXES = {
    bars: [t`Cut the bars off`, "cut", "bars"], views: [t`Cut the views apart`, "cut", "suggested"], others: [t`Cut`, "cut"], cropped: [t`Cut`, "cut"],
    signature: [t`Paint it over`, "erase"], watermark: [t`Paint it over`, "erase"], text: [t`Paint it over`, "erase"],
  };
  const facts = h("p.lb-muted.lb-curate-facts"), reasons = h("ul.lb-reasons"), tags = h("p.lb-curate-tags");
  const element = h("div.lb-curate-about", {}, facts, reasons, tags);
  const quiet = (text, work, needs) => h("button.lb-quiet", { "data-needs": needs, type: "button", text, onclick: work });
  const bytes = (n) => (n >= 2 ** 20 ? size(n / 2 ** 20) : `${Math.max(1, Math.round(n / 1024))} KB`);

  /** One sentence each: size, what the recipe makes of it, what was measured. */
  function figures(row, found) {
    const said = [t`${row.width.toLocaleString("en")} × ${row.height.toLocaleString("en")} px, ${((row.width * row.height) / 1e6).toFixed(2)} MP${found ? `, ${bytes(found.bytes)}` : ""}`];
    if (found?.room) {
      const { shown: used, bucket, enlarged } = found.room, all = used[0] === row.width && used[1] === row.height;
      said.push(t`${all ? t`all` : used.map((n) => n.toLocaleString("en")).join(" × ") + " px"} of it fill the bucket ${bucket.join(" × ")}${enlarged > 1.005 ? t`, enlarged ${enlarged.toFixed(2)} times` : ""}`);
    }
    if (row.blur !== null) said.push(t`edges ${row.blur.toFixed(1)} px wide, brightness ${Math.round(row.brightness * 100)} %, contrast ${Math.round(row.contrast * 100)} %`);
    return said.join(" · ");
  }

  function reason([kind, title, why]) {
    const [text, mode, begin] = FIXES[kind] || [];
    const improve = (kind === "small" || kind === "blurred") && window.lorabake.section("enhancing");
    return h("li", {}, h("b", { text: spoken(title) }), h("span", { text: spoken(why) }),
      text && quiet(text, () => onFix(mode, begin), mode === "cut" ? "lb_curate_cut" : "lb_curate_erase"), improve && quiet(t`Improve it`, () => go("enhancing")));
  }

  return {
    element,
    wrong: (sentence) => say(facts, sentence),
    /** found: the server's answer; null while it is on its way. */
    draw(row, found) {
      say(facts, figures(row, found));
      replace(reasons, ...(found?.flags || []).map(reason));
      reasons.hidden = !found?.flags.length;
      replace(tags, ...(found ? [found.tags.length ? h("span", { text: found.tags.join(", ") }) : h("span.lb-muted", { text: t`No tags yet.` }), quiet(t`Edit the tags`, () => { tell("edit", row.id); go("editor"); })] : []));
    },
  };
}
