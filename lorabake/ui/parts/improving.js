// Improving the quality: which pictures, how, what it will do, one button. Text reaches the document as
// textContent only.
let project = "", view = null, plan = null, seen = "", jobKey = "", working = false;
let mine = ""; // the job that ended while this page was open: its result is told even when there is no way back

const summary = h("p.lb-imp-sum");
const hint = h("div");
const looking = h("div.lb-line.lb-imp-looking", { hidden: true });
const unreadable = h("div");
const trouble = h("div", { "aria-live": "polite" });
const past = makePast({ server, project: () => project, before: async () => {}, inTurn: (work) => inTurn(work), after: async () => { changed(); await read(); } });
const preview = makeImprovePreview({ server, project: () => project, values: () => form.values(), choice: () => plan?.choice || "", onMeasured: () => { estimate(); again(); } });
const grid = makeImproveGrid({ project: () => project, onTicked: () => estimate(), onShow: (row) => preview.show(row) });
const form = makeImproveForm({
  onMove: (values) => { drawDo(); moves(values); },
  onKeep: (key, value) => keep(key, value).then(() => { preview.moved(key); estimate(); }),
});
const upscalers = makeUpscalers({
  onChoose: (name) => keep("upscaler", name).then(() => { preview.moved("upscaler"); estimate(); }, failed),
  onResize: () => keep("fit", "factor").then(() => keep("factor", 1)).then(() => { preview.moved("factor"); estimate(); }, failed),
  take: async (batch) => { const answer = await ask(server.lb_improve_model, { batch }); await read(); return answer; },
  again: () => act(server.lb_look, { refresh: true }),
});

const said = h("div", { "aria-live": "polite" });
const sum = h("p.lb-gen-sum", { role: "status" });
const button = h("button.lb-button.lb-primary", { "data-needs": "lb_improve_start", type: "button", id: "lb-improve", text: t`Improve`, disabled: true, onclick: begin });
const stop = h("button.lb-button.lb-danger", { "data-needs": "lb_improve_stop", type: "button", text: t`Stop`, onclick: () => act(server.lb_improve_stop, { project, place: view.job.place }) });
const resume = h("button.lb-button", { "data-needs": "lb_improve_resume", type: "button", text: t`Go on`, onclick: () => act(server.lb_improve_resume, { project, place: view.job.place }) });
const why = h("p.lb-blocked");
const line = h("p.lb-progress-line");
const meter = h("div.lb-meter", { role: "progressbar", "aria-label": t`Progress of the improvement`, "aria-valuemin": "0", "aria-valuemax": "100" }, h("i"));
const running = h("div.lb-gen-running", { hidden: true }, line, meter);
const bar = h("div.lb-gen-do.lb-imp-do", {}, trouble, said, running, sum, h("div.lb-line", {}, button, stop, resume, why));
const empty = h("div.lb-editor-empty", { hidden: true }, h("p", { text: t`This project has no pictures yet.` }), h("button.lb-button", { type: "button", text: t`Add pictures`, onclick: () => go("project") }));
const settings = h("div.lb-imp-settings", {},
  h("div.lb-line", {}, h("h3.lb-heading", { text: t`How` }), h("span.lb-grow"), form.usual), upscalers.root, form.upscaling, form.contrast);
const main = h("div.lb-improving", { hidden: true },
  h("div.lb-line", {}, summary, h("span.lb-grow"), past.buttons), past.news, hint, looking, unreadable,
  h("h3.lb-heading", { text: t`Which pictures` }), grid.root,
  h("div.lb-imp-main", {}, settings, h("div.lb-imp-what", {}, h("h3.lb-heading", { text: t`What it will do` }), preview.root)), bar);
form.usual.addEventListener("click", () => usual().catch(failed));
replace(element, empty, main);

// --- asking ----------------------------------------------------------------------------------
const failed = (error) => replace(trouble, remark("bad", error.message));
/** One at a time; what fails is told. */
let turn = Promise.resolve();
function inTurn(work) { turn = turn.then(work).catch(failed); return turn; }

let planning = false, planned = false;
/** What it would do; of the questions that come while one is asked only the last is asked. */
async function estimate() {
  planned = true;
  if (planning) return;
  planning = true;
  while (planned && project && view) {
    planned = false;
    const of = project;
    try {
      const answer = await ask(server.lb_improve_plan, { project, ids: grid.ids(), values: form.values() });
      if (of !== project) continue;
      const other = plan?.choice !== answer.choice;
      plan = answer;
      replace(trouble);
      drawDo();
      if (other && answer.choice) preview.moved("scene"); // its scene is known now
    } catch (error) { if (of === project) { plan = null; failed(error); drawDo(); } }
  }
  planning = false;
}

let moving = 0, before = "";
/** A slider is being moved: contrast and strength follow at once, what needs the server a little later. */
function moves(values) {
  const sized = JSON.stringify([values.fit, values.factor]), resized = sized !== before;
  before = sized;
  clearTimeout(moving);
  moving = setTimeout(() => preview.moved(resized ? "factor" : "scene"), 40);
}

let kept = Promise.resolve(), waiting = 0; // waiting: settings the server has yet to answer
/** One after the other, so that the last one is the one that stays. */
function keep(key, value) {
  const of = project, edits = form.edits();
  waiting += 1;
  const sent = kept.then(() => ask(server.lb_improve_set, { project: of, key, value }));
  kept = sent.catch(() => {}).finally(() => { waiting -= 1; });
  return sent.then((answer) => {
    if (of !== project) return;
    Object.assign(view, answer);
    if (form.edits() === edits) form.set(view.values, view.usual);
    upscalers.set(view.upscalers, view.values);
    if (key === "upscaler") again();
  });
}
async function usual() {
  await kept; // what was moved just before must not come after it
  Object.assign(view, await ask(server.lb_improve_set, { project, usual: true }));
  form.clear();
  form.set(view.values, view.usual);
  upscalers.set(view.upscalers, view.values);
  preview.moved("");
  estimate();
}

async function act(call, data) {
  try {
    await ask(call, data);
    replace(trouble);
  } catch (error) { failed(error); }
  again();
  tell("nudge");
}

async function begin() {
  if (working) return;
  working = true;
  drawDo();
  try {
    await kept;
    await ask(server.lb_improve_start, { project, ids: grid.ids(), values: form.values() });
    replace(trouble);
    replace(said);
  } catch (error) { failed(error); }
  working = false;
  again();
  tell("nudge");
}

/** Pictures are others now: everybody looks again. */
function changed() {
  tell("captions", { project, by: "improving" });
  trigger("changed");
  tell("nudge");
}

async function turnBack(result) {
  try {
    const answer = await ask(server.lb_improve_undo, { project, operation: result.operation, redo: result.can === "redo" });
    if (answer.skipped.length) past.tellNews("warn", t`${plural(answer.skipped_count, "file")} left as it was.`, { skipped: answer.skipped });
    changed();
  } catch (error) { failed(error); }
  again();
}

// --- drawing ---------------------------------------------------------------------------------
const active = () => view?.job && ["running", "queued"].includes(view.job.state);

function drawSummary() {
  const { pictures, small, blurred, looks } = view, look = view.looking;
  const parts = [small ? t`${small.toLocaleString("en")} too small for ${small === 1 ? t`its bucket` : t`their bucket`}` : t`none too small for its bucket`];
  if (looks || blurred) parts.push(blurred ? t`${blurred.toLocaleString("en")} blurred` : t`none blurred`);
  say(summary, view.problem ? plural(pictures, "picture") : `${plural(pictures, "picture")}: ${parts.join(", ")}.`);
  const notes = [];
  if (view.problem) notes.push(remark("warn", view.problem, { extra: [h("button.lb-quiet", { type: "button", text: t`Go to the recipe`, onclick: () => go("oven") })] }));
  else if (view.resolution <= 512) notes.push(remark("info", t`Your recipe trains at ${spoken(view.resolution)} px. The guide says: up to 512 this step can be skipped when the pictures are good.`));
  const key = JSON.stringify([view.problem, view.resolution]);
  if (hint.dataset.key !== key) { hint.dataset.key = key; replace(hint, ...notes); }
  looking.hidden = !(look.running || look.stopped || look.problem);
  if (looking.hidden) { delete looking.dataset.key; return; }
  const text = look.running ? t`Looking for blurred pictures: ${look.done.toLocaleString("en")} of ${look.total.toLocaleString("en")} …` : look.problem || t`Not all pictures were looked at, so blurred ones may be missing.`;
  const state = `${look.running}|${look.stopped}|${look.problem}`;
  if (looking.dataset.key !== state) {
    looking.dataset.key = state;
    replace(looking, h("span.lb-muted"), h("button.lb-quiet", { "data-needs": "lb_improve_looking", type: "button", text: look.running ? t`Stop looking` : t`Go on looking`, onclick: () => act(server.lb_improve_looking, { project, do: look.running ? "stop" : "go on" }) }));
  }
  say(looking.firstChild, text);
}
function drawUnreadable() {
  const look = view.looking, key = JSON.stringify([look.unreadable, look.unreadable_count]);
  if (unreadable.dataset.key === key) return;
  unreadable.dataset.key = key;
  replace(unreadable, look.unreadable_count > 0 && remark("warn", t`${plural(look.unreadable_count, "picture")} could not be read.`, { extra: [h("details.lb-details", {}, h("summary", { text: t`Which` }), ...look.unreadable.map(([id, reason]) => h("p", { text: `${id}: ${spoken(reason)}` })))] }));
}

const px = ([width, height]) => `${width.toLocaleString("en")} × ${height.toLocaleString("en")}`;
function drawDo() {
  if (!view) return;
  const values = form.values(), nothing = values.upscaler === "off" && !values.contrast, n = plan?.changing ?? 0;
  const short = plan && plan.mib > plan.free;
  const reason = plan?.problem || (nothing ? t`Choose an upscaler, or change the contrast.` : !grid.size ? t`Choose pictures first.` : plan && !n ? t`These pictures would stay as they are.` : short ? t`There is too little room on the disk: ${size(plan.free)} are free.` : "");
  say(button, n ? t`Improve ${plural(n, "picture")}` : t`Improve pictures`);
  button.disabled = working || active() || Boolean(reason) || !n;
  button.hidden = Boolean(active());
  stop.hidden = !active();
  stop.disabled = Boolean(view.job?.stopping);
  say(stop, view.job?.state === "queued" ? t`Take out of the queue` : view.job?.stopping ? t`Stopping…` : t`Stop`);
  resume.hidden = !view.job?.can_resume || active();
  say(why, active() ? "" : spoken(reason));
  sum.hidden = !plan || !n || active();
  if (sum.hidden) return;
  const parts = [];
  if (plan.larger) parts.push(t`${plan.larger === 1 ? t`1 becomes` : t`${plan.larger.toLocaleString("en")} become`} larger, ${plan.larger === 1 ? "" : t`the middle one `}from ${px(plan.from)} to ${px(plan.to)} px`);
  if (plan.contrasted) parts.push(t`${plan.contrasted.toLocaleString("en")} ${plan.contrasted === 1 ? t`gets` : t`get`} another contrast`);
  if (plan.chosen > n) parts.push(`${(plan.chosen - n).toLocaleString("en")} ${plan.chosen - n === 1 ? t`stays as it is` : t`stay as they are`}`);
  parts.push(plan.seconds === null ? t`try the model on a part to know how long it takes` : t`about ${span(plan.seconds)}`);
  parts.push(t`about ${size(plan.mib)}; the originals are kept`);
  const text = parts.join(" · ");
  say(sum, text[0].toUpperCase() + text.slice(1));
}

function progress(job) {
  if (job.state === "queued") return job.position ? t`Waits in the queue, ${plural(job.position, "job")} before it.` : t`Is next in the queue.`;
  if (job.state === "running") {
    if (!job.step) return job.doing || t`Getting the upscaler ready`;
    return [`${Math.floor((100 * job.step) / job.steps)} %`, job.name, job.left !== null ? t`${span(job.left)} left` : ""].filter(Boolean).join(" · ");
  }
  if (job.state === "stopped" && !job.steps) return t`Taken out of the queue.`;
  return { stopped: t`Stopped. What was ready is kept.`, interrupted: t`Interrupted. It can go on where it was.`, failed: t`Could not be finished.` }[job.state] || "";
}

function drawJob() {
  const job = view.job, text = job ? progress(job) : "", share = job?.steps ? job.step / job.steps : 0;
  running.hidden = !text;
  sayFigures(line, text);
  meter.hidden = !active();
  meter.firstChild.style.width = `${(100 * share).toFixed(1)}%`;
  meter.setAttribute("aria-valuenow", String(Math.round(100 * share)));
  const key = job ? `${job.place}|${job.state}|${job.created}` : "";
  const was = jobKey.split("|")[1];
  if (key !== jobKey && jobKey && ["running", "queued"].includes(was) && !active()) { mine = `${job.place}|${job.created}`; changed(); }
  jobKey = key;
  drawResult();
}
/** What was done, what was left out and why, and the way back; also after a reload. */
function drawResult() {
  const job = view.job, result = view.result?.can || (job && mine === `${job.place}|${job.created}`) ? view.result : null;
  const key = JSON.stringify([result, job?.state === "failed" || job?.state === "interrupted" ? job.text : ""]);
  if (said.dataset.key === key) return;
  said.dataset.key = key;
  const nodes = [];
  if (job && ["failed", "interrupted"].includes(job.state) && job.text) nodes.push(remark("bad", job.text, { extra: [job.details && h("details", {}, h("summary", { text: t`Details` }), h("pre", { text: job.details }))] }));
  if (result) {
    const back = result.can && h("button.lb-quiet", { "data-needs": "lb_improve_undo", type: "button", text: result.can === "undo" ? t`Undo` : t`Redo`, onclick: (event) => { event.currentTarget.disabled = true; turnBack(result); } });
    const left = result.skipped.length > 0 && h("details", {}, h("summary", { text: t`Which ones` }), ...result.skipped.map((text) => h("p.lb-muted", { text })));
    nodes.push(remark(result.skipped.length ? "warn" : "ok", result.said, { extra: [back, left] }));
  }
  replace(said, ...nodes);
}

async function read() {
  const wanted = project;
  if (!wanted) return;
  const edits = form.edits(), late = waiting > 0; // what is moved meanwhile is newer than the answer
  let answer;
  try { answer = await ask(server.lb_improving, { project, form: !form.ready() }); } catch (error) { if (wanted === project) { main.hidden = false; failed(error); } return; }
  if (wanted !== project) return;
  const fresh = !view;
  view = answer;
  if (answer.form && !form.ready()) form.build(answer.form);
  main.hidden = !view.pictures;
  empty.hidden = view.pictures > 0;
  if (!view.pictures) return;
  if (fresh || (!late && form.edits() === edits && !form.busy)) form.set(view.values, view.usual);
  upscalers.set(view.upscalers, view.values);
  drawSummary();
  drawUnreadable();
  drawJob();
  drawDo();
  const key = JSON.stringify(view.seen);
  if (key !== seen && !(fresh === false && view.looking.running && Date.now() - read.rows < 2000)) {
    seen = key;
    read.rows = Date.now();
    try {
      const rows = await ask(server.lb_improve_rows, { project: wanted });
      if (wanted === project) grid.set(rows);
    } catch (error) { failed(error); seen = ""; }
  }
  past.read();
}
read.rows = 0;

function switched() {
  const now = props.value?.project || "";
  if (now !== project) {
    project = now; view = plan = null; jobKey = seen = "";
    main.hidden = true;
    empty.hidden = true;
    grid.forget();
    preview.clear();
    form.clear();
    upscalers.clear();
    past.clear();
    for (const node of [said, trouble]) replace(node);
    delete said.dataset.key;
  }
  again();
}
const again = poll(element, read, () => (active() || view?.looking.running || view?.upscalers.looking ? 1000 : 4000));
switched();
watch("value", switched);
hear(element, "captions", (news) => { if (news?.by !== "improving") again(); }, { now: false });
hear(element, "oven", () => again(), { now: false });
hear(element, "opened", (id) => { if (id === "improving") { again(); grid.layout(); } }, { now: false });
