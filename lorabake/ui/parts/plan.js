// What the bake will be: folders with their repeats, figures, remarks, shapes and rates.
let project = "";
const COLOURS = { unet: "var(--lb-accent)", text_encoder: "var(--lb-info)", text_encoder_2: "var(--lb-ok)" };
const LABELS = { unet: "U-Net", text_encoder: "text encoder", text_encoder_2: "text encoder 2" };
const number = (n) => n.toLocaleString("en");
const rateText = (v) => (v >= 0.01 ? String(Number(v.toPrecision(3))) : v.toExponential(1).replace(".0e", "e"));

const said = h("div", { "aria-live": "polite" });
const calculator = h("div.lb-table-frame", { id: "lb-calculator" });
const rest = h("div.lb-plan-rest");
replace(element, said, calculator, rest);

function figure(value, label, more) {
  return h("div.lb-figure", {}, h("b", { text: value }), h("span", { text: label }), more && h("small", { text: more }));
}

function curve(rates) {
  const names = Object.keys(rates).filter((name) => rates[name].length);
  if (!names.length) return null;
  const W = 300, H = 64, all = Math.max(...names.flatMap((name) => rates[name])) || 1;
  const same = names.every((name) => Math.max(...rates[name]) === all);
  const svg = h("svg", { viewBox: `0 0 ${W} ${H}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  names.forEach((name, i) => {
    const values = rates[name], top = Math.max(...values) || 1;
    const points = values.map((v, k) => `${((k / Math.max(1, values.length - 1)) * W).toFixed(1)},${(H - 3 - (v / top) * (H - 8)).toFixed(1)}`);
    svg.append(h("polyline", { points: points.join(" "), fill: "none", stroke: COLOURS[name], "stroke-width": "2", "vector-effect": "non-scaling-stroke", "stroke-dasharray": i ? `${5 + 2 * i} ${4 + i}` : undefined }));
  });
  return h("figure.lb-curve", {}, h("figcaption", {}, `Learning rate over the bake${same ? "" : ", each to its own height"}: `,
    ...names.flatMap((name, i) => [i ? ", " : "", h("b", { style: `color:${COLOURS[name]}`, text: `${LABELS[name]} up to ${rateText(Math.max(...rates[name]))}` })])), svg);
}

function row(folder) {
  const input = h("input.lb-input.lb-number", { type: "number", min: "1", max: "1000", value: String(folder.repeats), disabled: folder.fixed, "aria-label": `Repeats of ${folder.name}` });
  input.addEventListener("change", async () => {
    try {
      await ask(server.lb_repeats, { project, folder: folder.folder, repeats: Number(input.value) });
      replace(said);
      trigger("changed");
      tell("nudge");
    } catch (error) {
      replace(said, remark("bad", error.message, { word: "Not changed" }));
      input.value = String(folder.repeats);
    }
  });
  return h("tr", {}, h("th", { scope: "row" }, folder.name, folder.reg && h("span.lb-chip", { text: "regularisation" })),
    h("td", { text: number(folder.images) }), h("td", {}, input), h("td", { text: folder.reg ? "to match" : number(folder.images * folder.repeats) }));
}

function drawFolders(folders) {
  const key = JSON.stringify(folders);
  if (calculator.dataset.key === key) return;
  calculator.dataset.key = key;
  const total = folders.filter((f) => !f.reg).reduce((sum, f) => sum + f.images * f.repeats, 0);
  replace(calculator, folders.length > 0 && h("table.lb-table", {},
    h("thead", {}, h("tr", {}, ...["Folder", "Pictures", "Repeats", "Seen per epoch"].map((text) => h("th", { scope: "col", text })))),
    h("tbody", {}, ...folders.map(row)),
    folders.length > 1 && h("tfoot", {}, h("tr", {}, h("th", { scope: "row", text: "Together (T)" }), h("td"), h("td"), h("td", { text: number(total) })))));
}

function draw(view) {
  drawFolders(view.folders);
  const plan = view.plan, memory = plan?.memory_mib;
  const different = plan && [`${number(plan.images)} different`, plan.reg ? `${number(plan.reg)} for regularisation` : "", plan.held_out ? `${number(plan.held_out)} held out` : ""].filter(Boolean).join(", ");
  const open = rest.querySelector("details")?.open ?? false;
  replace(rest,
    plan && h("div.lb-figures", {},
      figure(number(plan.seen), "seen per epoch (T)", different),
      figure(number(plan.steps_per_epoch), "steps per epoch", `batch size ${plan.batch}`),
      figure(number(plan.epochs), plan.epochs === 1 ? "epoch" : "epochs", `${plural(plan.files, "file")} to choose from`),
      figure(number(plan.total), "steps in total", plan.total === plan.simple ? `= ${number(plan.seen)} × ${plan.epochs} ÷ ${plan.batch * plan.accumulation}` : `${number(plan.simple)} if every batch were full`),
      memory && figure(`≈ ${size(memory)}`, "memory", "estimated")),
    h("div.lb-remarks", {}, ...view.advice.map((one) => remark(one.level, one.text, { word: one.word }))),
    plan && plan.total > 0 && h("details.lb-details", { open }, h("summary", { text: `Shapes and learning rates: ${plural(plan.buckets.length, "bucket")}` }),
      h("div.lb-two", {},
        h("div.lb-table-frame", {}, h("table.lb-table", {},
          h("thead", {}, h("tr", {}, ...["Size", "Pictures", "Batches"].map((text) => h("th", { scope: "col", text })))),
          h("tbody", {}, ...plan.buckets.map(([w, t, images, batches]) => h("tr", {}, h("th", { scope: "row", text: `${w} × ${t} px` }), h("td", { text: number(images) }), h("td", { text: number(batches) })))))),
        curve(plan.rates))));
}

async function read() {
  const now = props.value?.project || "";
  if (now !== project) { project = now; replace(said); replace(rest); replace(calculator); calculator.dataset.key = ""; }
  if (!project) return;
  try {
    const answer = await ask(server.lb_plan, { project });
    if (now === project) draw(answer);
  } catch (error) {
    replace(said, remark("bad", error.message));
  }
}
read();
watch("value", read);
hear(element, "oven", read, { now: false });
