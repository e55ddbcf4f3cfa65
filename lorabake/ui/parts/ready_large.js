/**
 * One picture of the grid, as large as the window. table: of makeGridTable; view(): the grid.
 *
 * show(cell) opens it or goes to another cell; extra nodes are mounted into `slot`.
 */
function makeLarge({ table, view, address }) {
  const picture = h("img.lb-lightbox-picture", { alt: "" });
  const reason = h("p.lb-lightbox-reason", { hidden: true });
  const caption = h("p.lb-lightbox-caption", { role: "status" });
  const best = h("input", { type: "checkbox", "aria-keyshortcuts": "t", onchange: () => { table.tick(table.current()); show(); } });
  const hint = h("span.lb-muted.lb-lightbox-hint");
  const arrows = [["←", -1, 0, 0], ["→", 1, 0, 0], ["↑", 0, -1, 0], ["↓", 0, 1, 0], ["⇞", 0, 0, -1], ["⇟", 0, 0, 1]].map(([text, ...by]) => {
    const axis = by.findIndex(Boolean);
    return { axis, step: by[axis], node: h("button.lb-button", { type: "button", text, onclick: () => { table.move(...by); show(); } }) };
  });
  const slot = h("div.lb-lightbox-slot");
  const box = h("dialog.lb-lightbox", { "aria-label": t`One picture of the grid` },
    h("div.lb-lightbox-frame", {}, picture, reason), caption,
    h("div.lb-line.lb-lightbox-keys", {}, ...arrows.map((one) => one.node), h("label.lb-check", {}, best, h("span", { text: t`Tick (T)` })),
      hint, h("span.lb-grow"), h("button.lb-button", { type: "button", text: t`Close`, onclick: () => box.close() })), slot);

  /** What holding Space compares with: weight 0 of the same row, else its first picture. */
  function other(cell) {
    const row = view().columns.map((_, x) => table.cellAt(x, cell.at[1], cell.at[2]));
    return row.find((one) => one.weight === 0) || (view().kind === "xyz" ? row[0] : cell);
  }

  function label() {
    const { kind, axis_names: names, columns, sheets } = view();
    const words = kind === "epochs" ? [[t`Lower weight`, t`Higher weight`], [t`Epoch above`, t`Epoch below`]] : [0, 1, 2].map((axis) => [t`Previous ${names[axis]}`, t`Next ${names[axis]}`]);
    for (const { axis, step, node } of arrows) {
      node.hidden = [columns, view().rows, sheets][axis].length < 2;
      node.setAttribute("aria-label", words[axis]?.[step < 0 ? 0 : 1] || "");
    }
    const cell = other(table.current());
    const pages = sheets.length > 1 ? t`, PageUp and PageDown change ${names[2]}` : "";
    const compared = cell.weight === 0 ? "weight 0" : columns.length > 1 && kind === "xyz" ? columns[0] : "";
    say(hint, t`Arrows walk${pages}${compared ? t`, hold Space to compare with ${compared}` : ""}`);
  }

  function show(compare = false) {
    const here = table.current(), cell = compare ? other(here) : here;
    best.checked = table.isTicked(here);
    best.disabled = !table.canTick(here);
    label();
    const done = cell.state === "done";
    picture.hidden = !done;
    reason.hidden = cell.state !== "failed";
    say(reason, spoken(cell.error));
    if (done) { picture.src = address(cell.name, "cell"); picture.alt = spoken(cell.label); } else picture.removeAttribute("src");
    say(caption, done ? spoken(cell.label) : cell.state === "failed" ? t`${spoken(cell.label)} could not be rendered` : t`${spoken(cell.label)} is not rendered yet`);
  }

  const typing = (node) => node.matches("input, textarea, select");
  box.addEventListener("keydown", (event) => {
    if (typing(event.target) && event.target !== best) return;
    if (table.key(event)) show();
    else if (event.key === " " && !event.repeat && event.target !== best) { event.preventDefault(); show(true); }
  });
  box.addEventListener("keyup", (event) => { if (event.key === " " && event.target !== best && !typing(event.target)) { event.preventDefault(); show(); } });
  box.addEventListener("click", (event) => { if (event.target === box) box.close(); });
  box.addEventListener("close", () => table.hold());

  return {
    root: box, slot, show,
    open() { show(); if (!box.open) box.showModal(); },
    close() { box.close(); },
    /** New pictures came. */
    refresh() { if (box.open && view()) show(); },
  };
}
