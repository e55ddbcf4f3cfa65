// How many tags a picture gets at every threshold, with the thresholds as lines that can be pulled.
/** onMove(key, value): a line is pulled; onDrop(key, value): it was let go. */
function makeTagChart({ onMove, onDrop }) {
  const frame = h("div.lb-gen-chart", { role: "img" });
  const readout = h("p.lb-gen-readout", { "aria-live": "off" });
  const keys = { general: h("span.lb-key-general", { text: t`general tags` }), character: h("span.lb-key-character", { text: t`characters` }) };
  const root = h("figure.lb-gen-curve", {},
    h("figcaption.lb-legend.lb-gen-legend", {}, ...Object.values(keys), h("span.lb-gen-axis", { text: t`in a picture, on average, by threshold` })),
    frame, readout);
  const LEFT = 34, RIGHT = 12, TOP = 16, HIGH = 132, BOTTOM = 22;
  const ALL = [["threshold", 1, "general"], ["character_threshold", 2, "character"]];
  let drawn = ALL; // those that the tagger says at all
  let points = [], at = {}, pulled = null, width = 0, lines = {}, facts = "";

  const x = (threshold) => LEFT + (width - LEFT - RIGHT) * threshold;
  const back = (position) => Math.min(1, Math.max(0.05, Math.round((100 * (position - LEFT)) / (width - LEFT - RIGHT)) / 100));
  /** Tags at a threshold; there are none above the last one. */
  const amount = (threshold, column) => {
    const near = points.find((p) => p[0] >= threshold - 1e-6);
    return near ? near[column] : 0;
  };
  const nice = (top) => [1, 2, 3, 5, 8, 10, 15, 20, 30, 40, 60, 80, 100, 150, 200, 300, 500].find((v) => v >= top) || top;
  const count = (n) => (n >= 10 ? n.toFixed(0) : n.toFixed(1));

  function draw() {
    width = frame.clientWidth;
    if (!width || !drawn.length || !points.length) return;
    // What lies below 0.1 is mostly noise, and would flatten the part where thresholds are chosen.
    const top = nice(Math.max(amount(0.1, 1), amount(0.1, 2), 1));
    const y = (n) => TOP + HIGH * (1 - Math.min(n, top) / top);
    const svg = h("svg", { viewBox: `0 0 ${width} ${TOP + HIGH + BOTTOM}`, width, height: TOP + HIGH + BOTTOM });
    for (const n of [0, top / 2, top]) {
      svg.append(h("line.lb-grid", { x1: LEFT, x2: width - RIGHT, y1: y(n), y2: y(n) }),
        h("text.lb-tick", { x: LEFT - 7, y: y(n) + 4, "text-anchor": "end", text: String(Number(n.toFixed(1))) }));
    }
    for (const step of [0.1, 0.3, 0.5, 0.7, 0.9]) svg.append(h("text.lb-tick", { x: x(step), y: TOP + HIGH + 16, "text-anchor": "middle", text: String(step) }));
    for (const [, column, name] of drawn) {
      const inside = points.filter((p) => p[column] <= top);
      const dots = inside.map((p) => `${x(p[0]).toFixed(1)},${y(p[column]).toFixed(1)}`);
      const base = [inside[inside.length - 1], inside[0]].map((p) => `${x(p[0]).toFixed(1)},${y(0)}`);
      svg.append(h(`polyline.lb-gen-area-${name}`, { points: [...dots, ...base].join(" ") }), h(`polyline.lb-gen-line-${name}`, { points: dots.join(" "), fill: "none" }));
    }
    lines = {};
    for (const [key, column, name] of drawn) {
      const line = h("line", { y1: TOP - 6, y2: TOP + HIGH }), dot = h("circle", { r: "5" }), grip = h("circle.lb-gen-grip", { cy: String(TOP - 6), r: "6" });
      const hold = h("line.lb-gen-hold", { y1: 0, y2: TOP + HIGH });
      const group = h(`g.lb-gen-pull.lb-gen-pull-${name}`, {}, hold, line, grip, dot);
      group.addEventListener("pointerdown", (event) => { pulled = key; svg.setPointerCapture(event.pointerId); event.preventDefault(); });
      lines[key] = { line, dot, grip, hold, column, y };
      svg.append(group);
    }
    const pull = (event) => {
      if (!pulled) return null;
      const box = svg.getBoundingClientRect();
      return back(((event.clientX - box.left) * width) / box.width);
    };
    svg.addEventListener("pointermove", (event) => { const value = pull(event); if (value !== null && value !== at[pulled]) { place(pulled, value); onMove(pulled, value); } });
    svg.addEventListener("pointerup", () => { const key = pulled; pulled = null; if (key) onDrop(key, at[key]); });
    svg.addEventListener("pointercancel", () => { pulled = null; });
    replace(frame, svg);
    for (const [key] of drawn) place(key, at[key] ?? 0.3);
  }

  function place(key, value) {
    at[key] = value;
    const found = lines[key];
    if (!found) return;
    for (const line of [found.line, found.hold]) { line.setAttribute("x1", x(value)); line.setAttribute("x2", x(value)); }
    found.grip.setAttribute("cx", x(value));
    found.dot.setAttribute("cx", x(value));
    found.dot.setAttribute("cy", found.y(amount(value, found.column)));
    const words = { general: t`general tags`, character: "characters" };
    const text = drawn.filter(([name]) => name in at).map(([name, column, what]) => t`At ${at[name].toFixed(2)}: ${count(amount(at[name], column))} ${words[what]} in a picture.`).join(" ");
    frame.setAttribute("aria-label", text);
    say(readout, text + facts);
  }

  new ResizeObserver(() => { if (frame.clientWidth !== width) draw(); }).observe(frame);
  return {
    root,
    set(answer) {
      points = answer.points;
      facts = answer.pictures > answer.of && answer.of ? t` From ${plural(answer.of, "picture")} of ${answer.pictures.toLocaleString("en")}.` : "";
      drawn = ALL.filter(([, column]) => points.some((p) => p[column] > 0));
      for (const [, , name] of ALL) keys[name].hidden = !drawn.some(([, , other]) => other === name);
      root.hidden = !drawn.length;
      draw();
    },
    at(values) { if (!pulled) for (const [key] of drawn) place(key, Number(values[key])); },
  };
}
