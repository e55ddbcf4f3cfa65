/**
 * One picture large, that is zoomed and moved; tools draw over it and get the pointer in the
 * picture's own pixels.
 *
 * tool: { down(point, event) → true to go on, move(point, event), up(point, event), draw(), cursor(point) }
 * or null, then the pointer moves the picture. onChange(): after zooming, moving or resizing.
 */
function makeStage({ onChange = () => {} } = {}) {
  const LARGE = 1280, SMALLEST = 0.02, LARGEST = 16;
  const picture = h("img.lb-stage-picture", { alt: "", draggable: "false", decoding: "async" });
  const after = h("img.lb-stage-after", { alt: "", draggable: "false", hidden: true });
  const canvas = h("canvas.lb-stage-canvas", { "aria-hidden": "true", hidden: true });
  const layer = h("svg.lb-stage-layer", { "aria-hidden": "true" });
  const broken = h("p.lb-stage-broken.lb-muted", { hidden: true, text: t`This picture cannot be shown.` });
  const percent = h("span.lb-stage-percent");
  const button = (text, label, work) => h("button.lb-stage-button", { type: "button", text, "aria-label": label, title: label, onclick: work });
  const tools = h("div.lb-stage-tools", {}, button("−", t`Make smaller (−)`, () => zoom(0.8)), percent, button("+", t`Enlarge (+)`, () => zoom(1.25)), button("1:1", t`One pixel as one pixel (1)`, () => oneToOne()), button("⤢", t`Fit (0)`, () => fit()));
  const node = h("div.lb-stage", { tabindex: "0", role: "group", "aria-label": t`The picture` }, picture, after, canvas, layer, broken);
  const element = h("div.lb-stage-frame", {}, node, tools);

  let project = "", row = null, scale = 1, x = 0, y = 0, fitted = true, tool = null, sharp = false;
  let part = null, share = 1; // what was painted, and how much of it is shown
  const pointers = new Map();
  let doing = "", last = null, space = false;

  const inside = () => ({ width: node.clientWidth, height: node.clientHeight });
  function fit() {
    fitted = true;
    if (!row) return;
    const { width, height } = inside();
    scale = Math.min((width - 24) / row.width, (height - 64) / row.height, 3);
    x = (width - row.width * scale) / 2;
    y = (height - 40 - row.height * scale) / 2; // the tools below cover no signature
    place();
  }

  function zoom(factor, at = null) {
    if (!row) return;
    const { width, height } = inside(), middle = at || { x: width / 2, y: height / 2 };
    const next = Math.min(LARGEST, Math.max(SMALLEST, scale * factor));
    x = middle.x - (middle.x - x) * (next / scale);
    y = middle.y - (middle.y - y) * (next / scale);
    scale = next;
    fitted = false;
    hold();
    place();
  }
  const oneToOne = () => zoom(1 / (devicePixelRatio || 1) / scale);

  /** At least a corner of the picture stays in sight. */
  function hold() {
    const { width, height } = inside(), least = 48;
    x = Math.min(width - least, Math.max(least - row.width * scale, x));
    y = Math.min(height - least, Math.max(least - row.height * scale, y));
  }

  function place() {
    if (!row) return;
    for (const [image, box] of [[picture, { left: 0, top: 0, ...row }], [after, part]]) {
      if (!box) continue;
      image.style.width = `${box.width * scale}px`;
      image.style.height = `${box.height * scale}px`;
      image.style.transform = `translate(${x + box.left * scale}px, ${y + box.top * scale}px)`;
    }
    after.style.clipPath = part ? `inset(0 ${(1 - clipped()) * 100}% 0 0)` : "";
    const many = Math.max(row.width, row.height);
    if (!sharp && many > LARGE && scale * many * (devicePixelRatio || 1) > LARGE * 1.1) { sharp = true; source("whole"); }
    picture.classList.toggle("lb-pixels", scale * (devicePixelRatio || 1) >= 3);
    say(percent, `${Math.round(scale * (devicePixelRatio || 1) * 100)} %`);
    const { width, height } = inside();
    if (canvas.width !== width || canvas.height !== height) { canvas.width = width; canvas.height = height; }
    layer.setAttribute("viewBox", `0 0 ${width} ${height}`);
    tool?.draw?.();
    onChange();
  }

  /** The share of what was painted that lies left of the divider. */
  const clipped = () => share;

  function source(kind) {
    const address = `/lorabake/${kind}/${encodeURIComponent(project)}/${row.sha}`;
    if (kind === "whole") { // the smaller one stays until the larger is there
      const wanted = row, next = new Image();
      next.onload = () => { if (row === wanted) picture.src = address; };
      next.src = address;
    } else picture.src = address;
  }

  function show(nextProject, nextRow) {
    if (project === nextProject && row && nextRow && row.sha === nextRow.sha) { row = nextRow; return; }
    project = nextProject;
    row = nextRow;
    sharp = false;
    broken.hidden = true;
    picture.hidden = !row;
    tools.hidden = !row;
    paint(null);
    if (!row) { picture.removeAttribute("src"); return; }
    picture.alt = row.name;
    source("image");
    fit();
  }
  picture.addEventListener("error", () => { broken.hidden = !row; });
  picture.addEventListener("load", () => { broken.hidden = true; });

  /** Lay a changed part over the picture: { src, left, top, width, height }; null takes it away. */
  function paint(found, { shown: much = 1 } = {}) {
    part = found;
    share = much;
    after.hidden = !found;
    if (found) { if (after.getAttribute("src") !== found.src) after.src = found.src; place(); } else after.removeAttribute("src");
  }

  const local = (event) => { const at = node.getBoundingClientRect(); return { x: event.clientX - at.left - node.clientLeft, y: event.clientY - at.top - node.clientTop }; };
  const toPicture = (at) => ({ x: (at.x - x) / scale, y: (at.y - y) / scale });
  const toScreen = (at) => ({ x: x + at.x * scale, y: y + at.y * scale });

  node.addEventListener("wheel", (event) => {
    if (!row || !(event.ctrlKey || event.metaKey)) return; // else the page scrolls
    event.preventDefault();
    zoom(Math.exp(-Math.max(-120, Math.min(120, event.deltaY)) / 300), local(event));
  }, { passive: false });

  node.addEventListener("pointerdown", (event) => {
    if (!row || event.button > 1) return;
    pointers.set(event.pointerId, local(event));
    try { node.setPointerCapture(event.pointerId); } catch { /* it was lifted meanwhile */ }
    node.focus({ preventScroll: true });
    if (pointers.size === 2) { if (doing === "tool") tool?.cancel?.(); doing = "pinch"; last = spread(); return; }
    if (tool && event.button === 0 && !space) {
      event.preventDefault();
      doing = tool.down(toPicture(local(event)), event) ? "tool" : "";
      return;
    }
    if (event.pointerType === "touch" && fitted && !tool) { doing = ""; return; } // the page scrolls
    event.preventDefault();
    doing = "pan";
    last = local(event);
  });
  node.addEventListener("pointermove", (event) => {
    if (!row) return;
    if (pointers.has(event.pointerId)) pointers.set(event.pointerId, local(event));
    if (doing === "pinch" && pointers.size === 2) {
      const now = spread();
      x += now.middle.x - last.middle.x;
      y += now.middle.y - last.middle.y;
      zoom(now.far / last.far, now.middle);
      last = now;
    } else if (doing === "pan") {
      const now = local(event);
      x += now.x - last.x;
      y += now.y - last.y;
      last = now;
      fitted = false;
      hold();
      place();
    } else if (doing === "tool") tool?.move?.(toPicture(local(event)), event);
    else if (tool) node.style.cursor = space ? "grab" : tool.cursor?.(toPicture(local(event))) || "crosshair";
    tool?.hover?.(toPicture(local(event)), event);
  });
  function lifted(event) {
    pointers.delete(event.pointerId);
    if (doing === "tool" && event.type === "pointerup") tool?.up?.(toPicture(local(event)), event);
    else if (doing === "tool") tool?.cancel?.();
    doing = "";
  }
  node.addEventListener("pointerup", lifted);
  node.addEventListener("pointercancel", lifted);
  node.addEventListener("pointerleave", () => tool?.hover?.(null));
  node.addEventListener("dblclick", () => { if (!tool) { if (fitted) oneToOne(); else fit(); } });
  function spread() {
    const [a, b] = [...pointers.values()];
    return { far: Math.max(20, Math.hypot(a.x - b.x, a.y - b.y)), middle: { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 } };
  }
  node.addEventListener("keydown", (event) => { if (event.key === " ") { event.preventDefault(); space = true; node.style.cursor = "grab"; } });
  node.addEventListener("keyup", (event) => { if (event.key === " ") { space = false; node.style.cursor = ""; } });
  node.addEventListener("blur", () => { space = false; });
  new ResizeObserver(() => { if (row && node.clientWidth) { if (fitted) fit(); else place(); } }).observe(node);

  return {
    element, node, layer, canvas, show, paint, fit, zoom, oneToOne, toScreen, toPicture,
    use(next) { tool = next; node.style.cursor = next ? "crosshair" : ""; node.classList.toggle("lb-with-tool", Boolean(next)); replace(layer); canvas.hidden = !next?.paints; place(); },
    get scale() { return scale; },
    get row() { return row; },
    get fitted() { return fitted; },
  };
}
