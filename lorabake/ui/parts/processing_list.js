// A list of any length of which only what can be seen is in the document. Rows may differ in height:
// blocks of rows are placed by a guess and moved as soon as their real height is known.
function makeList(view, { draw, block = 16, guess = 64 }) {
  const MARGIN = 400; // px drawn above and below what can be seen
  const tall = h("div.lb-tall", { role: "presentation" });
  const blocks = new Map();
  let total = 0, heights = [];
  replace(view, tall);

  function fill(number) {
    const first = number * block, rows = [];
    for (let index = first; index < Math.min(total, first + block); index += 1) rows.push(draw(index));
    return rows;
  }

  function layout() {
    if (!view.isConnected) return;
    for (let round = 0; round < 4 && place(); round += 1);
  }

  /** Draw what can be seen; true when a block turned out to be higher or lower than was thought. */
  function place() {
    const from = view.scrollTop - MARGIN, to = view.scrollTop + view.clientHeight + MARGIN;
    const tops = new Map();
    let y = 0;
    for (let number = 0; number < heights.length; number += 1) {
      if (y + heights[number] > from && y < to) tops.set(number, y);
      y += heights[number];
    }
    tall.style.height = `${y}px`;
    for (const [number, node] of blocks) if (!tops.has(number)) { node.remove(); blocks.delete(number); }
    for (const [number, top] of tops) {
      let node = blocks.get(number);
      if (!node) { node = h("div.lb-block", { role: "presentation" }, ...fill(number)); blocks.set(number, node); tall.append(node); }
      node.style.transform = `translateY(${top}px)`;
    }
    let moved = false, shift = 0;
    for (const [number, node] of blocks) {
      const real = node.offsetHeight;
      if (!real || Math.abs(real - heights[number]) < 1) continue;
      if (tops.get(number) + heights[number] <= view.scrollTop) shift += real - heights[number];
      heights[number] = real;
      moved = true;
    }
    if (shift) view.scrollTop += shift; // what is being read stays where it is
    return moved;
  }

  /** Start anew with so many rows; `stay` keeps the place. */
  function set(count, { stay = false } = {}) {
    for (const node of blocks.values()) node.remove();
    blocks.clear();
    total = count;
    heights = Array.from({ length: Math.ceil(count / block) }, (_, number) => Math.min(block, count - number * block) * guess);
    if (!stay) view.scrollTop = 0;
    layout();
  }

  /** Draw these rows again: they arrived, or changed. */
  function refresh(first = 0, end = total) {
    const focused = tall.contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") : "";
    for (const [number, node] of blocks) {
      if ((number + 1) * block > first && number * block < end) replace(node, ...fill(number));
    }
    if (focused && !tall.contains(document.activeElement)) [...tall.querySelectorAll("[aria-label]")].find((one) => one.getAttribute("aria-label") === focused)?.focus({ preventScroll: true });
    layout();
  }

  view.addEventListener("scroll", layout, { passive: true });
  new ResizeObserver(layout).observe(view);
  return { set, refresh, block, get length() { return total; } };
}
