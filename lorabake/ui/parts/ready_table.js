/**
 * The table of a grid: X across, Y down, one sheet of Z at a time. It fills itself as pictures come.
 *
 * address(name, kind): of a picture; open(cell): it is to be seen large; focused(cell): another one is
 * chosen; ticked(names): of the cells that are ticked; inCell(cell): nodes that lie over a picture.
 */
function makeGridTable({ address, open, focused, ticked, inCell }) {
  const FEW = 6; // sheets that are buttons side by side
  let view = null, drawn = "", focus = [0, 0, 0];
  const marks = new Set(); // names of ticked cells
  const nodes = new Map(); // "x-y" → its button, of the sheet that is shown
  const sheets = h("div.lb-sheets", { role: "group", hidden: true });
  const frame = h("div.lb-grid-frame", { tabindex: "-1" });
  const root = h("div.lb-sheets-and-grid", {}, sheets, frame);

  const cellAt = (x, y, z = focus[2]) => view.cells[(z * view.rows.length + y) * view.columns.length + x];
  const current = () => cellAt(...focus);
  const canTick = (cell) => cell.state === "done" && cell.epoch !== null && cell.weight !== null;
  const nodeAt = (x, y) => nodes.get(`${x}-${y}`);
  const told = (cell) => (cell.state === "failed" ? t`${spoken(cell.label)}: could not be rendered` : spoken(cell.label));

  // --- drawing ---------------------------------------------------------------------------------
  function draw(now) {
    view = now;
    const key = [view.name, view.columns.length, view.rows.length].join("/");
    if (key !== drawn.split("|")[0]) { focus = [0, 0, 0]; marks.clear(); }
    if (`${key}|${focus[2]}` !== drawn) { drawn = `${key}|${focus[2]}`; drawSheets(); drawFrame(); }
    view.rows.forEach((_, y) => view.columns.forEach((_, x) => fill(cellAt(x, y))));
    ring();
  }

  function head(tag, scope, text) {
    const words = spoken(text);
    return h(tag, { scope, title: words }, h("span.lb-grid-label", { text: words }));
  }

  function drawFrame() {
    nodes.clear();
    const [wide, tall] = view.shape, longest = Math.max(...view.rows.map((text) => text.length));
    replace(frame, h("table.lb-cells", { style: `--shape:${wide}/${tall};--columns:${view.columns.length};--head:${longest ? Math.min(180, 24 + 8 * longest) : 0}px` },
      h("thead", {}, h("tr", {}, h("td", { "aria-label": view.axis_names.slice(0, 2).filter(Boolean).map(spoken).join(" · ") }), ...view.columns.map((text) => head("th", "col", text)))),
      h("tbody", {}, ...view.rows.map((text, y) => h("tr", {}, head("th", "row", text), ...view.columns.map((_, x) => place(x, y)))))));
    frame.classList.toggle("lb-no-rows", !view.rows.some(Boolean));
  }

  function place(x, y) {
    const cell = cellAt(x, y);
    const node = h("button.lb-grid-cell", { type: "button", "data-at": `${x}-${y}`, onclick: () => { choose([x, y, focus[2]]); const now = current(); if (now.state !== "waiting") open(now); } });
    nodes.set(`${x}-${y}`, node);
    return h("td", {}, node,
      h("label.lb-tick", { hidden: true, title: t`Tick to bake again with it (T)` }, h("input", { type: "checkbox", tabindex: "-1", "data-tick": cell.name, "aria-label": t`Tick ${spoken(cell.label)}`, onchange: () => tick(cellAt(x, y)) })),
      h("div.lb-cell-extra", {}, ...inCell(cell)));
  }

  function fill(cell) {
    const node = nodeAt(cell.at[0], cell.at[1]);
    if (node.dataset.state !== cell.state) {
      node.dataset.state = cell.state;
      node.setAttribute("aria-label", told(cell));
      replace(node,
        cell.state === "done" && h("img", { src: address(cell.name, "small-cell"), alt: spoken(cell.label), loading: "lazy", decoding: "async" }),
        cell.state === "failed" && h("span.lb-cell-failed", { title: spoken(cell.error) }, h("b", { text: t`Could not be rendered` }), h("span", { text: spoken(cell.error) })));
    }
    node.setAttribute("aria-description", marks.has(cell.name) ? t`ticked` : "");
    node.nextSibling.hidden = !canTick(cell);
    node.nextSibling.firstChild.checked = marks.has(cell.name);
    node.parentNode.classList.toggle("lb-ticked", marks.has(cell.name));
  }

  /** One button for each sheet of Z, or a list when they are many. */
  function drawSheets() {
    const many = view.sheets.length;
    sheets.hidden = many < 2;
    sheets.setAttribute("aria-label", spoken(view.axis_names[2]) || "Z");
    if (many < 2) { replace(sheets); return; }
    const turn = (z) => { choose([focus[0], focus[1], z]); };
    if (many <= FEW) {
      replace(sheets, ...view.sheets.map((text, z) => h("button.lb-quiet", { type: "button", title: text, "aria-pressed": String(z === focus[2]), onclick: () => { turn(z); sheets.children[z]?.focus(); } }, h("span.lb-grid-label", { text }))));
      return;
    }
    const list = h("select.lb-select", { "aria-label": spoken(view.axis_names[2]), onchange: () => { turn(Number(list.value)); sheets.querySelector("select").focus(); } },
      ...view.sheets.map((text, z) => h("option", { value: String(z), text: spoken(text) })));
    list.value = String(focus[2]);
    replace(sheets, h("label.lb-field.lb-grow", {}, h("span", { text: t`${spoken(view.axis_names[2])} (${focus[2] + 1} of ${many})` }), list));
  }

  // --- choosing --------------------------------------------------------------------------------
  function choose(at) {
    const last = [view.columns, view.rows, view.sheets].map((side) => side.length - 1);
    const turned = at[2] !== focus[2], held = frame.contains(document.activeElement);
    focus = at.map((place, axis) => Math.min(last[axis], Math.max(0, place)));
    if (turned) { draw(view); if (held) hold(); } else ring();
  }

  const move = (dx, dy, dz = 0) => choose([focus[0] + dx, focus[1] + dy, focus[2] + dz]);
  const hold = () => nodeAt(focus[0], focus[1])?.focus();

  function ring() {
    const here = nodeAt(focus[0], focus[1]);
    for (const node of nodes.values()) {
      node.classList.toggle("lb-ringed", node === here);
      node.tabIndex = node === here ? 0 : -1;
    }
    focused(current());
  }

  /** Take a cell for baking again, or leave it. */
  function tick(cell) {
    if (!canTick(cell)) return;
    if (!marks.delete(cell.name)) marks.add(cell.name);
    marked();
  }
  function marked() {
    view.rows.forEach((_, y) => view.columns.forEach((_, x) => fill(cellAt(x, y))));
    ticked(view.cells.map((cell) => cell.name).filter((name) => marks.has(name)));
  }


  const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1], PageUp: [0, 0, -1], PageDown: [0, 0, 1] };
  /** Walk and tick by keys; true when the key was one of them. */
  function key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return false;
    const step = STEPS[event.key];
    if (step && (step.length < 3 || view.sheets.length > 1)) move(...step);
    else if (event.key.toLowerCase() === "t") tick(current());
    else return false;
    event.preventDefault();
    return true;
  }
  frame.addEventListener("keydown", (event) => { if (view && key(event) && event.key.toLowerCase() !== "t") hold(); });
  frame.addEventListener("focusin", ({ target }) => {
    const cell = target.closest("td")?.querySelector("[data-at]");
    if (cell) { focus = [...cell.dataset.at.split("-").map(Number), focus[2]]; ring(); }
  });

  return {
    root, draw, key, choose, move, hold, tick, canTick, cellAt, current,
    isTicked: (cell) => marks.has(cell.name),
    untick(names) { for (const name of names) marks.delete(name); if (view) marked(); },
    clear() { view = null; drawn = ""; focus = [0, 0, 0]; marks.clear(); nodes.clear(); replace(frame); },
  };
}
