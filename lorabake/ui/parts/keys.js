/**
 * The keyboard of the editor, for hands that do not want to leave it. Single letters act only where
 * nothing is typed, and nothing acts while another section is at work.
 *
 * actions: { search, all, none, undo, redo, walk(by), grid, sheet(tag) } – of the gallery; a missing one is left out.
 */
function attachKeys({ element, inspector, actions }) {
  const LIST = [
    [t`Everywhere in the editor`, [
      [["Ctrl + Enter", "Alt + ↓"], t`next picture; what is typed is added and saved`],
      [["Alt + ↑"], t`previous picture`],
      [["Ctrl + J"], t`next picture without a caption`],
    ]],
    [t`While nothing is typed`, [
      [["← →"], t`previous and next picture`],
      [["/"], t`search: the filter`],
      [["A"], t`add a tag`],
      [["T"], t`walk through the tags`],
      [["E"], t`the caption as text, or as tags`],
      [["G"], t`to the gallery: arrow keys, Home, End, Space to select, Shift + arrows for several`],
      [["Ctrl + A", "Esc"], t`select all pictures that are shown; select none`],
      [["Y"], t`yes/no sheet: one tag over all pictures`],
      [["H"], t`hide or show the picture`],
      [["+ − 0"], t`enlarge, make smaller, fit`],
      [["Ctrl + Z", "Ctrl + Shift + Z", "Ctrl + Y"], t`undo, redo: this caption while you are at it, else the last step of all`],
      [["?"], t`this list`],
    ]],
    [t`At a tag`, [
      [["← → ↑ ↓", "Home", "End"], t`another tag`],
      [["Alt + ← →"], t`move it`],
      [["Alt + Home"], t`move it to the front`],
      [["Del"], t`delete it`],
      [["Enter", "F2"], t`write another one instead`],
      [["I"], t`what it means`],
      [["Esc"], t`back to the box for adding`],
    ]],
    [t`In the box for adding`, [
      [["↑ ↓", "Tab"], t`choose and take a suggestion`],
      [["Enter"], t`add; with Alt in front of all others`],
      [["Backspace"], t`in the empty box: to the last tag`],
      [["Esc"], t`close the suggestions, then to the gallery`],
    ]],
  ];
  const dialog = h("dialog.lb-dialog.lb-key-list", { "aria-label": t`Keys of the editor` },
    h("h2", { text: t`Keys of the editor` }),
    h("div.lb-key-groups", {}, ...LIST.map(([title, rows]) => h("section", {}, h("h3", { text: title }),
      h("dl.lb-keys", {}, ...rows.flatMap(([keys, what]) => [h("dt", {}, ...keys.flatMap((key, i) => [i ? " " : "", h("kbd", { text: key })])), h("dd", { text: what })]))))),
    h("form", { method: "dialog" }, h("button.lb-button", { text: t`Close the list` })));
  element.append(dialog);

  let recent = ""; // the section that was opened last; several can be open
  hear(element, "opened", (id) => { recent = id; });
  const section = () => element.closest(".lb-section");
  const typing = (node) => Boolean(node?.closest?.("input:not([type=checkbox], [type=radio], [type=button]), textarea, select, [contenteditable]"));

  /** Whether a key is meant for the editor: it comes from there, or from nowhere while it is in use. */
  function ours(event) {
    if (!element.isConnected || !shown(element) || document.querySelector("dialog[open]")) return false;
    if (section()?.contains(event.target)) return true;
    const nowhere = event.target === document.body || event.target === document.documentElement;
    return nowhere && (!recent || recent === section()?.id.slice(4));
  }

  const tagHere = () => (inspector.chips.focused ? inspector.chips.tags[inspector.chips.at] : "");
  const step = (redo) => {
    if (inspector.focused) return redo ? inspector.redo() : inspector.undo();
    return redo ? actions.redo?.() : actions.undo?.();
  };
  const PLAIN = {
    "/": () => actions.search?.(),
    a: () => inspector.focusAdd(),
    t: () => inspector.focusTags(),
    e: () => inspector.toggleView(),
    g: () => actions.grid?.(),
    h: () => inspector.hide(),
    i: () => inspector.wiki.toggle(tagHere()),
    y: () => actions.sheet?.(tagHere()),
    "+": () => inspector.zoom(1.25),
    "-": () => inspector.zoom(0.8),
    0: () => inspector.zoom(0),
    "?": () => dialog.showModal(),
    ArrowLeft: () => actions.walk?.(-1),
    ArrowRight: () => actions.walk?.(1),
    Escape: () => actions.none?.(),
  };

  /** What a key does here, or nothing. */
  function work(event) {
    const command = event.ctrlKey || event.metaKey, key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (event.altKey && !command && (key === "ArrowDown" || key === "ArrowUp")) return () => actions.walk?.(key === "ArrowDown" ? 1 : -1);
    if (command && !event.altKey && key === "j") return () => actions.walk?.("untagged");
    if (typing(event.target)) return null;
    if (command && !event.altKey) {
      if (key === "z") return () => step(event.shiftKey);
      if (key === "y") return () => step(true);
      if (key === "a") return actions.all ? () => actions.all() : null;
      if (key === "Enter") return () => actions.walk?.(1);
      return null;
    }
    if (event.altKey || command) return null;
    if (key.startsWith("Arrow") && event.target.closest?.("[role=listbox], [role=toolbar], summary")) return null; // they walk by themselves
    return PLAIN[key] || null;
  }

  // In front of the page's own help, which also listens for "?".
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || !ours(event)) return;
    if (event.key === "Escape" && typing(event.target)) return;
    const act = event.key === "?" && !typing(event.target) ? PLAIN["?"] : null;
    if (!act) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    act();
  }, { capture: true });
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || !ours(event)) return;
    const act = work(event);
    if (!act) return;
    event.preventDefault();
    act();
  });

  return { help: () => dialog.showModal(), list: LIST };
}
