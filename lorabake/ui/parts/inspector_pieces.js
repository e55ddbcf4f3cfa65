// Pieces of the inspector that know nothing of its state: both texts of a conflict, the kinds of tags below the
// chips, the keys of its two boxes.

/** A caption that was changed elsewhere, as nodes: yours, the one on disk, both. settle(text): what was chosen. */
function bothSides(edit, settle) {
  const theirs = edit.conflict.text, mine = edit.text;
  const here = captionLine(mine), there = captionLine(theirs);
  const have = new Set(here.tags.map(tagKey));
  const more = there.tags.filter((tag) => !have.has(tagKey(tag)));
  const side = (title, text, other, button) => h("div", {}, h("b", { text: title }), difference(text, other), h("button.lb-button", { type: "button", text: button, onclick: () => settle(text) }));
  return [
    side(t`Yours`, mine, theirs, t`Keep mine`),
    side(t`On disk`, theirs, mine, t`Take the one on disk`),
    more.length > 0 && more.length < there.tags.length && h("button.lb-button.lb-both", { type: "button", text: t`Keep both: mine and ${plural(more.length, "tag")} of the other`, onclick: () => settle(here.with([...here.tags, ...more])) }),
  ];
}

/** A caption whose tags are marked where the other has none of the kind. */
function difference(text, other) {
  const known = new Set(captionLine(other).tags.map(tagKey));
  const nodes = captionLine(text).tags.flatMap((tag, i) => [i ? ", " : "", known.has(tagKey(tag)) ? tag : h("mark", { text: tag })]);
  return h("p.lb-mono", {}, ...(nodes.length ? nodes : [t`(empty)`]));
}

/** How many tags of each kind there are, and how many from where. about: tag → { category, origin }. */
function tagLegend(tags, about) {
  const UNKNOWN = "not in the list", kinds = new Map(), origins = new Map();
  const more = (counts, key) => counts.set(key, (counts.get(key) || 0) + 1);
  for (const tag of tags) {
    const { category, origin } = about.get(tag);
    more(kinds, category || UNKNOWN);
    more(origins, origin);
  }
  return [
    ...TAG_KINDS.concat(UNKNOWN).filter((kind) => kinds.has(kind)).map((kind) => h(`span.lb-kind.lb-tag-${kind.replaceAll(" ", "-")}`, { text: `${kind === UNKNOWN ? t`not in the list` : spoken(kind)} ${kinds.get(kind)}` })),
    ...[...origins].filter(([origin]) => origin !== "you" || origins.size > 1).map(([origin, n]) => h("span", { text: `${TAG_ORIGINS[origin]?.[0] || ""} ${spoken(origin)} ${n}`.trim() })),
  ];
}

/**
 * The keys of the box for adding and of the caption as text; those of the page are in keys.js.
 * queue(letter): typed before the caption was read. isShown(): a picture is.
 */
function attachBoxKeys({ add, box, chips, takeTyped, onWalk, onOrder, undo, redo, queue, isShown }) {
  add.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    const command = event.ctrlKey || event.metaKey;
    if (event.key === "Enter") { event.preventDefault(); takeTyped({ front: event.altKey }); if (command) onWalk(1); }
    else if (event.altKey && (event.key === "ArrowDown" || event.key === "ArrowUp")) { event.preventDefault(); takeTyped(); onWalk(event.key === "ArrowDown" ? 1 : -1); }
    else if (command && event.key.toLowerCase() === "j") { event.preventDefault(); takeTyped(); onWalk("untagged"); }
    else if (event.key === "ArrowDown") { if (chips.focus(0)) event.preventDefault(); }
    else if (event.key === "Backspace" && !add.value && chips.tags.length) { event.preventDefault(); chips.focus(chips.tags.length - 1); }
    else if (event.key === "Escape") { event.preventDefault(); onOrder("grid"); }
    else if (command && !add.value && event.key.toLowerCase() === "z") { event.preventDefault(); if (event.shiftKey) redo(); else undo(); }
    else if (command && !add.value && event.key.toLowerCase() === "y") { event.preventDefault(); redo(); }
    else return;
    event.stopPropagation();
  });
  box.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    const command = event.ctrlKey || event.metaKey;
    if (event.key === "Enter" && command) { event.preventDefault(); onWalk(1); box.focus(); }
    else if (event.key === "Enter" && !event.shiftKey && isShown() && !box.value.includes("\n")) event.preventDefault(); // one line is trained
    else if (event.key === "Escape") { event.preventDefault(); onOrder("grid"); }
    else if (box.readOnly && event.key.length === 1 && !command && !event.altKey) { queue(event.key); }
    else return;
    event.stopPropagation();
  });
  chips.element.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.defaultPrevented) { event.preventDefault(); event.stopPropagation(); add.focus(); }
  });
  chips.element.addEventListener("lb-empty", () => add.focus());
}
