/** Without blanks around it, as Python's strip sees them: `trim` would also take a byte order mark out of a tag. */
const bare = (text) => text.replace(/^(?:[^\S\ufeff]|[\x1c-\x1f\x85])+|(?:[^\S\ufeff]|[\x1c-\x1f\x85])+$/g, "");

/** The tags of a caption: the first line that has any is the one that is trained; other lines stay. */
function captionLine(text) {
  // The same breaks as Python's splitlines; kept, so that what is around the line comes back as it was.
  const pieces = text.split(/(\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029])/);
  let at = pieces.findIndex((piece, i) => i % 2 === 0 && piece.split(",").some(bare));
  if (at < 0) at = 0;
  const places = []; // [begin, end] of each tag in the line, in characters
  let from = 0;
  for (const part of pieces[at].split(",")) {
    const tag = bare(part);
    if (tag) { const begin = from + part.indexOf(tag); places.push([begin, begin + tag.length]); }
    from += part.length + 1;
  }
  return {
    line: pieces[at],
    start: pieces.slice(0, at).join("").length,
    places,
    tags: places.map(([begin, end]) => pieces[at].slice(begin, end)),
    with: (tags) => [...pieces.slice(0, at), tags.join(", "), ...pieces.slice(at + 1)].join(""),
  };
}

/** As core.tags.tag_key: what two spellings of one tag have in common, good enough to find doubles. */
function tagKey(tag) {
  const weighted = /^\((.+):\d{1,2}(\.\d{1,4})?\)$/.exec(tag.trim());
  return (weighted ? weighted[1] : tag).replace(/\\([()[\]])/g, "$1").trim().toLowerCase().replace(/[\s_]+/g, "_");
}

const TAG_KINDS = ["trigger", "character", "copyright", "artist", "general", "meta", "rating"];
const TAG_ORIGINS = { board: ["▪", t`from the board`], tagger: ["◇", t`from the tagger`], you: ["", t`from you`] };

/**
 * Tags as chips: coloured by kind, marked by origin, moved by mouse, touch and keyboard.
 *
 * onChange(tags, said): another list of tags, and what was done in words. onLook(tag): the keyboard or
 * the mouse is at this tag (or null). completion(field, onTake): attaches the completion to a rename.
 * draw(tags, about, marks): about: Map tag → { category, origin }; marks: Map index → text, a chunk of
 * tokens begins in front of that chip.
 */
function makeChips({ onChange, onLook = () => {}, completion = null }) {
  const list = h("div.lb-tags", { role: "list", "aria-label": t`Tags of this picture` });
  let tags = [], about = new Map(), marked = new Map(), at = 0, drag = null, renaming = null;

  function draw(next, known, marks = new Map()) {
    if (drag || renaming) { // not under the person's hand; drawn when it is done
      (drag || renaming).later = [next, known, marks];
      return;
    }
    const focused = list.contains(document.activeElement);
    tags = next;
    about = known;
    marked = marks;
    at = Math.max(0, Math.min(at, tags.length - 1));
    const nodes = [];
    tags.forEach((tag, index) => {
      if (marks.has(index)) nodes.push(h("span.lb-chunk", { role: "separator", title: t`From here on, tags are in another chunk of 75 tokens.`, text: marks.get(index) }));
      nodes.push(chip(tag, index));
    });
    replace(list, ...nodes, !tags.length && h("span.lb-muted.lb-no-tags", { text: t`No tags yet. Add the first one above.` }));
    if (focused) focus(at, { look: false });
  }

  function chip(tag, index) {
    const { category = "", origin = "you" } = about.get(tag) || {};
    const kind = TAG_KINDS.includes(category) ? category : "general";
    const [mark, word] = TAG_ORIGINS[origin] || TAG_ORIGINS.you;
    const says = `${category || t`not in the tag list`}, ${word}`;
    const twice = tags.findIndex((other) => tagKey(other) === tagKey(tag)) < index;
    const node = h(`span.lb-tag.lb-tag-${kind}`, { role: "listitem" },
      h("button.lb-tag-name", { type: "button", tabindex: index === at ? "0" : "-1", title: twice ? t`${says}; this tag is here twice` : says, "aria-label": `${tag}, ${says}${twice ? t`, twice` : ""}` },
        mark && h("i", { "aria-hidden": "true", text: mark }), h("span", { text: tag })),
      h("button.lb-tag-x", { "data-needs": "lb_save", type: "button", tabindex: "-1", "aria-label": t`Delete ${tag}`, title: t`Delete (Del)`, text: "×", onclick: () => remove(index) }));
    node.dataset.index = String(index);
    node.classList.toggle("lb-unknown", !category);
    node.classList.toggle("lb-twice", twice);
    return node;
  }

  const chipAt = (index) => list.querySelector(`.lb-tag[data-index="${index}"]`);
  function focus(index = at, { look = true } = {}) {
    at = Math.max(0, Math.min(index, tags.length - 1));
    for (const button of list.querySelectorAll(".lb-tag-name")) button.tabIndex = Number(button.parentElement.dataset.index) === at ? 0 : -1;
    const button = chipAt(at)?.querySelector(".lb-tag-name");
    button?.focus({ preventScroll: false });
    if (look && button) onLook(tags[at]);
    return Boolean(button);
  }

  function remove(index) {
    const gone = tags[index];
    at = Math.min(index, tags.length - 2);
    onChange(tags.filter((_, i) => i !== index), t`Deleted ${gone}`);
    if (tags.length) focus(at); else list.dispatchEvent(new CustomEvent("lb-empty", { bubbles: true }));
  }
  function move(from, to) {
    const target = Math.max(0, Math.min(to, tags.length - 1));
    if (from === target || from < 0) return;
    const next = [...tags], [tag] = next.splice(from, 1);
    next.splice(target, 0, tag);
    at = target;
    onChange(next, target === 0 ? t`${tag} is in front now` : t`Moved ${tag} to place ${target + 1}`);
  }

  /** Write another tag in this place; a comma makes two of it. */
  function rename(index) {
    const node = chipAt(index), old = tags[index];
    if (!node || renaming) return;
    const field = h("input.lb-input.lb-tag-field", { type: "text", value: old, spellcheck: "false", autocomplete: "off", "aria-label": t`Another tag instead of ${old}` });
    const mine = (renaming = { later: null });
    let done = false;
    const end = (text) => {
      if (done) return;
      done = true;
      helper?.detach();
      renaming = null;
      const parts = (text ?? old).split(",").map((part) => part.trim()).filter(Boolean);
      const now = mine.later ? mine.later[0] : tags; // others may have written the caption meanwhile
      if (text !== null && parts.length && parts.join(", ") !== old) {
        const place = now[index] === old ? index : now.indexOf(old);
        const next = place < 0 ? [...now, ...parts] : [...now.slice(0, place), ...parts, ...now.slice(place + 1)];
        onChange(next, t`${old} is ${parts.join(", ")} now`);
      } else draw(...(mine.later || [tags, about, marked]));
    };
    mine.end = () => end(field.value);
    const helper = completion?.(field, (tag) => { end(tag); focus(index); });
    node.replaceChildren(field);
    field.addEventListener("keydown", (event) => {
      if (event.isComposing) return;
      if (event.key === "Enter") { event.preventDefault(); end(field.value); focus(index); }
      else if (event.key === "Escape") { event.preventDefault(); end(null); focus(index); }
      event.stopPropagation();
    });
    field.addEventListener("blur", () => setTimeout(() => end(field.value), 150)); // a click on a suggestion comes first
    field.focus();
    field.select();
  }

  list.addEventListener("keydown", (event) => {
    if (event.isComposing || !event.target.closest(".lb-tag-name")) return;
    const back = event.key === "ArrowLeft" || event.key === "ArrowUp", on = event.key === "ArrowRight" || event.key === "ArrowDown";
    let used = true;
    if (event.ctrlKey || event.metaKey) used = false;
    else if (event.altKey && (back || on)) { move(at, at + (back ? -1 : 1)); focus(at); }
    else if (event.altKey && event.key === "Home") { move(at, 0); focus(0); }
    else if (event.altKey && event.key === "End") { move(at, tags.length - 1); focus(at); }
    else if (event.altKey) used = false;
    else if (event.key === "ArrowUp" || event.key === "ArrowDown") focus(neighbour(back));
    else if (back || on) focus(at + (back ? -1 : 1));
    else if (event.key === "Home") focus(0);
    else if (event.key === "End") focus(tags.length - 1);
    else if (event.key === "Delete" || event.key === "Backspace") remove(at);
    else if (event.key === "F2" || event.key === "Enter") rename(at);
    else used = false;
    if (used) { event.preventDefault(); event.stopPropagation(); }
  });

  /** The chip above or below: the nearest one of another line. */
  function neighbour(up) {
    const here = chipAt(at)?.getBoundingClientRect();
    if (!here) return at;
    let best = at, least = Infinity;
    for (const node of list.querySelectorAll(".lb-tag")) {
      const box = node.getBoundingClientRect();
      const rise = up ? here.top - box.top : box.top - here.top;
      if (rise < here.height / 2) continue;
      const far = rise * 1000 + Math.abs(box.left - here.left);
      if (far < least) { least = far; best = Number(node.dataset.index); }
    }
    return best;
  }

  list.addEventListener("focusin", (event) => {
    const node = event.target.closest(".lb-tag");
    if (!node || renaming || Number(node.dataset.index) === at && event.target.tabIndex === 0) { if (node && !renaming) onLook(tags[at]); return; }
    at = Number(node.dataset.index);
    for (const button of list.querySelectorAll(".lb-tag-name")) button.tabIndex = button.parentElement === node ? 0 : -1;
    onLook(tags[at]);
  });
  list.addEventListener("dblclick", (event) => {
    const node = event.target.closest(".lb-tag-name")?.parentElement;
    if (node) rename(Number(node.dataset.index));
  });

  // --- dragging: at once with the mouse, after a moment's hold with a finger ------------------
  list.addEventListener("pointerdown", (event) => {
    const node = event.target.closest(".lb-tag-name")?.parentElement;
    if (!node || event.button || renaming || drag) return;
    const mine = (drag = { node, from: Number(node.dataset.index), to: -1, x: event.clientX, y: event.clientY, pointer: event.pointerId, on: false, hold: 0 });
    if (event.pointerType === "touch") mine.hold = setTimeout(() => begin(mine), 300);
  });
  function begin(mine) {
    mine.on = true;
    mine.node.classList.add("lb-dragged");
    try { list.setPointerCapture(mine.pointer); } catch { /* the finger is gone already */ }
  }
  list.addEventListener("contextmenu", (event) => { if (drag?.hold) event.preventDefault(); }); // a held finger means moving
  list.addEventListener("touchmove", (event) => { if (drag?.on) event.preventDefault(); }, { passive: false });
  list.addEventListener("pointermove", (event) => {
    if (!drag || event.pointerId !== drag.pointer) return;
    if (!drag.on) {
      const far = Math.hypot(event.clientX - drag.x, event.clientY - drag.y);
      if (drag.hold && far > 10) { cancel(); return; } // the finger scrolls
      if (drag.hold || far < 6) return;
      begin(drag);
    }
    event.preventDefault();
    place(event.clientX, event.clientY);
  });
  function place(x, y) {
    const frame = list.getBoundingClientRect();
    if (y < frame.top + 20) list.scrollTop -= 8;
    if (y > frame.bottom - 20) list.scrollTop += 8;
    let best = null, least = Infinity;
    for (const node of list.querySelectorAll(".lb-tag")) {
      const box = node.getBoundingClientRect(), off = y < box.top ? box.top - y : Math.max(0, y - box.bottom);
      const far = off * 1000 + Math.abs(x - (box.left + box.right) / 2);
      if (far < least) { least = far; best = { node, after: x > (box.left + box.right) / 2 }; }
    }
    for (const node of list.querySelectorAll(".lb-drop-before, .lb-drop-after")) node.classList.remove("lb-drop-before", "lb-drop-after");
    if (!best) return;
    best.node.classList.add(best.after ? "lb-drop-after" : "lb-drop-before");
    drag.to = Number(best.node.dataset.index) + (best.after ? 1 : 0);
  }
  function cancel() {
    const mine = drag;
    if (!mine) return null;
    clearTimeout(mine.hold);
    mine.node.classList.remove("lb-dragged");
    for (const node of list.querySelectorAll(".lb-drop-before, .lb-drop-after")) node.classList.remove("lb-drop-before", "lb-drop-after");
    drag = null;
    return mine;
  }
  document.addEventListener("pointerup", (event) => {
    if (!drag || event.pointerId !== drag.pointer) return;
    const mine = cancel();
    // If there are other tags meanwhile, the places no longer mean what they did.
    const same = !mine.later || mine.later[0].join("\0") === tags.join("\0");
    if (mine.on && mine.to >= 0 && same) { move(mine.from, mine.to > mine.from ? mine.to - 1 : mine.to); focus(at); }
    else if (mine.later) draw(...mine.later);
  });
  for (const kind of ["pointercancel", "lostpointercapture"]) list.addEventListener(kind, () => { const mine = cancel(); if (mine?.later) draw(...mine.later); });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape" && drag?.on) { event.stopPropagation(); const mine = cancel(); if (mine.later) draw(...mine.later); } }, { capture: true });

  /** Before another picture is shown: what is being written counts, what is being dragged does not. */
  function finish() {
    renaming?.end();
    cancel();
  }

  return {
    element: list,
    draw, finish, focus, remove, move, rename,
    get tags() { return tags; },
    get at() { return at; },
    get busy() { return Boolean(drag?.on || renaming); },
    get focused() { return list.contains(document.activeElement); },
  };
}
