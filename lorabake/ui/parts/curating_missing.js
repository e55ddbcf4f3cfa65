/** Which angles and framings are missing: one line when closed, a meter for each when open. */
function makeMissing() {
  const line = h("span");
  const meters = h("div.lb-missing-meters");
  const note = h("p.lb-muted", { hidden: true });
  const element = h("details.lb-missing", { hidden: true }, h("summary", {}, h("b", { text: t`What is missing` }), line), note, meters);

  function meter({ kind, have, advised, sentence }) {
    const share = advised ? Math.min(1, have / advised) : 1;
    const bar = h("i");
    bar.style.width = `${share * 100}%`;
    return h(`div.lb-missing-need${share < 1 ? ".lb-tone-warn" : ".lb-tone-ok"}`, {},
      h("div.lb-missing-head", {}, h("b", { text: spoken(kind) }), h("span.lb-muted", { text: t`${have} of ${advised} advised ${share < 1 ? "" : "✓"}` })),
      h("div.lb-missing-bar", { role: "meter", "aria-label": spoken(kind), "aria-valuemin": "0", "aria-valuemax": String(advised), "aria-valuenow": String(Math.min(have, advised)) }, bar),
      sentence && h("small.lb-muted", { text: spoken(sentence) }));
  }

  return {
    element,
    set(needs, untagged) {
      element.hidden = !needs.length && !untagged;
      const lacking = needs.filter((need) => need.have < need.advised);
      say(line, !needs.length ? spoken(untagged) : lacking.length ? t`Too few: ${lacking.map((need) => t`${spoken(need.kind)} (${need.have} of ${need.advised})`).join(", ")}` : t`Every angle and framing the guide names is there.`);
      note.hidden = !untagged || !needs.length;
      say(note, spoken(untagged));
      const groups = [["angle", t`Angles`], ["framing", t`Framing`]].map(([name, title]) => [title, needs.filter((need) => need.group === name)]).filter(([, listed]) => listed.length);
      replace(meters, ...groups.map(([title, listed]) => h("section", {}, h("h4", { text: title }), ...listed.map(meter))));
    },
  };
}
