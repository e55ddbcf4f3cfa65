// Accounts at boards: paste, test, forget. What was pasted is sent once and never shown again.
/** onAct(act, site, account): gives a promise of a sentence. */
function makeGrabAccounts({ onAct }) {
  const list = h("div.lb-grab-accounts-list");
  const root = h("div.lb-grab-accounts", {}, h("p.lb-muted", { text: t`Some boards answer nobody without a key of your own. It is kept in your user's settings folder on this computer, readable by you only, and goes to its board and no further.` }), list);
  let drawn = "";

  function row(one) {
    const input = h("input.lb-input.lb-mono", { type: "password", id: `lb-account-${one.site}`, autocomplete: "off", spellcheck: "false", maxlength: "2000", placeholder: one.example, "aria-describedby": `lb-account-help-${one.site}` });
    const said = h("p", { "aria-live": "polite" });
    const act = async (what) => {
      said.className = "lb-muted";
      say(said, what === "test" ? t`Asking ${spoken(one.label)}…` : "");
      try {
        const text = await onAct(what, one.site, what === "save" ? input.value : undefined);
        said.className = "lb-grab-good";
        say(said, text);
        input.value = "";
      } catch (error) { said.className = "lb-error"; say(said, error.message); }
    };
    const save = h("form.lb-grab-line", { onsubmit: (event) => { event.preventDefault(); if (input.value.trim()) act("save"); else input.focus(); } }, input, h("button.lb-button", { type: "submit", text: t`Save` }));
    return h("section.lb-grab-account", { "data-site": one.site }, h("div.lb-line", {}, h("label", { for: input.id }, h("b", { text: spoken(one.label) })),
      h("span", { class: one.known ? "lb-grab-state lb-grab-good" : "lb-grab-state lb-muted", text: one.known ? t`✓ account is kept` : one.key === "required" ? t`wants a key` : t`works without one` }), h("span.lb-grow"),
      one.known && h("span.lb-grab-deeds", {}, h("button.lb-button", { type: "button", text: t`Test`, onclick: () => act("test") }), h("button.lb-quiet", { type: "button", text: t`Forget`, onclick: () => act("forget") }))),
    !one.known && save, !one.known && h("small.lb-muted", { id: `lb-account-help-${one.site}`, text: spoken(one.help) }), said);
  }

  return {
    root,
    set(rows) {
      const key = JSON.stringify(rows);
      if (key === drawn) return;
      drawn = key;
      const said = new Map([...list.children].map((node) => [node.dataset.site, node.lastChild]));
      replace(list, ...rows.map(row));
      for (const node of list.children) if (said.get(node.dataset.site)?.textContent) { const { className, textContent } = said.get(node.dataset.site); node.lastChild.className = className; say(node.lastChild, textContent); }
    },
  };
}
