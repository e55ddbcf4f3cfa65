/**
 * A picture to look at closely: the wheel, a double click or two fingers enlarge it, dragging moves
 * it, and it can be hidden. Nothing of the page is laid out anew while it is enlarged.
 */
function makePreview() {
  const LARGEST = 8;
  const image = h("img.lb-large", { alt: "", draggable: "false" });
  const cover = h("button.lb-button.lb-uncover", { type: "button", hidden: true, text: t`Show the picture`, onclick: () => hide(false) });
  const amount = h("span.lb-zoom-amount", { hidden: true });
  const frame = h("div.lb-large-frame", { title: t`Wheel or double click: enlarge. Drag: move.` }, image, cover, amount);
  const pointers = new Map();
  let scale = 1, x = 0, y = 0, hidden = false, pinch = null, moved = false, source = 0;

  function apply() {
    const { clientWidth: width, clientHeight: height } = frame;
    const spareX = Math.max(0, (image.clientWidth * scale - width) / 2), spareY = Math.max(0, (image.clientHeight * scale - height) / 2);
    x = Math.min(spareX, Math.max(-spareX, x));
    y = Math.min(spareY, Math.max(-spareY, y));
    image.style.transform = scale === 1 ? "" : `translate(${x}px, ${y}px) scale(${scale})`;
    frame.classList.toggle("lb-zoomed", scale > 1);
    amount.hidden = scale === 1;
    say(amount, `${Math.round(scale * 100)} %`);
  }

  /** Enlarge so that what is at this place of the frame stays there. */
  function zoom(to, clientX, clientY) {
    const next = Math.min(LARGEST, Math.max(1, to)), box = frame.getBoundingClientRect();
    const px = clientX - box.left - box.width / 2, py = clientY - box.top - box.height / 2;
    x = px - (px - x) * (next / scale);
    y = py - (py - y) * (next / scale);
    scale = next;
    if (scale === 1) { x = 0; y = 0; }
    apply();
  }
  function reset() { scale = 1; x = 0; y = 0; apply(); }

  frame.addEventListener("wheel", (event) => {
    if (hidden || (scale === 1 && event.deltaY > 0)) return; // the page scrolls on
    event.preventDefault();
    zoom(scale * Math.exp(-Math.max(-100, Math.min(100, event.deltaY)) / 300), event.clientX, event.clientY);
  }, { passive: false });
  frame.addEventListener("dblclick", (event) => {
    if (hidden || event.target === cover) return;
    const real = image.naturalWidth && image.clientWidth ? image.naturalWidth / image.clientWidth : 2;
    if (scale > 1) reset(); else zoom(Math.max(2, real), event.clientX, event.clientY);
  });
  frame.addEventListener("pointerdown", (event) => {
    if (hidden || event.button) return;
    pointers.set(event.pointerId, [event.clientX, event.clientY]);
    moved = false;
    if (pointers.size === 2) pinch = { apart: apart(), scale };
  });
  frame.addEventListener("pointermove", (event) => {
    const from = pointers.get(event.pointerId);
    if (!from) return;
    pointers.set(event.pointerId, [event.clientX, event.clientY]);
    if (pinch && pointers.size === 2) {
      const [[ax, ay], [bx, by]] = [...pointers.values()];
      zoom(pinch.scale * (apart() / pinch.apart), (ax + bx) / 2, (ay + by) / 2);
    } else if (scale > 1) {
      if (!moved) { moved = true; try { frame.setPointerCapture(event.pointerId); } catch { /* gone already */ } }
      x += event.clientX - from[0];
      y += event.clientY - from[1];
      apply();
    }
  });
  for (const kind of ["pointerup", "pointercancel", "pointerleave"]) frame.addEventListener(kind, (event) => {
    if (kind === "pointerleave" && frame.hasPointerCapture?.(event.pointerId)) return;
    pointers.delete(event.pointerId);
    if (pointers.size < 2) pinch = null;
  });
  function apart() {
    const [[ax, ay], [bx, by]] = [...pointers.values()];
    return Math.max(1, Math.hypot(ax - bx, ay - by));
  }

  function hide(on = !hidden) {
    hidden = on;
    frame.classList.toggle("lb-hidden-picture", hidden);
    cover.hidden = !hidden;
    if (hidden) reset();
    return hidden;
  }

  /** The small picture is there at once, the large one replaces it when it has come. */
  function show(project, row) {
    reset();
    const turn = (source += 1), base = `${encodeURIComponent(project)}/${row.sha}`;
    image.alt = row.name;
    const large = new Image();
    large.src = `/lorabake/image/${base}`;
    if (large.complete) { image.src = large.src; return; }
    image.src = `/lorabake/thumb/${base}`;
    large.decode().then(() => { if (turn === source) image.src = large.src; }).catch(() => { /* the small one stays */ });
  }

  return { element: frame, show, hide, reset, get zoomed() { return scale > 1; }, get hidden() { return hidden; }, enlarge: (by) => { const box = frame.getBoundingClientRect(); zoom(scale * by, box.left + box.width / 2, box.top + box.height / 2); } };
}
