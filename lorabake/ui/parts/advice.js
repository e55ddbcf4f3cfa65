// What speaks against the settings, and what could be better: grouped, each with its reason and a click.
/** take(remark): do what a remark offers. */
function makeAdvice({ take }) {
  const root = h("section.lb-advice", { "aria-label": t`Advice`, hidden: true });
  const GROUPS = [["bad", t`Cannot bake yet`], ["warn", t`Look before you bake`], ["info", t`Good to know`]];
  let key = "";

  function row(remark) {
    const button = remark.fix && h("button.lb-button", { "data-needs": "lb_take", type: "button", text: spoken(remark.fix), onclick: async () => { button.disabled = true; try { await take(remark); } finally { button.disabled = false; } } });
    return h("li", {}, h("div.lb-advice-text", {}, h("p", { text: spoken(remark.text) }),
      remark.why && h("details", {}, h("summary", { text: t`Why` }), h("p.lb-muted", { text: spoken(remark.why) }))), button);
  }

  function group([level, word], remarks) {
    if (!remarks.length) return null;
    const list = h("ul", {}, ...remarks.map(row));
    const count = h("span.lb-muted", { text: ` ${remarks.length}` });
    const head = [h("b.lb-word", { text: word }), count];
    return h(`div.lb-advice-group.lb-tone-${level}`, {}, level === "info"
      ? h("details", { open: recall("advice-hints", true), ontoggle: (event) => remember("advice-hints", event.target.open) }, h("summary", {}, ...head), list)
      : h("h4", {}, ...head), level !== "info" && list);
  }

  return {
    root,
    draw(remarks) {
      const now = JSON.stringify(remarks);
      if (now === key) return;
      key = now;
      root.hidden = !remarks.length;
      replace(root, ...GROUPS.map((one) => group(one, remarks.filter((remark) => remark.level === one[0]))));
    },
  };
}
