// What the bake will be: the calculator, advice, and a look ahead at rates, captions and shapes.
let project = "";
const number = (n) => n.toLocaleString("en");
const inProject = (call) => (data = {}) => ask(call, { project, ...data });

const said = h("div", { "aria-live": "polite" });
const trouble = h("div", { "aria-live": "polite" });
const calculator = makeCalculator({ sums: inProject(server.lb_numbers), use: (draft) => change(server.lb_use_numbers, draft) });
const advice = makeAdvice({ take: (one) => change(server.lb_take, { id: one.id, label: spoken(one.fix) }) });
const rates = makeRateChart();
const foreseen = makeForeseen({ look: inProject(server.lb_foreseen), project: () => project });
const fold = (name, text, open, ...inside) => {
  const box = h("details.lb-details", { open: recall(`plan-${name}`, open), ontoggle: () => remember(`plan-${name}`, box.open) }, h("summary", { text }), ...inside);
  return box;
};
const curve = fold("rates", t`Learning rates over the bake`, true, rates.root);
const shapes = h("div.lb-table-frame");
const buckets = fold("shapes", t`Shapes`, false, shapes);
const ahead = h("div.lb-ahead", { hidden: true }, h("h3.lb-heading", { text: t`Before you bake, as it is set now` }), curve, foreseen.root, buckets);
replace(element, h("div.lb-plan", {}, calculator.root, said, trouble, advice.root, ahead));

/** Change something for good, say what, and offer the way back. */
async function change(call, data) {
  try {
    const answer = await ask(call, { project, ...data });
    const undo = h("button.lb-quiet", { "data-needs": "lb_undo", type: "button", text: t`Undo`, onclick: () => change(server.lb_undo, {}) });
    replace(said, remark("ok", answer.said || t`It was so already.`, { extra: [undo] }));
    if (answer.folders) trigger("changed");
    tell("oven", { by: "plan" });
    tell("nudge");
    return true;
  } catch (error) {
    replace(said, remark("bad", error.message, { word: t`Not changed` }));
    return false;
  }
}

function draw(view) {
  advice.draw(view.advice);
  const plan = view.plan;
  ahead.hidden = !plan || !plan.total;
  if (ahead.hidden) return;
  rates.set(plan);
  curve.hidden = rates.root.hidden;
  say(buckets.querySelector("summary"), t`Shapes: ${plural(plan.buckets.length, "bucket")}`);
  replace(shapes, h("table.lb-table", {},
    h("thead", {}, h("tr", {}, ...[t`Size`, t`Pictures`, t`Batches`].map((text) => h("th", { scope: "col", text })))),
    h("tbody", {}, ...plan.buckets.map(([w, t, images, batches]) => h("tr", {}, h("th", { scope: "row", text: `${w} × ${t} px` }), h("td", { text: number(images) }), h("td", { text: number(batches) }))))));
}

async function read() {
  const now = props.value?.project || "";
  if (now !== project) { project = now; replace(said); replace(trouble); calculator.forget(); foreseen.clear(); advice.draw([]); ahead.hidden = true; }
  if (!project) return;
  calculator.read();
  foreseen.read();
  try {
    const answer = await ask(server.lb_plan, { project });
    if (now !== project) return;
    replace(trouble);
    draw(answer);
  } catch (error) {
    replace(trouble, remark("bad", error.message));
  }
}
read();
watch("value", read);
// The shelf only found models: what was done, and the way back, stay in sight.
hear(element, "oven", (news) => { if (!["plan", "shelf"].includes(news.by)) replace(said); read(); }, { now: false });
