/**
 * A virtual grid: only the rows of cells that can be seen are in the document, so that ten thousand
 * pictures weigh as much as fifty.
 *
 * view: an empty element with a height of its own; it takes the keyboard.
 * draw(cell, row, index): fill a new cell. mark(cell, row, index): show what may change about it
 * (chosen, captioned); called after `draw` and by `refresh`.
 * onChoose(index, how): a click, a tap, or an arrow key; how: { toggle, range, keys, touch }.
 * onOpen(index): Enter or a double click. onHold(index): a long touch. onAll(): Ctrl+A.
 * onKey(event, index): any other key without Ctrl or Alt; true when it was of use.
 * smallest: px, the narrowest a cell may be; tall(width): px, its height. fit: no taller than its rows.
 */
function makeGrid(view, {
  draw, mark = () => {}, onChoose = () => {}, onOpen = () => {}, onHold = null, onAll = null, onKey = () => false,
  label = t`Pictures`, multiple = false, smallest = 128, gap = 8, tall = (width) => width, fit = false,
}) {
  const prefix = `lb-grid-${(window.lorabake.grids = (window.lorabake.grids || 0) + 1)}`;
  const area = h("div.lb-tall", { role: "presentation" });
  const cells = new Map();
  let rows = [], active = -1, across = 0, top = 0;

  view.classList.add("lb-view");
  view.tabIndex = 0;
  view.setAttribute("role", "listbox");
  view.setAttribute("aria-label", label);
  if (multiple) view.setAttribute("aria-multiselectable", "true");
  replace(view, area);

  const columns = () => Math.max(1, Math.floor((view.clientWidth - gap) / (smallest + gap)));
  function measures() {
    const width = Math.floor((view.clientWidth - gap) / columns()) - gap; // cells fill the width
    const height = Math.round(tall(width));
    return { width, height, step: height + gap };
  }

  function layout() {
    if (!view.clientWidth || !view.clientHeight) return; // its section is closed
    const now = columns(), { width, height, step } = measures();
    const needed = Math.ceil(rows.length / now) * step + gap;
    area.style.height = `${needed}px`;
    if (fit) view.style.maxHeight = `${needed + 2}px`; // with its border
    if (across && now !== across) view.scrollTop = Math.floor(top / now) * step; // turned or resized: stay where we were
    across = now;
    top = Math.floor(view.scrollTop / step) * across;
    const first = Math.max(0, Math.floor(view.scrollTop / step) - 2) * across;
    const end = Math.min(rows.length, (Math.ceil((view.scrollTop + view.clientHeight) / step) + 2) * across);
    for (const [index, cell] of cells) if (index < first || index >= end) drop(index, cell);
    const fresh = [];
    for (let index = first; index < end; index += 1) {
      let cell = cells.get(index);
      if (!cell) { cell = makeCell(index); cells.set(index, cell); fresh.push(cell); }
      cell.style.width = `${width}px`;
      cell.style.height = `${height}px`;
      cell.style.transform = `translate(${gap + (index % across) * (width + gap)}px, ${gap + Math.floor(index / across) * step}px)`;
    }
    area.append(...fresh);
  }

  function makeCell(index) {
    const cell = h("div.lb-cell", { role: "option", id: `${prefix}-${index}`, "aria-posinset": String(index + 1), "aria-setsize": String(rows.length) });
    cell.dataset.index = String(index);
    draw(cell, rows[index], index);
    mark(cell, rows[index], index);
    cell.classList.toggle("lb-active", index === active);
    return cell;
  }

  function drop(index, cell) {
    // What nobody waits for any more must not keep the pictures that can be seen waiting.
    for (const image of cell.querySelectorAll("img")) if (!image.complete) image.removeAttribute("src");
    cell.remove();
    cells.delete(index);
  }

  /** Draw everything anew. */
  function redraw() {
    for (const [index, cell] of [...cells]) drop(index, cell);
    layout();
  }

  /** Other rows; `keep` leaves the place that was scrolled to. */
  function setRows(next, { keep = false } = {}) {
    rows = next;
    active = Math.min(active, rows.length - 1);
    if (!keep) view.scrollTop = 0;
    redraw();
  }

  /** Mark the cells that are in the document again, or one of them; other rows with the same places. */
  function refresh(index = null) {
    for (const [at, cell] of cells) if (index === null || at === index) mark(cell, rows[at], at);
  }

  /** Make one cell the one the keyboard is at; `bring` scrolls it into sight. */
  function activate(index, { bring = true } = {}) {
    cells.get(active)?.classList.remove("lb-active");
    active = index;
    if (index < 0) { view.removeAttribute("aria-activedescendant"); return; }
    if (bring) bringIn(index);
    cells.get(index)?.classList.add("lb-active");
    view.setAttribute("aria-activedescendant", `${prefix}-${index}`);
  }

  function bringIn(index) {
    if (!view.clientWidth || index < 0) return;
    const { step } = measures(), at = Math.floor(index / columns()) * step;
    if (at < view.scrollTop) view.scrollTop = at;
    else if (at + step + gap > view.scrollTop + view.clientHeight) view.scrollTop = at + step + gap - view.clientHeight;
    layout();
  }

  function step(by, how = {}) {
    if (!rows.length) return;
    const from = active < 0 && Number.isFinite(by) ? -by : active; // nothing chosen yet: begin at the first
    const next = Math.min(rows.length - 1, Math.max(0, from + by));
    activate(next);
    onChoose(next, { ...how, keys: true });
  }

  view.addEventListener("keydown", (event) => {
    if (event.target !== view || event.isComposing) return;
    if (onAll && (event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "a") {
      event.preventDefault();
      onAll();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor(view.clientHeight / measures().step)) * columns();
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns(), ArrowDown: columns(), PageUp: -page, PageDown: page, Home: -Infinity, End: Infinity };
    let used = true;
    if (event.key in steps) step(steps[event.key], { range: event.shiftKey && multiple });
    else if (event.key === "Enter" && active >= 0) onOpen(active);
    else if (event.key === " " && multiple && active >= 0 && !onKey(event, active)) onChoose(active, { toggle: true, keys: true });
    else if (event.key !== " " || !multiple) used = onKey(event, active);
    if (used) event.preventDefault();
  });

  const indexOf = (event) => {
    const cell = event.target.closest?.(".lb-cell");
    return cell && view.contains(cell) ? Number(cell.dataset.index) : -1;
  };
  let pointer = "mouse", held = false, holding = 0;
  view.addEventListener("pointerdown", (event) => {
    pointer = event.pointerType;
    held = false;
    clearTimeout(holding);
    const index = indexOf(event);
    if (onHold && pointer === "touch" && index >= 0) holding = setTimeout(() => { held = true; activate(index, { bring: false }); onHold(index); }, 450);
  });
  for (const kind of ["pointerup", "pointercancel", "pointerleave"]) view.addEventListener(kind, () => clearTimeout(holding));
  view.addEventListener("scroll", () => { clearTimeout(holding); layout(); }, { passive: true });
  view.addEventListener("contextmenu", (event) => { if (onHold && pointer === "touch") event.preventDefault(); });
  view.addEventListener("click", (event) => {
    const index = indexOf(event);
    if (index < 0 || held) { held = false; return; }
    activate(index, { bring: false });
    view.focus({ preventScroll: true });
    onChoose(index, { toggle: event.ctrlKey || event.metaKey, range: event.shiftKey && multiple, touch: pointer === "touch", keys: false });
  });
  view.addEventListener("mousedown", (event) => { if (event.shiftKey) event.preventDefault(); }); // no text is marked
  view.addEventListener("dblclick", (event) => { const index = indexOf(event); if (index >= 0 && !event.ctrlKey && !event.shiftKey) onOpen(index); });
  new ResizeObserver(layout).observe(view);

  return {
    setRows, refresh, redraw, layout, activate, bringIn, columns, step,
    focus: () => view.focus({ preventScroll: true }),
    get rows() { return rows; },
    get active() { return active; },
    get inSight() { return [...cells.keys()]; },
  };
}
