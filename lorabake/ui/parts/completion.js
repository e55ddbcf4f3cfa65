// Completion of tags in any input or textarea; draws nothing until `attachCompletion` is called.
//
//   const completion = attachCompletion(field, {
//     ask: (text) => Promise<[{ tag, category, count, own, alias }]>,  // see `tagAsker`
//     onTake: (tag) => {},   // given: called instead of inserting; what was typed of the tag is removed
//     separator: ",",        // "" when the whole field is one tag; "\n" for one tag or `a = b` a line;
//                            // " " for the words of a search
//     keepOpen: false,       // true: the list stays after taking one, for adding several
//   });
//   completion.close(); completion.isOpen(); completion.detach();
//
// Keys: ↑ ↓ choose, Tab takes the chosen or first, Enter takes the chosen one, Esc closes. Who types
// faster than the list is renewed takes what still fits, or nothing. A key that completion used goes no
// further, so that the field's own keys (Enter adds a tag, Esc leaves) see only those it did not use.
// What is taken is inserted as if typed, so that Ctrl+Z takes it back.
window.lorabake.attachCompletion ??= (() => {
  const PAUSE = 30; // ms after a key before asking
  const TALLEST = 350; // px
  const KINDS = ["general", "character", "copyright", "artist", "meta", "rating"];

  const number = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
  const plain = (text) => text.toLowerCase().replace(/[\s_]+/g, " ");

  /** The one list of the page, on top of everything; shown for one field at a time. */
  const list = h("div.lb-completion", { id: "lb-completion", role: "listbox", "aria-label": t`Tags`, hidden: true, popover: "manual" });
  const status = h("div.lb-sr", { "aria-live": "polite", id: "lb-completion-status" });
  let owner = null; // the attached field it is shown for
  list.addEventListener("mousedown", (event) => event.preventDefault()); // the field keeps the focus
  list.addEventListener("click", (event) => {
    const row = event.target.closest("[role=option]");
    if (row && owner) owner.take(Number(row.dataset.index));
  });
  list.addEventListener("mousemove", (event) => {
    const row = event.target.closest("[role=option]");
    if (row && owner) owner.choose(Number(row.dataset.index), false);
  });
  const place = () => owner && owner.place();
  window.addEventListener("scroll", (event) => { if (owner && event.target !== list) place(); }, true);
  window.addEventListener("resize", place);

  function open(next) {
    const home = next.field.closest("dialog[open]") || document.body; // all else is out of reach of a dialog
    if (list.parentNode !== home) home.append(list, status);
    if (owner && owner !== next) owner.close();
    owner = next;
    list.hidden = false;
    if (list.showPopover && !list.matches(":popover-open")) list.showPopover(); // also over a dialog
  }
  function shut(who) {
    if (owner !== who) return;
    owner = null;
    if (list.hidePopover && list.matches(":popover-open")) list.hidePopover();
    list.hidden = true;
    list.replaceChildren();
    say(status, "");
  }

  /** Text with the part that was typed set apart. */
  function marked(text, typed) {
    const at = plain(text).indexOf(typed);
    if (!typed || at < 0 || plain(text).length !== text.length) return [text];
    return [text.slice(0, at), h("b", { text: text.slice(at, at + typed.length) }), text.slice(at + typed.length)];
  }

  function option(one, index, typed) {
    const kind = KINDS.includes(one.category) ? one.category : "";
    const name = h("span.lb-completion-tag", { style: kind && `color: var(--lb-tag-${kind})` });
    if (one.alias) name.append(...marked(one.alias, typed), " → ", one.tag);
    else name.append(...marked(one.tag, typed));
    const own = one.own > 0 && h("span.lb-completion-own", { text: t`${one.own} here`, title: t`In ${plural(one.own, "picture")} of this project` });
    const count = one.count > 0 && h("span.lb-completion-count", { text: number.format(one.count), title: t`${one.count.toLocaleString("en")} pictures of the board` });
    return h("div.lb-completion-row", { role: "option", id: `lb-completion-${index}`, "data-index": String(index), "aria-selected": "false" },
      name, kind && kind !== "general" && h("span.lb-completion-kind", { text: kind }), own, count);
  }

  /** Where the caret of a textarea is, in px from its corner: its text is laid out once more, unseen. */
  function caret(field, at) {
    const style = getComputedStyle(field), twin = document.createElement("div");
    for (const name of ["boxSizing", "width", "fontFamily", "fontSize", "fontWeight", "fontStyle", "letterSpacing", "lineHeight", "tabSize", "textTransform", "wordSpacing", "paddingTop", "paddingRight", "paddingBottom", "paddingLeft", "borderTopWidth", "borderRightWidth", "borderBottomWidth", "borderLeftWidth"]) twin.style[name] = style[name];
    Object.assign(twin.style, { position: "absolute", visibility: "hidden", top: "0", left: "-9999px", whiteSpace: "pre-wrap", overflowWrap: "break-word", borderStyle: "solid" });
    const mark = document.createElement("span");
    mark.textContent = "\u200b";
    twin.append(field.value.slice(0, at), mark);
    document.body.append(twin);
    const spot = { x: mark.offsetLeft, y: mark.offsetTop + mark.offsetHeight };
    twin.remove();
    return { x: spot.x - field.scrollLeft, y: spot.y - field.scrollTop };
  }

  return function attachCompletion(field, { ask: find, onTake, separator = ",", keepOpen = false }) {
    const isArea = field.tagName === "TEXTAREA";
    const ends = separator === "" ? "" : separator === "\n" ? "\n,=" : `${separator}\n`;
    const me = { field, choose, take, place: position, close };
    let shown = [], chosen = -1, asked = 0, timer = 0, taking = false, warm = false, from = 0, about = "";

    for (const [name, value] of Object.entries({ autocomplete: "off", "aria-autocomplete": "list", "aria-haspopup": "listbox" })) field.setAttribute(name, value);
    if (!isArea) { field.setAttribute("role", "combobox"); field.setAttribute("aria-expanded", "false"); }

    /** The tag that the caret is in: what is typed of it, and the range that taking one replaces. */
    function current() {
      const text = field.value, at = field.selectionStart ?? text.length;
      let start = at, end = at;
      while (start > 0 && !ends.includes(text[start - 1])) start -= 1;
      while (end < text.length && !ends.includes(text[end])) end += 1;
      while (start < at && /\s/.test(text[start])) start += 1;
      while (end > at && /\s/.test(text[end - 1])) end -= 1;
      return { typed: text.slice(start, at), start, end, tail: text.slice(end) };
    }

    function typing(event) {
      if (taking || event?.isComposing) return;
      clearTimeout(timer);
      asked += 1; // whatever is on its way is no longer wanted
      if (!current().typed.trim()) { close(); return; }
      timer = setTimeout(lookUp, PAUSE);
    }
    async function lookUp() {
      const mine = (asked += 1), { typed, start } = current();
      if (!typed.trim()) { close(); return; }
      let found;
      try { found = await find(typed.slice(0, 200)); } catch { found = []; } // the page says itself when it is cut off
      if (mine !== asked || document.activeElement !== field) return;
      const same = found.length === 1 && !found[0].alias && plain(found[0].tag) === plain(typed.trim());
      if (!found.length || same) { close(); return; }
      draw(found, typed, start);
    }
    function draw(found, typed, start) {
      shown = found; chosen = -1; from = start; about = typed;
      open(me);
      list.replaceChildren(...found.map((one, index) => option(one, index, plain(typed).trim())));
      list.scrollTop = 0;
      say(status, t`${plural(found.length, "tag")} to choose from`);
      field.setAttribute("aria-controls", list.id);
      if (!isArea) field.setAttribute("aria-expanded", "true");
      field.removeAttribute("aria-activedescendant");
      position();
    }
    function position() {
      const box = field.getBoundingClientRect(), style = list.style;
      if (box.bottom < 0 || box.top > innerHeight) { close(); return; }
      const spot = isArea ? caret(field, from) : { x: 0, y: box.height };
      style.maxHeight = `${TALLEST}px`;
      const width = list.offsetWidth, height = list.offsetHeight;
      const line = parseFloat(getComputedStyle(field).lineHeight) || 22;
      const top = box.top + Math.min(Math.max(spot.y, 0), box.height) + 4;
      const above = isArea ? top - line - 8 : box.top - 4;
      const fitsBelow = top + height <= innerHeight - 8 || innerHeight - top >= above;
      style.left = `${Math.max(8, Math.min(box.left + Math.min(spot.x, box.width), innerWidth - width - 8))}px`;
      style.maxHeight = `${Math.min(TALLEST, Math.max(96, (fitsBelow ? innerHeight - top : above) - 8))}px`;
      style.top = `${fitsBelow ? top : Math.max(8, above - Math.min(height, above - 8))}px`;
    }
    function choose(index, scroll = true) {
      if (index === chosen) return;
      list.children[chosen]?.setAttribute("aria-selected", "false");
      chosen = index;
      const row = list.children[chosen];
      if (!row) { field.removeAttribute("aria-activedescendant"); return; }
      row.setAttribute("aria-selected", "true");
      field.setAttribute("aria-activedescendant", row.id);
      if (scroll) row.scrollIntoView({ block: "nearest" });
    }
    /** The line that Tab takes, or Enter (which must be chosen first); -1 when none fits what is typed by now. */
    function fitting(event) {
      const { typed, start } = current();
      if (event.key === "Enter" && chosen < 0) return -1;
      if (typed === about && start === from) return Math.max(chosen, 0);
      const words = plain(typed).replace(/\\/g, "").split(" ");
      const fits = (one) => start === from && words.every((word) => plain(one.alias || one.tag).replace(/\\/g, "").includes(word));
      if (chosen >= 0) return fits(shown[chosen]) ? chosen : -1;
      return shown.findIndex(fits);
    }
    function take(index) {
      const one = shown[index];
      if (!one) return;
      const { start, end, tail } = current();
      taking = true;
      try {
        if (onTake) { write(start, end, ""); onTake(one.tag); }
        else write(start, end, one.tag + after(tail));
      } finally { taking = false; }
      asked += 1;
      if (keepOpen) field.focus();
      else close();
    }
    /** A comma behind the tag when there is none yet; not where the tag is a line or the whole field. */
    const after = (tail) => (separator === "," && !/^\s*[,]/.test(tail) ? ", " : separator === " " && !/^\s/.test(tail) ? " " : "");

    function write(start, end, text) {
      field.focus();
      if (start === end && !text) return;
      field.setSelectionRange(start, end);
      // The only way to insert that the browser's own undo knows.
      if (document.execCommand(text ? "insertText" : "delete", false, text)) return;
      field.setRangeText(text, start, end, "end");
      field.dispatchEvent(new InputEvent("input", { bubbles: true, inputType: "insertText", data: text }));
    }

    function key(event) {
      if (event.isComposing || event.keyCode === 229 || !isOpen()) return;
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const many = shown.length, takes = (event.key === "Tab" || event.key === "Enter") && !event.shiftKey ? fitting(event) : -1;
      if (event.key === "ArrowDown") choose(chosen + 1 >= many ? 0 : chosen + 1);
      else if (event.key === "ArrowUp") choose(chosen <= 0 ? many - 1 : chosen - 1);
      else if (takes >= 0) take(takes);
      else if (event.key === "Escape") close();
      else { if (event.key === "Enter" || event.key === "Tab") close(); return; }
      event.preventDefault();
      event.stopImmediatePropagation();
    }

    const isOpen = () => owner === me;
    function close() {
      clearTimeout(timer);
      asked += 1;
      shown = []; chosen = -1;
      if (!isArea) field.setAttribute("aria-expanded", "false");
      field.removeAttribute("aria-activedescendant");
      field.removeAttribute("aria-controls");
      shut(me);
    }
    function focus() {
      if (warm) return;
      warm = true;
      Promise.resolve(find("")).catch(() => { warm = false; }); // the lists are read before the first key
    }
    const heard = [["input", typing], ["compositionend", () => typing()], ["blur", close], ["focus", focus]];
    for (const [name, listen] of heard) field.addEventListener(name, listen);
    field.addEventListener("keydown", key, true);

    function detach() {
      close();
      for (const [name, listen] of heard) field.removeEventListener(name, listen);
      field.removeEventListener("keydown", key, true);
    }
    return { close, isOpen, detach };
  };
})();
const { attachCompletion } = window.lorabake;
/** The usual `ask`: needs lb_complete among the part's calls; `project()` gives the name. */
const tagAsker = (server, project, { anywhere = true } = {}) => async (text) =>
  (await ask(server.lb_complete, { project: project(), text, anywhere })).suggestions;
