// Generate tags: which pictures, which tagger, what counts; a preview that follows the hand; one button.
let project = "", view = null, picked = [], start = 0, working = false, jobKey = "", seen = "";
let count = null; // what writing would change, as last counted

const pictures = h("b.lb-gen-what");
const scope = h("select.lb-select", { "aria-label": t`Which pictures`, onchange: () => { remember(`tagging-scope:${project}`, scope.value); start = 0; read().then(everything); } });
const said = h("div", { "aria-live": "polite" });
const trouble = h("div", { "aria-live": "polite" });
const taggers = makeTaggers({
  onChoose: (names) => keep("taggers", names.join(", ")).then(everything, failed),
  onCombine: (value) => keep("combine", value).then(everything, failed),
  get: (model) => act(server.lb_download, { spec: model }),
  stop: (name) => act(server.lb_download_stop, { name }),
  resume: (name) => act(server.lb_download_resume, { name }),
  again: () => act(server.lb_look, { refresh: true }),
});
const form = makeTagForm({
  onMove: (values) => { chart.at(values); look(values); },
  onKeep: (key, value) => keep(key, value).then(() => settled(key)),
  complete: (field) => attachCompletion(field, { ask: tagAsker(server, () => project) }),
});
const chart = makeTagChart({ onMove: (key, value) => form.move(key, value), onDrop: (key, value) => form.move(key, value, true) });
const examples = makeTagExamples({
  project: () => project,
  onNever: (tag) => form.add("exclude", tag),
  onOthers: () => { start += 1; look(form.values()); },
});
const review = makeTagReview({
  project: () => project,
  find: (side, tag) => ask(server.lb_tag_pictures, { ...where(), side, tag }),
  accept,
});
const nothing = h("div.lb-gen-nothing", {},
  h("p", {}, h("b", { text: t`The tagger has not looked at these pictures yet.` })),
  h("p.lb-muted", { text: t`“Look first” shows here what it sees in them and writes nothing. Then choose the thresholds while you watch what they do, as often as you like: it looks only once.` }));
const sum = h("p.lb-gen-sum", { role: "status" });
const often = h("div.lb-tagchips");
const most = h("details.lb-details", { hidden: true }, h("summary"), h("p.lb-muted", { text: t`Press a tag that shall never be written.` }), often);
const preview = h("div.lb-gen-preview", {}, nothing, chart.root, sum, examples.root, most);

const button = h("button.lb-button.lb-primary", { "data-needs": "lb_tag_start", type: "button", id: "lb-tag", text: t`Generate tags`, disabled: true, onclick: () => begin(true) });
const first = h("button.lb-button", { "data-needs": "lb_tag_start", type: "button", id: "lb-tag-look", text: t`Look first`, onclick: () => begin(false) });
const stop = h("button.lb-button.lb-danger", { "data-needs": "lb_tag_stop", type: "button", text: t`Stop`, onclick: () => act(server.lb_tag_stop, { project, place: view.job.place }) });
const resume = h("button.lb-button", { "data-needs": "lb_tag_resume", type: "button", text: t`Go on`, onclick: () => act(server.lb_tag_resume, { project, place: view.job.place }) });
const why = h("p.lb-blocked");
const line = h("p.lb-progress-line");
const meter = h("div.lb-meter", { role: "progressbar", "aria-label": t`Progress of the tagging`, "aria-valuemin": "0", "aria-valuemax": "100" }, h("i"));
const running = h("div.lb-gen-running", { hidden: true }, line, meter);
const bar = h("div.lb-gen-do", {}, trouble, said, running, h("div.lb-line", {}, button, first, stop, resume, why));
const differences = h("details.lb-details.lb-gen-differences", { hidden: true, ontoggle: () => { review.reorder(); if (differences.open) compare(); } },
  h("summary", { text: t`Compare the captions with the tagger, tag by tag` }), review.root);
const empty = h("p.lb-muted.lb-hint", { hidden: true, text: t`Add pictures under Project first.` });
const work = h("div.lb-gen-work", {},
  h("div.lb-line", {}, pictures, scope), h("h3.lb-heading", { text: t`Tagger` }), taggers.root,
  h("div.lb-gen-main", {}, h("div", {}, h("div.lb-line", {}, h("h3.lb-heading", { text: t`What counts` }), h("span.lb-grow"), form.usual), form.root), h("div", {}, h("h3.lb-heading", { text: t`What it would do` }), preview)),
  bar, differences);
const main = h("div.lb-tagging", { hidden: true }, empty, work);
form.usual.addEventListener("click", () => keepAll().then(everything, failed));
replace(element, main);

// --- asking ----------------------------------------------------------------------------------
const where = (values) => ({ project, scope: scope.value || "all", ids: scope.value === "selected" ? picked : undefined, values });
const failed = (error) => replace(trouble, remark("bad", error.message));

/** One question at a time; of those that came meanwhile only the last is asked. */
function latest(call) {
  let busy = false, next = null;
  return async (values) => {
    next = { values };
    if (busy) return;
    busy = true;
    while (next) {
      const { values: wanted } = next, of = project;
      next = null;
      try {
        const answer = await call(wanted);
        if (of === project && answer) { answer.draw(); replace(trouble); }
      } catch (error) {
        if (of === project) failed(error);
      }
    }
    busy = false;
  };
}
const look = latest(async (values) => {
  const answer = await ask(server.lb_tag_examples, { ...where(values), start });
  return { draw: () => { examples.set(answer); nothing.hidden = answer.examples.length > 0; } };
});
const total = latest(async () => {
  sum.classList.add("lb-waiting");
  const answer = await ask(server.lb_tag_count, where());
  return { draw: () => { count = answer; drawSum(); drawDo(); } };
});
const bend = latest(async () => {
  const answer = await ask(server.lb_tag_curve, where());
  return { draw: () => { chart.set(answer); chart.at(form.values()); } };
});
const compare = latest(async () => {
  if (!differences.open) return null;
  const answer = await ask(server.lb_tag_differences, where());
  return { draw: () => review.set(answer) };
});
/** Everything that depends on pictures, tagger or captions. */
function everything() { look(form.values()); bend(); total(); compare(); }
/** A setting was left: thresholds only move along the curve, others may bend it. */
function settled(key) {
  look(form.values());
  total();
  compare();
  if (["exclude", "combine"].includes(key)) bend();
}

let kept = Promise.resolve(), waiting = 0; // waiting: settings the server has yet to answer
/** One after the other, so that the last one is the one that stays. */
function keep(key, value) {
  const of = project, edits = form.edits();
  waiting += 1;
  const sent = kept.then(() => ask(server.lb_tag_set, { project: of, key, value }));
  kept = sent.catch(() => {}).finally(() => { waiting -= 1; });
  return sent.then((answer) => { if (of === project) { Object.assign(view, answer); if (form.edits() === edits) form.set(view.values, view.usual); if (key === "taggers") read(); } });
}
async function keepAll() {
  await kept; // what was moved just before must not come after it
  const answer = await ask(server.lb_tag_set, { project, usual: true });
  Object.assign(view, answer);
  form.set(view.values, view.usual);
  chart.at(view.values);
}

async function act(call, data) {
  try {
    await ask(call, data);
    replace(trouble);
  } catch (error) { failed(error); }
  again();
  tell("nudge");
}

// --- doing -----------------------------------------------------------------------------------
async function begin(write) {
  if (working) return;
  working = true;
  drawDo();
  try {
    await kept;
    const answer = await ask(server.lb_tag_start, { ...where(), write });
    replace(trouble);
    replace(said);
    if (answer.said) done(answer);
  } catch (error) { failed(error); }
  working = false;
  again();
  tell("nudge");
}

/** What was done, and the way back. */
function done(answer) {
  const redo = Boolean(answer.undone);
  const back = Number.isInteger(answer.operation) && h("button.lb-quiet", { "data-needs": "lb_tag_undo", type: "button", text: redo ? t`Redo` : t`Undo`, onclick: async (event) => {
    event.currentTarget.disabled = true;
    try { done(await ask(server.lb_tag_undo, { project, operation: answer.operation, redo })); } catch (error) { replace(said, remark("warn", error.message)); }
  } });
  const left = answer.skipped?.length > 0 && h("details", {}, h("summary", { text: t`Which ones` }), ...answer.skipped.map((text) => h("p.lb-muted", { text })));
  replace(said, remark("ok", answer.said, { extra: [back, left] }));
  changed();
}
/** Captions are others now: everybody looks again. */
function changed() {
  everything();
  again();
  tell("captions", { project });
  trigger("changed");
  tell("nudge");
}

async function accept(side, tag, only) {
  try { done(await ask(server.lb_tag_accept, { ...where(), side, tag, only })); } catch (error) { failed(error); review.redraw(); everything(); }
}

// --- drawing ---------------------------------------------------------------------------------
function drawScope() {
  const bare = view.pictures - view.captioned;
  const listed = [["all", t`All ${plural(view.pictures, "picture")}`]];
  if (bare && view.captioned) listed.push(["bare", t`The ${bare.toLocaleString("en")} without a caption`]);
  if (picked.length) listed.push(["selected", t`The ${picked.length.toLocaleString("en")} selected in the editor`]);
  const key = JSON.stringify(listed);
  if (scope.dataset.key === key) return;
  const wanted = scope.value || recall(`tagging-scope:${project}`, "all");
  scope.dataset.key = key;
  replace(scope, ...listed.map(([value, text]) => h("option", { value, text })));
  scope.value = listed.some(([value]) => value === wanted) ? wanted : "all";
  scope.hidden = listed.length < 2;
  if (scope.value !== wanted) everything();
}

function drawSum() {
  sum.classList.remove("lb-waiting");
  sum.hidden = !count.scored;
  const range = count.fewest === count.most ? plural(count.most, "tag") : t`${count.fewest} to ${plural(count.most, "tag")}`;
  const parts = [count.changed ? t`Writes ${plural(count.adds, "tag")} into ${plural(count.changed, "caption")} and removes ${count.removes ? count.removes.toLocaleString("en") : t`none`}.` : t`Every caption says this already.`,
    `${count.changed ? t`Then a picture has` : t`A picture has`} ${range}${count.fewest === count.most ? "" : t`, ${Number(count.average.toFixed(1))} on average`}.`];
  if (count.empty) parts.push(t`${plural(count.empty, "picture")} would have no tag: lower the threshold.`);
  if (count.missing) parts.push(t`The tagger has not looked at ${plural(count.missing, "picture")} yet.`);
  say(sum, parts.join(" "));
  most.hidden = !count.tags.length;
  say(most.firstChild, t`What it says most often: ${plural(count.tags.length + count.more, "tag")}`);
  const key = JSON.stringify(count.tags);
  if (often.dataset.key === key) return;
  often.dataset.key = key;
  replace(often, ...count.tags.map(([tag, category, n]) => h("button.lb-tagchip", { "data-needs": "lb_tag_set", type: "button", "data-category": category || undefined, "aria-label": t`Never write ${tag}`, onclick: () => form.add("exclude", tag) }, h("span", { text: tag }), h("small", { text: n.toLocaleString("en") }))),
    count.more > 0 && h("span.lb-muted", { text: t`and ${plural(count.more, "rarer one")}` }));
}

const active = () => view?.job && ["running", "queued"].includes(view.job.state);
function drawDo() {
  if (!view) return;
  const n = view.scope, known = count && !count.missing && count.scored;
  const reason = taggers.blocked() || (!n ? t`There is no such picture.` : "");
  say(button, known ? (count.changed ? t`Write tags into ${plural(count.changed, "caption")}` : t`Nothing to write`) : t`Generate tags for ${plural(n, "picture")}`);
  button.disabled = working || Boolean(reason) || active() || Boolean(known && !count.changed);
  first.hidden = Boolean(known) || active() || Boolean(reason) || !count;
  first.disabled = working;
  button.hidden = active();
  stop.hidden = !active();
  stop.disabled = Boolean(view.job?.stopping);
  say(stop, view.job?.state === "queued" ? t`Take out of the queue` : view.job?.stopping ? t`Stopping…` : t`Stop`);
  resume.hidden = !view.job?.can_resume || active();
  const seconds = count?.missing && view.pace ? count.missing * view.pace : 0;
  say(why, spoken(reason) || (seconds > 5 && !active() ? t`about ${span(seconds)}` : ""));
  bar.classList.toggle("lb-idle", button.disabled && !active() && !said.firstChild && !trouble.firstChild);
  differences.hidden = !(count && count.scored && view.captioned);
}

function progress(job) {
  if (job.state === "queued") return job.position ? t`Waits in the queue, ${plural(job.position, "job")} before it.` : t`Is next in the queue.`;
  if (job.state === "running") {
    if (!job.step) return job.doing || t`Getting the tagger ready`;
    const parts = [t`${job.step.toLocaleString("en")} of ${plural(job.steps, "picture")}`];
    if (job.pace) parts.push(job.pace < 0.5 ? t`${Math.round(1 / job.pace)} pictures/s` : `${job.pace.toFixed(1)} s/picture`);
    if (job.left !== null) parts.push(t`${span(job.left)} left`);
    return parts.join(" · ");
  }
  if (job.state === "stopped" && !job.steps) return t`Taken out of the queue.`;
  const far = t`${job.step} of ${plural(job.steps, "picture")}`;
  return { stopped: t`Stopped at ${far}. What it has seen is kept.`, interrupted: t`Interrupted at ${far}. What it has seen is kept.`, failed: t`Could not be finished.` }[job.state] || "";
}

let refreshed = 0;
function drawJob() {
  const job = view.job, key = job ? `${job.place}|${job.state}|${job.step}|${job.created}` : "";
  const text = job ? progress(job) : "";
  running.hidden = !text;
  sayFigures(line, text);
  const share = job?.steps ? job.step / job.steps : 0;
  meter.hidden = !active();
  meter.firstChild.style.width = `${(100 * share).toFixed(1)}%`;
  meter.setAttribute("aria-valuenow", String(Math.round(100 * share)));
  if (key === jobKey) return;
  const before = jobKey, started = before.split("|")[1];
  jobKey = key;
  if (job && ["failed", "interrupted"].includes(job.state) && job.text) {
    replace(said, remark("bad", job.text, { extra: [job.details && h("details", {}, h("summary", { text: t`Details` }), h("pre", { text: job.details }))] }));
  }
  if (!before || !job) return;
  const over = job.state === "finished" && ["running", "queued"].includes(started);
  if (over && job.said && !Number.isInteger(job.operation)) replace(said, remark("warn", job.said));
  if (over && Number.isInteger(job.operation)) done(job);
  else if (!active() || Date.now() - refreshed > 6000) { refreshed = Date.now(); everything(); }
}

async function read() {
  const wanted = project;
  if (!wanted) return;
  const edits = form.edits(), late = waiting > 0; // what is moved meanwhile is newer than the answer
  let answer;
  try { answer = await ask(server.lb_tagging, { ...where(), form: !form.ready() }); } catch (error) { if (wanted === project) { main.hidden = false; failed(error); } return; }
  if (wanted !== project) return;
  const fresh = !view;
  view = answer;
  if (answer.form && !form.ready()) { taggers.choices(answer.form.find((f) => f.key === "combine").choices); form.build(answer.form); }
  main.hidden = false;
  empty.hidden = view.pictures > 0;
  work.hidden = !view.pictures;
  const bare = view.pictures - view.captioned;
  say(pictures, `${plural(view.pictures, "picture")}, ${bare === view.pictures ? t`none with a caption yet` : bare ? t`${bare.toLocaleString("en")} without a caption` : t`all with a caption`}`);
  taggers.set(view);
  drawScope();
  if (fresh || (!late && form.edits() === edits && !form.root.contains(document.activeElement))) { form.set(view.values, view.usual); chart.at(view.values); }
  drawJob();
  drawDo();
  const key = `${view.version}|${view.scope}|${view.taggers.map((t) => t.on && t.here ? t.name : "").join()}`;
  if (key !== seen) { seen = key; everything(); }
}

function switched() {
  const now = props.value?.project || "";
  if (now !== project) {
    project = now; view = count = null; jobKey = seen = ""; start = 0; picked = [];
    main.hidden = true;
    delete scope.dataset.key;
    replace(scope);
    replace(said);
    replace(trouble);
    chosen(recall("selection"));
    examples.forget();
    review.forget();
    differences.open = false;
    nothing.hidden = false;
    chart.set({ points: [], of: 0, pictures: 0 });
    sum.hidden = most.hidden = differences.hidden = true;
  }
  again();
}
/** Pictures that were selected in the editor. */
function chosen(news) {
  if (!news || news.project !== project) return;
  picked = Array.isArray(news.ids) ? news.ids : [];
  if (view) { drawScope(); if (scope.value === "selected") { read().then(everything); } }
}
const again = poll(element, read, () => (active() || view?.downloads.some((d) => ["running", "queued"].includes(d.state)) || view?.looking ? 1000 : 4000));
switched();
watch("value", switched);
hear(element, "selection", chosen);
hear(element, "captions", () => again(), { now: false });
hear(element, "opened", (id) => { if (id === "tagging") again(); }, { now: false });
