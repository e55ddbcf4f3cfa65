// The loss of a run as SVG: raw faint, smoothed strong, validation dotted, epochs as ticks, rates below.
function makePlot() {
  const frame = h("div.lb-plot", { role: "img", "aria-label": t`Loss over the steps of the bake` });
  const readout = h("p.lb-plot-readout.lb-mono", { "aria-live": "off" });
  const key = (cls, text) => h(`span.lb-key-${cls}`, { text });
  const keys = {
    raw: key("raw", t`loss of each step`), average: key("average", t`average of an epoch`), held: key("held", t`validation loss, held-out pictures`),
    unet: key("unet", t`U-Net rate`), text: key("text", t`text encoder rate`), text2: key("text2", t`text encoder 2 rate`), applied: key("applied", t`(rates as applied: d × lr)`),
  };
  const lowest = h("p.lb-lowest", { hidden: true }); // of Prodigy, as the guide looks for it
  const root = h("div.lb-plot-root", {}, h("div.lb-legend", {}, ...Object.values(keys)), frame, lowest, readout);
  const LEFT = 54, RIGHT = 14, TOP = 12, GAP = 30, BOTTOM = 34;
  let data = null;

  const nice = (top) => {
    const power = 10 ** Math.floor(Math.log10(top || 1));
    return [1, 2, 2.5, 5, 10].map((m) => m * power).find((v) => v >= top) || top;
  };
  const short = (v) => (v === 0 ? "0" : v < 0.01 ? v.toExponential(0) : String(Number(v.toPrecision(2))));
  const fine = (v) => (v === 0 ? "0" : v < 0.001 ? v.toExponential(2).replace(/\.?0+e/, "e") : String(Number(v.toPrecision(3))));
  const line = (points, cls) => h(`polyline.${cls}`, { points: points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" "), fill: "none" });

  function draw() {
    const width = frame.clientWidth;
    if (!width || !data) return;
    const points = data.points;
    if (!points.length) { replace(frame, h("p.lb-muted.lb-plot-empty", { text: t`The loss appears with the first step.` })); return; }
    const high = width < 560 ? 190 : 240, low = width < 560 ? 52 : 64;
    const height = TOP + high + GAP + low + BOTTOM;
    const last = Math.max(data.total || 0, points[points.length - 1][0], 1);
    const x = (step) => LEFT + ((width - LEFT - RIGHT) * step) / last;
    const held = data.validations || [];
    // A few wild steps must not flatten the rest: the axis ends a little above the 98th percentile.
    const highest = points.map((p) => p[2]).sort((a, b) => a - b);
    const top = nice(Math.max(highest[Math.floor(0.98 * (highest.length - 1))] * 1.12, ...points.map((p) => p[3]), ...held.map((v) => v[1] * 1.05)) || 1);
    const y = (loss) => TOP + high * (1 - Math.min(loss, top) / top);
    // What is applied is drawn where it differs from what was scheduled: Prodigy's d × lr.
    const applied = points.some((p) => p.length > 7);
    const rates = (p) => (p.length > 7 ? p.slice(7, 10) : p.slice(4, 7));
    const rate = Math.max(...points.flatMap(rates)) || 1;
    const base = TOP + high + GAP;
    const z = (value) => base + low * (1 - value / rate);
    const svg = h("svg", { viewBox: `0 0 ${width} ${height}`, width, height });
    for (const part of [0, 0.5, 1]) {
      svg.append(h("line.lb-grid", { x1: LEFT, x2: width - RIGHT, y1: y(part * top), y2: y(part * top) }),
        h("text.lb-tick", { x: LEFT - 8, y: y(part * top) + 4, "text-anchor": "end", text: short(part * top) }));
    }
    svg.append(h("line.lb-grid", { x1: LEFT, x2: width - RIGHT, y1: base + low, y2: base + low }),
      h("text.lb-tick", { x: LEFT - 8, y: base + 5, "text-anchor": "end", text: short(rate) }),
      h("text.lb-tick", { x: LEFT - 8, y: base + low + 4, "text-anchor": "end", text: "0" }),
      h("text.lb-axis", { x: width - RIGHT, y: TOP + 14, "text-anchor": "end", text: t`loss` }),
      h("text.lb-axis", { x: LEFT + 4, y: base - 6, text: applied ? t`learning rate as applied` : t`learning rate` }),
      h("text.lb-axis", { x: width - RIGHT, y: height - 2, "text-anchor": "end", text: t`${last.toLocaleString("en")} steps` }));
    ticks(svg, x, last, base, low, width);
    const raw = [];
    for (const [step, lowest, top_] of points) { raw.push([x(step), y(top_)]); if (lowest !== top_) raw.push([x(step), y(lowest)]); }
    svg.append(line(raw, "lb-raw"), line(points.map((p) => [x(p[0]), y(p[3])]), "lb-average"));
    if (held.length > 1) svg.append(line(held.map((v) => [x(v[0]), y(v[1])]), "lb-held"));
    for (const v of held) svg.append(h("circle.lb-held-dot", { cx: x(v[0]), cy: y(v[1]), r: 4 }));
    const drawn = ["unet", "text", "text2"].map((name, i) => [name, i]).filter(([, i]) => points.some((p) => rates(p)[i] > 0));
    for (const [name, i] of drawn.reverse()) svg.append(line(points.map((p) => [x(p[0]), z(rates(p)[i])]), `lb-rate-${name}`));
    for (const name of ["unet", "text", "text2"]) keys[name].hidden = !drawn.some(([other]) => other === name);
    keys.held.hidden = !held.length;
    keys.applied.hidden = !applied;
    if (data.lowest) {
      const [px, py] = [x(data.lowest.step), y(data.lowest.loss)];
      svg.append(h("line.lb-lowest-line", { x1: px, x2: px, y1: py, y2: TOP + high }), h("circle.lb-lowest-dot", { cx: px, cy: py, r: 6 }));
    }
    const cross = h("line.lb-cross", { y1: TOP, y2: base + low, visibility: "hidden" });
    svg.append(cross);
    svg.addEventListener("pointermove", (event) => {
      const at = ((event.clientX - svg.getBoundingClientRect().left) * width) / svg.getBoundingClientRect().width;
      const step = ((at - LEFT) / (width - LEFT - RIGHT)) * last;
      const near = points.reduce((best, p) => (Math.abs(p[0] - step) < Math.abs(best[0] - step) ? p : best));
      cross.setAttribute("x1", x(near[0])); cross.setAttribute("x2", x(near[0])); cross.setAttribute("visibility", "visible");
      tellAt(near, last, drawn.map(([, i]) => rates(near)[i]).reverse());
    });
    svg.addEventListener("pointerleave", () => { cross.setAttribute("visibility", "hidden"); say(readout, ""); });
    replace(frame, svg);
  }

  /** Epochs below the steps; a saved file is a dot that can be pressed. */
  function ticks(svg, x, last, base, low, width) {
    const per = perEpoch(last);
    const every = per ? Math.max(1, Math.ceil(26 / ((width - LEFT - RIGHT) / (data.epochs || 1)))) : 1;
    for (let epoch = 1; per && epoch <= data.epochs; epoch += 1) {
      const at = x(epoch * per);
      svg.append(h("line.lb-epoch", { x1: at, x2: at, y1: TOP, y2: base + low }));
      if (epoch % every === 0 || epoch === data.epochs) svg.append(h("text.lb-tick", { x: at, y: base + low + 16, "text-anchor": "middle", text: String(epoch) }));
    }
    if (per) svg.append(h("text.lb-axis", { x: LEFT, y: base + low + 30, text: t`epochs` }));
    for (const file of data.checkpoints) {
      svg.append(h("circle.lb-file", { cx: x(file.step), cy: base + low, r: 4, onclick: () =>
        say(readout, t`Epoch ${file.epoch} · step ${file.step} · average loss ${file.loss.toFixed(4)} · ${file.file} · ${file.mib} MB`) }));
    }
  }

  const perEpoch = (last) => data.per_epoch || (data.epochs ? (data.total || last) / data.epochs : 0);

  function tellAt(p, last, rates) {
    const per = perEpoch(last);
    const epoch = per ? t`epoch ${Math.min(data.epochs, Math.ceil(p[0] / per))} · ` : "";
    const range = p[1] === p[2] ? p[2].toFixed(4) : t`${p[1].toFixed(4)} to ${p[2].toFixed(4)}`;
    const near = (data.validations || []).filter((v) => v[0] <= p[0]).pop();
    const held = near ? t` · validation ${near[1].toFixed(4)}${near[3] ? t` (${near[3].toFixed(4)} without the LoRA)` : ""}` : "";
    say(readout, t`Step ${p[0]} · ${epoch}loss ${range} · average ${p[3].toFixed(4)}${held} · ${rates.length === 1 ? t`rate` : t`rates`} ${rates.map(fine).join(" / ")}`);
  }

  new ResizeObserver(draw).observe(frame);
  return {
    root,
    set(view) {
      data = view;
      lowest.hidden = !view.lowest;
      say(lowest, view.lowest ? `◎ ${spoken(view.lowest.text)}` : "");
      draw();
    },
  };
}
