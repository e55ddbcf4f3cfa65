/**
 * Boxes over the picture, which change nothing until they are cut out.
 *
 * server: lb_curate_boxes, lb_curate_box, lb_curate_keep_boxes, lb_curate_cut.
 * onCut(answer, sentence): after the cut; onBoxes(id, count): a list was kept.
 */
function makeCropper({ server, stage, onCut, onBoxes, onWrong }) {
  const LEAST = 16, GRIP = 9;
  const PADS = [["", t`No, stays inside`], ["edge", t`Yes, its edge goes on`], ["#ffffff", t`Yes, with white`], ["#000000", t`Yes, with black`]];
  let project = "", row = null, boxes = [], active = -1, suggested = [], bars = null, drag = null;
  let turn = 0, waiting = 0, unsaved = false, busy = false, saving = Promise.resolve();

  // --- what stands under the picture -----------------------------------------------------------
  const shape = h("select.lb-select", { "aria-label": t`Shape of the boxes`, onchange: () => { remember("curating-shape", shape.value); if (active >= 0) snapped(active); } });
  const pad = h("select.lb-select", { "aria-label": t`Whether a box may reach beyond the picture`, onchange: () => { if (active < 0) return; boxes[active] = within({ ...boxes[active], pad: pad.value }); changed(); } }, ...PADS.map(([value, text]) => h("option", { value, text })));
  const takeSuggested = h("button.lb-button", { "data-needs": "lb_curate_keep_boxes", type: "button", hidden: true, onclick: () => take(suggested) });
  const takeBars = h("button.lb-button", { "data-needs": "lb_curate_keep_boxes", type: "button", hidden: true, text: t`Cut the bars off`, title: t`One box without the flat bars`, onclick: () => take([bars]) });
  const list = h("ol.lb-boxes");
  const hint = h("p.lb-muted.lb-curate-hint");
  const keep = h("input", { type: "checkbox", checked: recall("curating-keep", false), onchange: () => remember("curating-keep", keep.checked) });
  const single = h("input", { type: "checkbox", checked: true });
  const go = h("button.lb-button.lb-primary", { "data-needs": "lb_curate_cut", type: "button", onclick: cut });
  const panel = h("div.lb-curate-tool", { hidden: true },
    h("div.lb-line", {}, h("label.lb-field", {}, h("span", { text: t`Shape` }), shape), h("label.lb-field", {}, h("span", { text: t`Beyond the picture?` }), pad), takeSuggested, takeBars),
    hint, list,
    h("div.lb-line", {}, h("label.lb-check", {}, keep, h("span", { text: t`Leave the original in the folder, too` })), h("label.lb-check", {}, single, h("span", { text: t`Without the tag multiple views` })), h("span.lb-grow"), go));

  // --- boxes ------------------------------------------------------------------------------------
  const same = (a, b) => ["left", "top", "width", "height", "rotate", "pad"].every((key) => a[key] === b[key]);
  const size = (box) => (box.rotate % 180 ? [box.height, box.width] : [box.width, box.height]);
  const fixed = () => (shape.value.includes("x") ? shape.value.split("x").map(Number) : null);

  /** Whole px, and inside the picture unless it may reach out. */
  function within(box) {
    const next = { ...box, width: Math.max(LEAST, Math.round(box.width)), height: Math.max(LEAST, Math.round(box.height)) };
    if (!next.pad) {
      next.width = Math.min(next.width, row.width);
      next.height = Math.min(next.height, row.height);
    }
    const out = next.pad ? 1 : 0; // so much may lie outside
    next.left = Math.round(Math.min(row.width - next.width + out * (next.width - LEAST), Math.max(-out * (next.width - LEAST), box.left)));
    next.top = Math.round(Math.min(row.height - next.height + out * (next.height - LEAST), Math.max(-out * (next.height - LEAST), box.top)));
    return next;
  }

  function take(found) {
    for (const box of found) if (box && !boxes.some((one) => same(one, box))) boxes.push({ ...box });
    active = boxes.length - 1;
    changed();
  }

  /** The picture's boxes as they are now are kept a moment later. */
  function changed() {
    unsaved = true;
    for (const box of boxes) if (box.room && box.of !== JSON.stringify(size(box))) box.room = null;
    draw();
    clearTimeout(waiting);
    waiting = setTimeout(flush, 450);
  }

  function flush() {
    clearTimeout(waiting);
    if (!unsaved || !row) return saving;
    unsaved = false;
    const at = { project, id: row.id }, sent = boxes.map(plain), mine = turn;
    saving = saving.then(() => ask(server.lb_curate_keep_boxes, { ...at, boxes: sent })).then((answer) => {
      onBoxes(at.id, sent.length);
      if (mine !== turn || unsaved || drag) return;
      boxes = answer.boxes.map(known);
      draw();
    }).catch((error) => { onWrong(error); });
    return saving;
  }
  const plain = ({ left, top, width, height, rotate, pad: beyond }) => ({ left, top, width, height, rotate, pad: beyond });
  const known = (box) => ({ ...box, of: JSON.stringify(size(box)) });

  async function snapped(index) {
    if (!shape.value || !boxes[index]) return;
    const mine = turn, box = boxes[index];
    try {
      const answer = await ask(server.lb_curate_box, { project, id: row.id, box: plain(box), shape: fixed() });
      if (mine !== turn || boxes[index] !== box || drag) return;
      boxes[index] = answer.box;
      changed();
    } catch (error) { onWrong(error); }
  }

  async function open() {
    const mine = (turn += 1);
    boxes = [];
    suggested = [];
    bars = null;
    active = -1;
    drag = null;
    unsaved = false;
    draw();
    if (!row) return;
    try {
      const answer = await ask(server.lb_curate_boxes, { project, id: row.id });
      if (mine !== turn) return;
      boxes = boxes.length ? boxes : answer.boxes.map(known);
      ({ suggested, bars } = answer);
      if (active < 0 && boxes.length) active = 0;
      shapes(answer.shapes);
      draw();
    } catch (error) { if (mine === turn) onWrong(error); }
  }

  function shapes(sizes) {
    const wanted = shape.value || recall("curating-shape", "nearest");
    replace(shape, h("option", { value: "", text: t`Free` }), h("option", { value: "nearest", text: t`Nearest of the recipe` }),
      ...sizes.map(([w, g]) => h("option", { value: `${w}x${g}`, text: `${w} × ${g}` })));
    shape.value = [...shape.options].some((option) => option.value === wanted) ? wanted : "nearest";
  }

  async function cut() {
    if (busy || !boxes.length) return;
    busy = true;
    draw();
    const { id, name } = row, wanted = { project, id, boxes: boxes.map(plain), keep: keep.checked, single: single.checked };
    try { // while this is asked, another picture may have been chosen
      await flush();
      const answer = await ask(server.lb_curate_cut, wanted);
      onCut(answer, t`${plural(answer.cuts, "picture")} cut out of ${name}. ${wanted.keep ? t`The original stays beside.` : t`The original is put away; undo brings it back.`}`);
    } catch (error) { onWrong(error); } finally { busy = false; draw(); }
  }

  // --- drawing ------------------------------------------------------------------------------------
  const GRIPS = [[0, 0], [0.5, 0], [1, 0], [1, 0.5], [1, 1], [0.5, 1], [0, 1], [0, 0.5]];
  const grips = () => (fixed() ? GRIPS.filter(([a, b]) => a !== 0.5 && b !== 0.5) : GRIPS);

  function draw() {
    if (panel.hidden || !row) return;
    const frame = (box) => { const at = stage.toScreen({ x: box.left, y: box.top }); return { x: at.x, y: at.y, width: box.width * stage.scale, height: box.height * stage.scale }; };
    const { clientWidth: w, clientHeight: g } = stage.node;
    const nodes = [];
    if (boxes.length) nodes.push(shade(boxes.map(frame), w, g));
    const dashed = boxes.length ? [] : [...suggested, ...(bars ? [bars] : [])];
    for (const box of dashed) nodes.push(h("rect.lb-crop-suggested", frame(box)));
    boxes.forEach((box, index) => {
      const at = frame(box), [wide, high] = size(box);
      nodes.push(h("rect.lb-crop-under", at), h(`rect.lb-crop-box${index === active ? ".lb-on" : ""}`, at));
      const text = `${index + 1} · ${wide} × ${high}${box.rotate ? ` · ${box.rotate}°` : ""}`;
      const y = Math.max(at.y, 0) + 20;
      nodes.push(h("rect.lb-crop-tag", { x: Math.max(at.x, 0) + 4, y: y - 15, width: text.length * 7.2 + 10, height: 20, rx: 4 }), h("text.lb-crop-text", { x: Math.max(at.x, 0) + 9, y, text }));
      if (index === active) for (const [a, b] of grips()) nodes.push(h("rect.lb-crop-grip", { x: at.x + a * at.width - GRIP / 2, y: at.y + b * at.height - GRIP / 2, width: GRIP, height: GRIP, rx: 2 }));
    });
    replace(stage.layer, ...nodes);
    drawPanel();
  }

  /** All that is in no box is darker; boxes that overlap stay light. */
  function shade(frames, width, height) {
    const mask = document.createElementNS("http://www.w3.org/2000/svg", "mask");
    mask.id = "lb-crop-mask";
    mask.append(h("rect", { width, height, fill: "white" }), ...frames.map((at) => h("rect", { ...at, fill: "black" })));
    return h("g", {}, mask, h("rect.lb-crop-shade", { width, height, mask: "url(#lb-crop-mask)" }));
  }

  function drawPanel() {
    const box = boxes[active];
    pad.disabled = !box;
    pad.value = box ? box.pad : "";
    const left = suggested.filter((one) => !boxes.some((other) => same(one, other)));
    takeSuggested.hidden = !left.length;
    say(takeSuggested, t`Take ${plural(left.length, "suggested box", "suggested boxes")}`);
    takeBars.hidden = !bars || boxes.some((one) => same(one, bars));
    say(hint, boxes.length ? t`Drag a box or its corners; arrow keys move it by one pixel, with Alt they resize it, with Shift by ten. R turns, Del removes, B goes to the next.`
      : suggested.length ? t`Several views seem to be in it (dashed). Take the suggested boxes, or draw your own: one or more.` : t`Draw a box over the part you want: one or more. Nothing changes until you cut.`);
    replace(list, ...boxes.map((one, index) => h(`li${index === active ? ".lb-on" : ""}`, {},
      h("button.lb-box-name", { type: "button", "aria-pressed": String(index === active), onclick: () => { active = index; draw(); stage.node.focus({ preventScroll: true }); } }, h("b", { text: `${index + 1}` }), h("span", { text: size(one).join(" × ") + " px" }), h("span.lb-muted", { text: said(one) })),
      h("button.lb-quiet", { type: "button", text: "⟳", "aria-label": t`Turn box ${index + 1} by 90°`, title: t`Turn the result by 90° (R)`, onclick: () => rotate(index) }),
      h("button.lb-quiet", { type: "button", text: "✕", "aria-label": t`Remove box ${index + 1}`, title: t`Remove the box (Del)`, onclick: () => remove(index) }))));
    go.disabled = busy || !boxes.length;
    say(go, busy ? t`Cutting…` : boxes.length ? t`Cut out ${plural(boxes.length, "picture")}` : t`Cut out`);
  }

  /** What the recipe makes of a box. */
  function said(box) {
    if (!box.room) return box.of ? "" : "…";
    const { bucket, enlarged } = box.room;
    return t`trained at ${bucket.join(" × ")}${enlarged > 1.005 ? t`, enlarged ${enlarged.toFixed(2)} times` : enlarged < 0.995 ? t`, made smaller to ${Math.round(enlarged * 100)} %` : t`, as it is`}`;
  }

  const rotate = (index) => { boxes[index] = within({ ...boxes[index], rotate: (boxes[index].rotate + 90) % 360 }); active = index; changed(); if (shape.value) snapped(index); };
  const remove = (index) => { boxes.splice(index, 1); active = Math.min(active, boxes.length - 1); changed(); };

  // --- the pointer ----------------------------------------------------------------------------------
  const reach = () => 14 / stage.scale;
  function gripAt(point) {
    const box = boxes[active];
    if (!box) return null;
    return grips().find(([a, b]) => Math.abs(point.x - box.left - a * box.width) < reach() && Math.abs(point.y - box.top - b * box.height) < reach()) || null;
  }
  const boxAt = (point) => {
    const hits = boxes.map((box, index) => ({ box, index })).filter(({ box }) => point.x >= box.left && point.y >= box.top && point.x <= box.left + box.width && point.y <= box.top + box.height);
    hits.sort((a, b) => (b.index === active) - (a.index === active) || a.box.width * a.box.height - b.box.width * b.box.height);
    return hits[0]?.index ?? -1;
  };

  const tool = {
    down(point, event) {
      const grip = gripAt(point), index = grip ? active : boxAt(point);
      if (grip) { const box = boxes[active]; drag = { kind: "size", grip, from: { ...box } }; }
      else if (index >= 0 && !event.shiftKey) { active = index; drag = { kind: "move", from: { ...boxes[index] }, at: point }; draw(); }
      else drag = { kind: "new", at: point, made: false };
      return true;
    },
    move(point) {
      if (!drag) return;
      if (drag.kind === "move") {
        boxes[active] = within({ ...drag.from, left: drag.from.left + point.x - drag.at.x, top: drag.from.top + point.y - drag.at.y });
      } else if (drag.kind === "size") boxes[active] = sized(drag.from, drag.grip, point);
      else {
        const far = Math.max(Math.abs(point.x - drag.at.x), Math.abs(point.y - drag.at.y));
        if (!drag.made && far * stage.scale < 6) return;
        const from = clamp(drag.at, pad.value && boxes[active] ? boxes[active].pad : "");
        const start = { left: from.x, top: from.y, width: 0, height: 0, rotate: 0, pad: "" };
        if (!drag.made) { boxes.push(start); active = boxes.length - 1; drag.made = true; }
        boxes[active] = sized(start, [point.x >= from.x ? 1 : 0, point.y >= from.y ? 1 : 0], point);
      }
      draw();
    },
    up() {
      const mine = drag;
      drag = null;
      if (!mine) return;
      const box = boxes[active];
      if (mine.kind === "new" && !mine.made) { active = -1; draw(); return; }
      if (mine.kind === "new" && Math.min(box.width, box.height) < LEAST) { remove(active); return; }
      if (mine.kind === "move" && same(mine.from, box)) return;
      boxes[active] = within(box);
      changed();
      if (mine.kind !== "move") snapped(active);
    },
    cancel() {
      if (drag?.kind === "new" && drag.made) { boxes.pop(); active = boxes.length - 1; }
      else if (drag && drag.kind !== "new") boxes[active] = drag.from;
      drag = null;
      draw();
    },
    cursor(point) {
      const grip = gripAt(point);
      if (grip) { const [a, b] = grip; return a === 0.5 ? "ns-resize" : b === 0.5 ? "ew-resize" : a === b ? "nwse-resize" : "nesw-resize"; }
      return boxAt(point) >= 0 ? "move" : "crosshair";
    },
    draw,
  };

  const clamp = (point, beyond) => (beyond ? point : { x: Math.min(row.width, Math.max(0, point.x)), y: Math.min(row.height, Math.max(0, point.y)) });

  /** A box whose grip was moved to a point; the opposite corner stays where it is. */
  function sized(from, [a, b], to) {
    const point = clamp(to, from.pad), next = { ...from };
    let left = from.left, top = from.top, right = from.left + from.width, bottom = from.top + from.height;
    if (a === 0) left = Math.min(point.x, right); else if (a === 1) right = Math.max(point.x, left);
    if (b === 0) top = Math.min(point.y, bottom); else if (b === 1) bottom = Math.max(point.y, top);
    const locked = fixed();
    if (locked) {
      const [w, g] = from.rotate % 180 ? [locked[1], locked[0]] : locked;
      const room = from.pad ? Infinity : 1;
      let width = Math.max(right - left, (bottom - top) * (w / g));
      if (room === 1) width = Math.min(width, a ? row.width - left : right, (b ? row.height - top : bottom) * (w / g));
      const height = width * (g / w);
      if (a) right = left + width; else left = right - width;
      if (b) bottom = top + height; else top = bottom - height;
    }
    return Object.assign(next, { left: Math.round(left), top: Math.round(top), width: Math.round(right - left), height: Math.round(bottom - top) });
  }

  /** What a key does to the boxes, or nothing. */
  function key(event) {
    const box = boxes[active], by = event.shiftKey ? 10 : 1;
    const step = { ArrowLeft: [-by, 0], ArrowRight: [by, 0], ArrowUp: [0, -by], ArrowDown: [0, by] }[event.key];
    if (step && box) return () => {
      boxes[active] = within(event.altKey ? { ...box, width: box.width + step[0], height: box.height + step[1] } : { ...box, left: box.left + step[0], top: box.top + step[1] });
      changed();
    };
    if (event.altKey) return null;
    if ((event.key === "Delete" || event.key === "Backspace")) return box ? () => remove(active) : () => {};
    if (event.key.toLowerCase() === "r" && box) return () => rotate(active);
    if (event.key.toLowerCase() === "b" && boxes.length) return () => { active = (active + 1) % boxes.length; draw(); };
    return null;
  }

  return {
    panel, tool, key, flush, draw,
    show(nextProject, nextRow) {
      if (project === nextProject && row?.id === nextRow?.id && row?.sha === nextRow?.sha) return;
      flush();
      project = nextProject;
      row = nextRow;
      if (!panel.hidden) open(); else turn += 1;
    },
    /** begin: "suggested" or "bars" takes those when there are no boxes yet. */
    async enter(begin = "") {
      panel.hidden = false;
      await open();
      if (boxes.length) return;
      if (begin === "suggested" && suggested.length) take(suggested);
      if (begin === "bars" && bars) take([bars]);
    },
    leave() { flush(); panel.hidden = true; turn += 1; },
    /** After an undo the list may be another one. */
    refresh() { if (!panel.hidden && !unsaved && !drag) open(); },
    get count() { return boxes.length; },
  };
}
