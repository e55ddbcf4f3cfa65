/**
 * A brush and a box to paint over signatures and watermarks. The server computes what comes instead;
 * it is laid over the picture, to be compared, before it takes the picture's place.
 */
function makeEraser({ server, stage, onDone, onWrong }) {
  let project = "", row = null, marks = [], doing = null, pointer = null, result = null, turn = 0, waiting = 0, busy = false;

  const kind = h("div.lb-switch", { role: "group", "aria-label": t`Mark with` }, ...[["brush", t`Brush`], ["box", t`Box`]].map(([value, text]) => h("button.lb-quiet", { type: "button", text, "data-kind": value, onclick: () => setKind(value) })));
  const radius = h("input.lb-range", { type: "range", min: "2", max: "120", value: recall("curating-brush", 18), "aria-label": t`Size of the brush`, oninput: () => { say(radiusText, `${radius.value * 2} px`); remember("curating-brush", Number(radius.value)); draw(); } });
  const radiusText = h("span.lb-mono", { text: `${radius.value * 2} px` });
  const brush = h("label.lb-field", {}, h("span", { text: t`Size of the brush` }), h("div.lb-line", {}, radius, radiusText));
  const method = h("select.lb-select", { "aria-label": t`How to paint over`, onchange: () => { remember("curating-method", method.value); changed(); } });
  const back = h("button.lb-button", { type: "button", text: t`Take the last mark back`, onclick: () => { marks.pop(); changed(); } });
  const clear = h("button.lb-quiet", { type: "button", text: t`No marks`, onclick: () => { marks = []; changed(); } });
  const look = h("button.lb-button", { "data-needs": "lb_curate_paint", type: "button", text: t`Show the result`, onclick: () => compute() });
  const divider = h("input.lb-range.lb-divider", { type: "range", min: "0", max: "100", value: "100", "aria-label": t`How much of the result is shown`, oninput: () => { if (result) stage.paint(result, { shown: divider.value / 100 }); } });
  const compare = h("label.lb-compare", { hidden: true }, h("span", { text: t`Before` }), divider, h("span", { text: t`After` }));
  const hint = h("p.lb-muted.lb-curate-hint", { role: "status" });
  const apply = h("button.lb-button.lb-primary", { "data-needs": "lb_curate_erase", type: "button", text: t`Paint it over`, onclick: erase });
  const panel = h("div.lb-curate-tool", { hidden: true },
    h("div.lb-line.lb-end", {}, kind, brush, h("label.lb-field", {}, h("span", { text: t`How` }), method)),
    hint, compare,
    h("div.lb-line", {}, back, clear, look, h("span.lb-grow"), apply));
  let what = recall("curating-mark", "brush") === "box" ? "box" : "brush";

  function setKind(next) {
    what = next;
    remember("curating-mark", next);
    for (const button of kind.children) button.setAttribute("aria-pressed", String(button.dataset.kind === next));
    brush.hidden = next !== "brush";
  }
  const quick = () => ["telea", "ns"].includes(method.value);
  const sent = () => ({ project, id: row.id, method: method.value, strokes: marks.filter((m) => m.points).map(({ radius: size, points }) => ({ radius: size, points })), boxes: marks.filter((m) => m.box).map((m) => m.box.map(Math.round)) });

  function changed() {
    result = null;
    turn += 1;
    stage.paint(null);
    clearTimeout(waiting);
    draw();
    if (marks.length && quick()) waiting = setTimeout(compute, 350);
  }

  async function compute() {
    if (!marks.length || !row) return;
    const mine = (turn += 1);
    busy = true;
    drawPanel();
    try {
      const answer = await ask(server.lb_curate_paint, sent());
      if (mine !== turn || panel.hidden) return;
      result = { ...answer, src: `/lorabake/painted/${answer.name}` };
      stage.paint(result, { shown: divider.value / 100 });
      draw();
    } catch (error) { if (mine === turn) onWrong(error); } finally { if (mine === turn) { busy = false; drawPanel(); } }
  }

  async function erase() {
    if (!marks.length || busy) return;
    busy = true;
    drawPanel();
    const name = row.name;
    try {
      const answer = await ask(server.lb_curate_erase, sent());
      marks = [];
      changed();
      onDone(answer, t`Painted over ${name}. The original is put away; undo brings it back.`);
    } catch (error) { onWrong(error); } finally { busy = false; drawPanel(); }
  }

  function draw() {
    if (panel.hidden || !row) return;
    const pen = stage.canvas.getContext("2d");
    pen.clearRect(0, 0, stage.canvas.width, stage.canvas.height);
    const colour = getComputedStyle(stage.node).getPropertyValue("--lb-accent").trim() || "#A64B14";
    pen.fillStyle = pen.strokeStyle = colour;
    pen.lineCap = pen.lineJoin = "round";
    stage.canvas.style.opacity = result && !doing ? 0 : 0.6;
    for (const mark of doing ? [...marks, doing] : marks) {
      if (mark.box) {
        const [left, top, width, height] = mark.box, at = stage.toScreen({ x: left, y: top });
        pen.fillRect(at.x, at.y, width * stage.scale, height * stage.scale);
        continue;
      }
      pen.lineWidth = mark.radius * 2 * stage.scale;
      pen.beginPath();
      mark.points.forEach(([x, y], index) => { const at = stage.toScreen({ x, y }); if (index) pen.lineTo(at.x, at.y); else pen.moveTo(at.x, at.y); });
      if (mark.points.length === 1) { const at = stage.toScreen({ x: mark.points[0][0], y: mark.points[0][1] }); pen.lineTo(at.x + 0.01, at.y); }
      pen.stroke();
    }
    const at = pointer && what === "brush" ? stage.toScreen(pointer) : null;
    replace(stage.layer, at && h("circle.lb-brush-under", { cx: at.x, cy: at.y, r: radius.value * stage.scale }), at && h("circle.lb-brush", { cx: at.x, cy: at.y, r: radius.value * stage.scale }));
    drawPanel();
  }

  function drawPanel() {
    back.disabled = clear.disabled = !marks.length;
    look.hidden = quick();
    look.disabled = !marks.length || busy || Boolean(result);
    apply.disabled = !marks.length || busy;
    compare.hidden = !result;
    say(hint, busy ? t`Painting…` : result ? t`This is how it will look. Slide to compare, mark more, or take it.` : marks.length ? t`Marked. Look at the result, or mark more.` : t`Paint over the signature or the watermark; a little more than it covers. Ctrl and the wheel zoom, Space moves the picture.`);
  }

  const tool = {
    paints: true,
    down(point) {
      doing = what === "brush" ? { radius: Number(radius.value), points: [near(point)] } : { box: [point.x, point.y, 0, 0], from: point };
      if (result) { result = null; turn += 1; stage.paint(null); }
      clearTimeout(waiting);
      draw();
      return true;
    },
    move(point) {
      if (!doing) return;
      if (doing.points) {
        const [x, y] = doing.points.at(-1);
        if (Math.hypot(point.x - x, point.y - y) > Math.max(1, doing.radius / 3)) doing.points.push(near(point));
      } else doing.box = [Math.min(doing.from.x, point.x), Math.min(doing.from.y, point.y), Math.abs(point.x - doing.from.x), Math.abs(point.y - doing.from.y)];
      draw();
    },
    up() {
      if (doing && (doing.points || Math.min(doing.box[2], doing.box[3]) >= 2)) marks.push(doing);
      doing = null;
      changed();
    },
    cancel() { doing = null; draw(); },
    hover(point) { pointer = point; if (!doing) draw(); },
    cursor: () => (what === "brush" ? "none" : "crosshair"),
    draw,
  };
  const near = ({ x, y }) => [Math.round(x * 10) / 10, Math.round(y * 10) / 10];

  async function methods() {
    try {
      const answer = await ask(server.lb_curate_erasers, {});
      const wanted = method.value || recall("curating-method", "telea");
      replace(method, ...answer.methods.map(([value, text]) => h("option", { value, text: spoken(text) })));
      method.value = [...method.options].some((option) => option.value === wanted) ? wanted : "telea";
      method.title = t`Inpainting models for spandrel (.pth, .safetensors) belong into ${answer.folder}`;
    } catch (error) { onWrong(error); }
  }

  return {
    panel, tool,
    show(nextProject, nextRow) {
      if (project === nextProject && row?.sha === nextRow?.sha && row?.id === nextRow?.id) return;
      project = nextProject;
      row = nextRow;
      marks = [];
      doing = null;
      if (!panel.hidden) changed(); else { result = null; turn += 1; }
    },
    async enter() { panel.hidden = false; setKind(what); divider.value = 100; changed(); await methods(); drawPanel(); },
    leave() { panel.hidden = true; marks = []; result = null; pointer = null; turn += 1; clearTimeout(waiting); stage.paint(null); },
    key(event) {
      if (event.key === "[" || event.key === "]") return () => { radius.value = Math.max(2, Math.min(120, Number(radius.value) + (event.key === "]" ? 4 : -4))); radius.dispatchEvent(new Event("input")); };
      if ((event.key === "Delete" || event.key === "Backspace")) return () => { marks.pop(); changed(); };
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z" && marks.length) return () => { marks.pop(); changed(); };
      return null;
    },
    get count() { return marks.length; },
  };
}
