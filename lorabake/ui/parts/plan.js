// What the bake will be: figures, remarks, changes from the preset. Also marks changed settings.
const number = (n) => n.toLocaleString("en");
const notice = (remark) => h(`div.lb-notice.lb-tone-${remark.level}`, {},
  h("b.lb-word", { text: remark.word || "Note" }), h("p", { text: remark.text }));

function figure(value, label, more) {
  return h("div.lb-figure", {}, h("b", { text: value }), h("span", { text: label }), more && h("small", { text: more }));
}

function curve(rates) {
  const names = Object.keys(rates);
  if (!names.length) return null;
  const W = 300, H = 64;
  const colours = { unet: "var(--lb-accent)", text_encoder: "var(--lb-info)" };
  const labels = { unet: "U-Net", text_encoder: "text encoders" };
  const svg = h("svg", { viewBox: `0 0 ${W} ${H}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  for (const name of names) {
    const values = rates[name], top = Math.max(...values) || 1;
    const points = values.map((v, i) => `${((i / Math.max(1, values.length - 1)) * W).toFixed(1)},${(H - 3 - (v / top) * (H - 8)).toFixed(1)}`);
    svg.append(h("polyline", { points: points.join(" "), fill: "none", stroke: colours[name], "stroke-width": "2", "vector-effect": "non-scaling-stroke", "stroke-dasharray": name === "unet" ? undefined : "5 4" }));
  }
  return h("figure.lb-curve", {}, h("figcaption", {}, "Learning rate over the bake: ",
    ...names.flatMap((name, i) => [i ? ", " : "", h("b", { style: `color:${colours[name]}`, text: `${labels[name]} from ${Math.max(...rates[name]).toExponential(0).replace("e-", "e-")}` })])), svg);
}

function draw() {
  const view = props.value;
  if (!view) { replace(element); return; }
  const plan = view.plan;
  const memory = plan?.memory_mib;
  replace(element,
    h("p.lb-muted", { text: view.description }),
    plan && h("div.lb-figures", {},
      figure(number(plan.seen), "seen per epoch (T)", `${number(plan.images)} different`),
      figure(number(plan.steps_per_epoch), "steps per epoch", `batch size ${plan.batch}`),
      figure(number(plan.epochs), plan.epochs === 1 ? "epoch" : "epochs", `${plural(plan.files, "file")} to choose from`),
      figure(number(plan.total), "steps in total", plan.total === plan.simple ? `= ${number(plan.seen)} × ${plan.epochs} ÷ ${plan.batch * plan.accumulation}` : `${number(plan.simple)} if every batch were full`),
      memory && figure(`≈ ${memory >= 1000 ? `${(memory / 1024).toFixed(memory < 10240 ? 1 : 0)} GB` : `${Math.round(memory / 10) * 10} MB`}`, "memory", "estimated")),
    h("div.lb-remarks", {}, ...view.errors.map((error) => notice({ level: "bad", word: "Not saved", text: error.text })), ...view.advice.map(notice)),
    plan && plan.total > 0 && h("details.lb-details", {}, h("summary", { text: `Shapes and learning rates: ${plural(plan.buckets.length, "bucket")}` }),
      h("div.lb-two", {},
        h("div.lb-table-frame", {}, h("table.lb-table", {},
          h("thead", {}, h("tr", {}, ...["Size", "Pictures", "Batches"].map((text) => h("th", { scope: "col", text })))),
          h("tbody", {}, ...plan.buckets.map(([w, t, images, batches]) => h("tr", {}, h("th", { scope: "row", text: `${w} × ${t} px` }), h("td", { text: number(images) }), h("td", { text: number(batches) })))))),
        curve(plan.rates))),
    h("p.lb-muted.lb-models", {}, "Base models are .safetensors files (or links to them) in ", h("code.lb-mono", { text: view.models }), "."),
    view.changed.length > 0 && h("details.lb-details", { open: view.changed.length <= 4 }, h("summary", { text: `${plural(view.changed.length, "setting")} changed from the preset` }),
      h("ul.lb-changes", {}, ...view.changed.map((c) => h("li", {}, h("b", { text: c.label }), h("span.lb-mono", { text: ` ${c.is} ` }), h("span.lb-muted", { text: `instead of ${c.was}` }))))));
  mark();
}

/** Settings that differ from the preset, and those that do not fit, are marked where they stand. */
function mark() {
  const view = props.value;
  if (!view) return;
  for (const [name, keys] of [["lb-changed", view.changed], ["lb-unfit", view.errors]]) {
    const ids = new Set(keys.map((c) => `set-${c.key.replaceAll(".", "-")}`));
    for (const node of document.querySelectorAll("[id^='set-']")) node.classList.toggle(name, ids.has(node.id));
  }
}
draw();
watch("value", draw);
document.addEventListener("click", () => setTimeout(mark, 100)); // folded settings appear when opened
