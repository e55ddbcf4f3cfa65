/** The keyboard of "Concepts, styles, outfits": digits send what is selected, others find and undo. */
function attachConceptKeys({ element, actions }) {
  const LIST = [
    [["1 … 9"], t`move the selected pictures to the folder with that number`],
    [["0"], t`take them out of their folder`],
    [["G"], t`to the gallery: arrow keys, Home, End, Space to select, Shift + arrows for several`],
    [["Ctrl + A", "Esc"], t`select all that are shown; select none`],
    [["N"], t`a new folder`],
    [["/"], t`the filter; Enter there selects what it finds`],
    [["Ctrl + Z", "Ctrl + Shift + Z"], "undo, redo"],
    [["?"], t`this list`],
  ];
  const dialog = h("dialog.lb-dialog.lb-key-list", { "aria-label": t`Keys of Concepts, styles, outfits` },
    h("h2", { text: t`Keys of Concepts, styles, outfits` }),
    h("dl.lb-keys", {}, ...LIST.flatMap(([keys, what]) => [h("dt", {}, ...keys.flatMap((key, i) => [i ? " " : "", h("kbd", { text: key })])), h("dd", { text: what })])),
    h("form", { method: "dialog" }, h("button.lb-button", { text: t`Close the list` })));
  element.append(dialog);

  let recent = "";
  hear(element, "opened", (id) => { recent = id; });
  const section = () => element.closest(".lb-section");
  const typing = (node) => Boolean(node?.closest?.("input:not([type=checkbox], [type=radio], [type=button], [type=range]), textarea, select, [contenteditable]"));
  function ours(event) {
    if (!element.isConnected || !shown(element) || document.querySelector("dialog[open]")) return false;
    if (section()?.contains(event.target)) return true;
    const nowhere = event.target === document.body || event.target === document.documentElement;
    return nowhere && (!recent || recent === section()?.id.slice(4));
  }
  const elsewhere = (node) => Boolean(node?.closest?.(".lb-con-balance, .lb-con-found")); // with a list of its own
  const PLAIN = { g: actions.grid, n: actions.fresh, "/": actions.search, Escape: actions.none };
  function work(event) {
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (typing(event.target)) return null;
    if ((event.ctrlKey || event.metaKey) && !event.altKey) {
      if (key === "z") return () => (event.shiftKey ? actions.redo() : actions.undo());
      if (key === "y") return actions.redo;
      return key === "a" && !elsewhere(event.target) ? actions.all : null;
    }
    if (event.altKey || event.ctrlKey || event.metaKey) return null;
    if (/^[0-9]$/.test(key)) return elsewhere(event.target) ? null : () => actions.send(Number(key));
    return PLAIN[key] || null;
  }
  document.addEventListener("keydown", (event) => { // in front of the page's own help
    if (event.defaultPrevented || event.isComposing || event.key !== "?" || typing(event.target) || !ours(event)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    dialog.showModal();
  }, { capture: true });
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || !ours(event)) return;
    const act = work(event);
    if (!act) return;
    event.preventDefault();
    act();
  });
}
