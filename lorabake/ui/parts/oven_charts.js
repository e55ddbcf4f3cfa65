// Two small plots: where the plan lies beside the guide's table, and the learning rates before a bake.
const figures = (v) => (v >= 100 ? Math.round(v).toLocaleString("en") : String(Number(v.toPrecision(3))));
const rateText = (v) => (v === 0 ? "0" : v >= 0.01 ? String(Number(v.toPrecision(3))) : v.toExponential(2).replace(/\.?0+e/, "e"));
const path = (points) => points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");

/** Pictures or T → steps on logarithmic axes: the table's rows, the line between them, the plan. */
function makeSumChart() {
  const frame = h("div.lb-plot.lb-sum-plot", { role: "group", "aria-label": t`Steps by the guide's table, and of this plan` });
  const readout = h("p.lb-plot-readout", { "aria-live": "off" });
  const keys = { rows: h("span.lb-key-row", { text: t`rows of the guide's table` }), curve: h("span.lb-key-curve", { text: t`between them` }), here: h("span.lb-key-here", { text: t`this plan` }), before: h("span.lb-key-before", { text: t`as it is set now` }) };
  const title = h("figcaption.lb-legend", {}, ...Object.values(keys));
  const root = h("figure.lb-sum-chart", {}, title, frame, readout);
  const LEFT = 52, RIGHT = 14, TOP = 10, HIGH = 172, BOTTOM = 40;
  let data = null, before = null;

  const unit = (count) => (data.unit === "T" ? `T ${figures(count)}` : plural(count, "picture"));
  const steps = (n) => t`${figures(n)} steps`;
  /** 1, 2, 5, 10, 20 … within a range; more of them where it is narrow. */
  const ticks = (low, high) => {
    for (const among of [[1, 2, 5], [1, 1.5, 2, 3, 4, 5, 6, 8]]) {
      const found = [];
      for (let power = 10 ** Math.floor(Math.log10(low)); power <= high; power *= 10) for (const m of among) if (m * power >= low && m * power <= high) found.push(m * power);
      if (found.length > 2 || among.length > 3) return found;
    }
    return [];
  };

  function draw() {
    const width = frame.clientWidth;
    if (!width || !data) return;
    const all = [...data.rows, ...data.curve, data.here, ...(before ? [before] : [])].filter((p) => p.count > 0 && p.steps > 0);
    const spread = (values, room) => [Math.min(...values) / room, Math.max(...values) * room];
    const [left, right] = spread(all.map((p) => p.count), 1.12), [low, high] = spread(all.map((p) => p.steps), 1.25);
    const x = (count) => LEFT + ((width - LEFT - RIGHT) * Math.log(count / left)) / Math.log(right / left);
    const y = (n) => TOP + HIGH * (1 - Math.log(n / low) / Math.log(high / low));
    const svg = h("svg", { viewBox: `0 0 ${width} ${TOP + HIGH + BOTTOM}`, width, height: TOP + HIGH + BOTTOM });
    for (const n of ticks(low, high)) svg.append(h("line.lb-grid", { x1: LEFT, x2: width - RIGHT, y1: y(n), y2: y(n) }), h("text.lb-tick", { x: LEFT - 8, y: y(n) + 4, "text-anchor": "end", text: figures(n) }));
    let last = -Infinity;
    for (const count of ticks(left, right)) {
      if (x(count) - last < 34) continue;
      last = x(count);
      svg.append(h("text.lb-tick", { x: last, y: TOP + HIGH + 18, "text-anchor": "middle", text: figures(count) }));
    }
    svg.append(h("text.lb-axis", { x: LEFT + 6, y: TOP + 10, text: t`steps` }),
      h("text.lb-axis", { x: width - RIGHT, y: TOP + HIGH + 35, "text-anchor": "end", text: data.unit === "T" ? t`T, pictures seen in an epoch` : t`pictures` }));
    svg.append(h("polyline.lb-curve-line", { points: path(data.curve.map((p) => [x(p.count), y(p.steps)])), fill: "none" }));
    const marks = data.rows.map((p) => ({ ...p, cls: "lb-row-dot", r: 4.5, text: t`The guide: ${spoken(p.sentence)}.` }));
    const differs = before && (before.count !== data.here.count || before.steps !== data.here.steps);
    keys.before.hidden = !differs;
    if (differs && before.steps > 0) {
      svg.append(h("line.lb-moved", { x1: x(before.count), y1: y(before.steps), x2: x(data.here.count), y2: y(data.here.steps) }));
      marks.push({ ...before, cls: "lb-before-dot", r: 5, text: t`As it is set now: ${unit(before.count)}, ${steps(before.steps)}.` });
    }
    if (data.here.steps > 0) marks.push({ ...data.here, cls: "lb-here-dot", r: 6.5, text: hereText() });
    for (const mark of marks) {
      svg.append(h(`circle.${mark.cls}`, { cx: x(mark.count), cy: y(mark.steps), r: mark.r, tabindex: "0", role: "img", "aria-label": spoken(mark.text), onfocus: () => say(readout, spoken(mark.text)), onblur: rest }));
    }
    svg.addEventListener("pointermove", (event) => {
      const box = svg.getBoundingClientRect(), px = ((event.clientX - box.left) * width) / box.width, py = event.clientY - box.top;
      const near = marks.reduce((best, m) => { const d = Math.hypot(x(m.count) - px, y(m.steps) - py); return d < best[0] ? [d, m] : best; }, [22, null])[1];
      if (near) { say(readout, spoken(near.text)); return; }
      const point = data.curve.reduce((best, p) => (Math.abs(x(p.count) - px) < Math.abs(x(best.count) - px) ? p : best));
      say(readout, t`${unit(point.count)}: about ${steps(point.steps)} between the table's rows.`);
    });
    svg.addEventListener("pointerleave", rest);
    replace(frame, svg);
  }

  const hereText = () => {
    const near = data.curve.reduce((best, p) => (Math.abs(p.count - data.here.count) < Math.abs(best.count - data.here.count) ? p : best), data.curve[0]);
    return t`This plan: ${unit(data.here.count)}, ${steps(data.here.steps)}; by the table about ${figures(near.steps)}.`;
  };
  const rest = () => { if (data) say(readout, hereText()); };
  new ResizeObserver(draw).observe(frame);
  return { root, set(chart, now) { data = chart; before = now; draw(); rest(); } };
}

/** Learning rates over the steps, each to its own height: warmup shaded, restarts dashed. */
function makeRateChart() {
  const frame = h("div.lb-plot.lb-rate-plot", { role: "img" });
  const readout = h("p.lb-plot-readout", { "aria-live": "off" });
  const root = h("div.lb-rate-chart", {}, frame, readout);
  const LEFT = 62, RIGHT = 14, TOP = 20, HIGH = 52, GAP = 26, BOTTOM = 36;
  const NAMES = { unet: ["U-Net", "unet"], text_encoder: [t`text encoder`, "text"], text_encoder_2: [t`text encoder 2`, "text2"] };
  let data = null, lines = [];

  /** Text encoders that learn alike share a line. */
  function found() {
    const made = Object.entries(data.rates).map(([name, points]) => ({ label: NAMES[name][0], cls: NAMES[name][1], points, key: JSON.stringify(points) }));
    const [, first, second] = ["unet", "text_encoder", "text_encoder_2"].map((name) => made.find((line) => line.label === NAMES[name][0]));
    if (!first || !second || first.key !== second.key) return made;
    first.label = t`text encoders`;
    return made.filter((line) => line !== second);
  }
  const at = (points, step) => {
    const next = points.findIndex((p) => p[0] >= step);
    if (next <= 0) return points[Math.max(next, 0)][1];
    const [a, b] = [points[next - 1], points[next]];
    return a[1] + ((b[1] - a[1]) * (step - a[0])) / (b[0] - a[0]);
  };

  function draw() {
    const width = frame.clientWidth;
    if (!width || !data || !lines.length) return;
    const bottom = TOP + lines.length * (HIGH + GAP) - GAP, last = Math.max(1, data.total - 1);
    const x = (step) => LEFT + ((width - LEFT - RIGHT) * Math.min(step, last)) / last;
    const svg = h("svg", { viewBox: `0 0 ${width} ${bottom + BOTTOM}`, width, height: bottom + BOTTOM });
    if (data.warmup > 0) svg.append(h("rect.lb-warmup", { x: LEFT, y: TOP - 6, width: Math.max(2, x(data.warmup) - LEFT), height: bottom - TOP + 6 }));
    const every = Math.max(1, Math.ceil(26 / ((width - LEFT - RIGHT) / data.epochs)));
    for (let epoch = 1; epoch <= data.epochs; epoch += 1) {
      if (epoch % every && epoch !== data.epochs) continue;
      const edge = x(epoch * data.steps_per_epoch);
      svg.append(h("line.lb-epoch", { x1: edge, x2: edge, y1: TOP - 6, y2: bottom }));
      if (epoch === data.epochs || edge < x(last) - 26) svg.append(h("text.lb-tick", { x: edge, y: bottom + 16, "text-anchor": "middle", text: String(epoch) }));
    }
    for (const step of data.restarts) svg.append(h("line.lb-restart", { x1: x(step), x2: x(step), y1: TOP - 6, y2: bottom }));
    svg.append(h("text.lb-axis", { x: LEFT, y: bottom + 32, text: t`epochs` }), h("text.lb-axis", { x: width - RIGHT, y: bottom + 32, "text-anchor": "end", text: t`${data.total.toLocaleString("en")} steps` }));
    lines.forEach((line, place) => {
      const base = TOP + place * (HIGH + GAP) + HIGH, top = Math.max(...line.points.map((p) => p[1])) || 1;
      svg.append(h("line.lb-grid", { x1: LEFT, x2: width - RIGHT, y1: base, y2: base }), h("line.lb-grid", { x1: LEFT, x2: width - RIGHT, y1: base - HIGH, y2: base - HIGH }),
        h("text.lb-tick", { x: LEFT - 8, y: base - HIGH + 5, "text-anchor": "end", text: rateText(top) }), h("text.lb-tick", { x: LEFT - 8, y: base + 4, "text-anchor": "end", text: "0" }),
        h("text.lb-axis", { x: LEFT, y: base - HIGH - 6, text: `${spoken(line.label)}, ${data.factor ? t`factor for the rate it finds` : t`learning rate`}` }),
        h(`polyline.lb-rate-${line.cls}`, { points: path(line.points.map((p) => [x(p[0]), base - (HIGH * p[1]) / top])), fill: "none" }));
    });
    const cross = h("line.lb-cross", { y1: TOP - 6, y2: bottom, visibility: "hidden" });
    svg.append(cross);
    svg.addEventListener("pointermove", (event) => {
      const box = svg.getBoundingClientRect(), px = ((event.clientX - box.left) * width) / box.width;
      const step = Math.round(Math.min(last, Math.max(0, ((px - LEFT) / (width - LEFT - RIGHT)) * last)));
      cross.setAttribute("x1", x(step)); cross.setAttribute("x2", x(step)); cross.setAttribute("visibility", "visible");
      const epoch = Math.min(data.epochs, Math.floor(step / data.steps_per_epoch) + 1);
      say(readout, t`Step ${step + 1} · epoch ${epoch} · ${lines.map((line) => `${line.label} ${rateText(at(line.points, step))}`).join(" · ")}`);
    });
    svg.addEventListener("pointerleave", () => { cross.setAttribute("visibility", "hidden"); rest(); });
    replace(frame, svg);
  }

  /** The curve in words. */
  function words() {
    const schedule = spoken(data.schedule), told = [schedule[0].toUpperCase() + schedule.slice(1)];
    if (data.warmup) told.push(t`warmup over the first ${plural(data.warmup, "step")}`);
    if (data.restarts.length) told.push(t`${plural(data.restarts.length, "restart")} (step ${data.restarts.slice(0, 6).map((s) => s + 1).join(", ")}${data.restarts.length > 6 ? ", …" : ""})`);
    const ends = lines.map((line) => t`${spoken(line.label)} from ${rateText(line.points[0][1])}, at most ${rateText(Math.max(...line.points.map((p) => p[1])))}, to ${rateText(line.points[line.points.length - 1][1])}`);
    return `${told.join(", ")}: ${ends.join("; ")}.`;
  }
  const rest = () => { if (data && lines.length) say(readout, words()); };
  new ResizeObserver(draw).observe(frame);
  return {
    root,
    set(plan) {
      data = plan;
      lines = found();
      root.hidden = !lines.length;
      if (!lines.length) { replace(frame); say(readout, ""); return; }
      frame.setAttribute("aria-label", words());
      draw();
      rest();
    },
  };
}
