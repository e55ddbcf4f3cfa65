/**
 * The keyboard of "Curating". Single letters act only where nothing is typed, and nothing acts while
 * another section is at work. actions: what the keys do; tool(event): what the open tool makes of one.
 */
function attachCuratingKeys({ element, actions, tool }) {
  const LIST = [
    [t`Deciding`, [
      [["K"], t`keep, and go to the next one`],
      [["X", "Del"], t`move to the bin, and go to the next one`],
      [["S"], "star"],
      [["← →", "J"], t`previous and next picture`],
      [["G"], t`to the gallery: arrow keys, Home, End, Space to select, Shift + arrows for several`],
      [["Ctrl + A", "Esc"], t`select all that are shown; select none`],
      [["Ctrl + Z", "Ctrl + Shift + Z"], "undo, redo"],
      [["/"], t`the filter`],
    ]],
    [t`Looking`, [
      [["+ − 0", "1"], t`enlarge, make smaller, fit; one pixel as one pixel`],
      [[t`Ctrl + wheel`], t`zoom where the pointer is`],
      [[t`Space`], t`hold it and drag: move the picture`],
      [["C"], t`cut: boxes over the picture`],
      [["E"], t`paint over: a brush and a box`],
      [["Esc"], t`back to looking`],
      [["?"], t`this list`],
    ]],
    [t`While cutting`, [
      [["← → ↑ ↓"], t`move the box by one pixel; with Shift by ten`],
      [[t`Alt + arrows`], t`resize it`],
      [["R", "B", "Del"], t`turn it, go to the next one, remove it`],
    ]],
    [t`While painting over`, [
      [["[ ]"], t`smaller and larger brush`],
      [["Ctrl + Z", "Del"], t`take the last mark back`],
    ]],
  ];
  const dialog = h("dialog.lb-dialog.lb-key-list", { "aria-label": t`Keys of Curating` },
    h("h2", { text: t`Keys of Curating` }),
    h("div.lb-key-groups", {}, ...LIST.map(([title, listed]) => h("section", {}, h("h3", { text: title }),
      h("dl.lb-keys", {}, ...listed.flatMap(([keys, what]) => [h("dt", {}, ...keys.flatMap((key, i) => [i ? " " : "", h("kbd", { text: key })])), h("dd", { text: what })]))))),
    h("form", { method: "dialog" }, h("button.lb-button", { text: t`Close the list` })));
  element.append(dialog);

  let recent = "";
  hear(element, "opened", (id) => { recent = id; });
  const section = () => element.closest(".lb-section");
  const typing = (node) => Boolean(node?.closest?.("input:not([type=checkbox], [type=radio], [type=button], [type=range]), textarea, select, [contenteditable]"));
  const sliding = (node) => Boolean(node?.closest?.("input[type=range]"));

  function ours(event) {
    if (!element.isConnected || !shown(element) || document.querySelector("dialog[open]")) return false;
    if (section()?.contains(event.target)) return true;
    const nowhere = event.target === document.body || event.target === document.documentElement;
    return nowhere && (!recent || recent === section()?.id.slice(4));
  }
  const PLAIN = {
    k: () => actions.keep(), x: () => actions.bin(), Delete: () => actions.bin(), s: () => actions.star(), j: () => actions.walk(1),
    ArrowLeft: () => actions.walk(-1), ArrowRight: () => actions.walk(1), g: () => actions.grid(), "/": () => actions.search(),
    c: () => actions.mode("cut"), e: () => actions.mode("erase"), Escape: () => actions.none(),
    "+": () => actions.zoom(1.25), "-": () => actions.zoom(0.8), 0: () => actions.zoom(0), 1: () => actions.zoom(1), "?": () => dialog.showModal(),
  };
  function work(event) {
    const command = event.ctrlKey || event.metaKey, key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (typing(event.target)) return null;
    if (sliding(event.target) && (key.startsWith("Arrow") || ["Home", "End", "PageUp", "PageDown"].includes(key))) return null;
    const inGallery = Boolean(event.target.closest?.("[role=listbox]"));
    if (!inGallery || !key.startsWith("Arrow")) {
      const used = !event.target.closest?.("summary") && tool(event);
      if (used) return used;
    }
    if (command && !event.altKey) {
      if (key === "z") return () => (event.shiftKey ? actions.redo() : actions.undo());
      if (key === "y") return () => actions.redo();
      if (key === "a") return () => actions.all();
      return null;
    }
    if (event.altKey || command) return null;
    if (key.startsWith("Arrow") && (inGallery || event.target.closest?.("summary"))) return null; // it walks by itself
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
  return { help: () => dialog.showModal() };
}
