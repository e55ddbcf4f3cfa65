// Start, progress, plot, log, queue. All of it is read from disk, so a reload changes nothing.
let project = "", view = null, picked = "", curveOf = "", named = false, working = false;

const name = h("input.lb-input", { "data-needs": "lb_bake", type: "text", maxlength: "100", "aria-label": t`Name`, oninput: () => { named = true; } });
const bake = h("button.lb-button.lb-primary", { "data-needs": "lb_bake", type: "button", id: "lb-bake", text: t`Bake`, disabled: true, onclick: start });
const blocked = h("p.lb-blocked", { hidden: true });
const said = h("div", { "aria-live": "polite" });
const chooser = h("select.lb-select", { "aria-label": t`Run`, onchange: () => { picked = chooser.value; again(); } });
const stop = h("button.lb-button.lb-danger", { "data-needs": "lb_stop", type: "button", text: t`Stop after this step`, onclick: () => act(server.lb_stop, view.run.place) });
const resume = h("button.lb-button", { "data-needs": "lb_resume", type: "button", text: t`Resume`, onclick: () => act(server.lb_resume, view.run.place) });
const taste = h("button.lb-button", { type: "button", text: t`See which epoch works best`, onclick: () => go("ready", { focus: true }) });
const line = h("p.lb-progress-line");
const meter = h("div.lb-meter", { role: "progressbar", "aria-label": t`Progress of the bake`, "aria-valuemin": "0", "aria-valuemax": "100" }, h("i"));
const trouble = h("div");
const plot = makePlot();
const strip = makeStrip(() => [project, view.run.name]);
const log = h("pre.lb-log");
const run = h("div.lb-run", { hidden: true },
  h("div.lb-line", {}, h("label.lb-field", {}, h("span", { text: t`Run` }), chooser), h("span.lb-grow"), stop, resume, taste),
  line, meter, trouble, plot.root, strip.root,
  h("details.lb-details", {}, h("summary", { text: t`Last lines of the log` }), log));
const queueTitle = h("h3.lb-heading", { text: t`Queue`, hidden: true });
const jobs = makeJobs(server, act);
const queue = h("div.lb-queue", {}, queueTitle, jobs.root);
const main = h("div.lb-baking", { hidden: true },
  h("div.lb-line.lb-start", {}, h("label.lb-field", {}, h("span", { text: t`Name of the LoRA` }), name), bake, blocked),
  said, run, queue);
replace(element, main);

const notice = (level, text, word) => h(`div.lb-notice.lb-tone-${level}`, {}, word && h("b.lb-word", { text: word }), h("p", { text }));

async function start() {
  if (working || bake.disabled) return;
  working = true;
  bake.disabled = true;
  try {
    await window.lorabake.saving; // a setting that was just typed counts
    const answer = await ask(server.lb_bake, { project, name: name.value });
    picked = answer.run;
    replace(said);
  } catch (error) {
    replace(said, notice("bad", error.message, t`Not started`));
  }
  working = false;
  again();
  tell("nudge");
}

async function act(call, place, more = {}) {
  try {
    await ask(call, { place, ...more });
    replace(said);
  } catch (error) {
    replace(said, notice("bad", error.message));
  }
  again();
  tell("nudge");
}

/** The line of look.md: Epoch 3 of 10 · step 84 of 280 · 1.2 s/step · ready about 14:35 */
function progress(r) {
  if (r.state === "running") {
    if (r.stopping) return t`Stopping: step ${r.step} of ${r.steps} is finished and saved first.`;
    if (!r.step) return r.doing || t`Getting ready`;
    const parts = [t`Epoch ${r.epoch} of ${r.epochs}`, t`step ${r.step} of ${r.steps}`];
    if (r.pace) parts.push(`${r.pace < 0.095 ? r.pace.toFixed(2) : r.pace.toFixed(1)} s/step`);
    if (r.left !== null) parts.push(r.left < 60 ? t`${span(r.left)} left` : t`ready about ${clock(new Date(Date.now() + 1000 * r.left))}`);
    return parts.join(" · ");
  }
  const files = plural(r.files, "file");
  const took = r.seconds ? t` in ${span(r.seconds)}` : "";
  return {
    new: t`Not in the queue.`,
    queued: r.position ? t`Waits in the queue, ${plural(r.position, "job")} before it.` : t`Is next in the queue.`,
    finished: t`Done: ${plural(r.epochs, "epoch")}, ${plural(r.steps, "step")}${took}. ${files} to choose from.`,
    stopped: t`Stopped at step ${r.step} of ${r.steps || "?"}. ${files} so far; Resume goes on from there.`,
    failed: t`Could not be finished: step ${r.step} of ${r.steps || "?"}.`,
    interrupted: t`Interrupted at step ${r.step} of ${r.steps || "?"}.`,
  }[r.state] || r.state;
}

function drawRun(r) {
  run.hidden = !r;
  if (!r) return;
  const names = view.runs;
  if ([...chooser.options].map((o) => o.value).join("\n") !== names.join("\n")) {
    replace(chooser, ...names.map((n) => h("option", { value: n, text: n })));
  }
  chooser.value = r.name;
  sayFigures(line, progress(r));
  const share = r.steps ? r.step / r.steps : 0;
  meter.hidden = r.state === "finished" || !r.steps;
  meter.firstChild.style.width = `${(100 * share).toFixed(2)}%`;
  meter.setAttribute("aria-valuenow", String(Math.round(100 * share)));
  stop.hidden = !["running", "queued"].includes(r.state);
  stop.disabled = r.stopping;
  stop.textContent = r.state === "queued" ? t`Take out of the queue` : r.stopping ? t`Stopping…` : t`Stop after this step`;
  resume.hidden = !r.can_resume;
  taste.hidden = !r.files;
  const key = `${r.state}|${r.text}`;
  if (trouble.dataset.key !== key) {
    trouble.dataset.key = key;
    replace(trouble, r.text && r.state !== "running" && h(`div.lb-notice.lb-tone-${r.state === "stopped" ? "info" : "bad"}`, {},
      h("div", { style: "flex:1;min-width:0" }, h("p", { text: spoken(r.text) }),
        r.details && h("details", {}, h("summary", { text: t`Details` }), h("pre", { text: r.details }),
          h("button.lb-quiet", { type: "button", text: t`Copy details`, onclick: () => navigator.clipboard?.writeText(`${r.text}\n${r.details}`) })))));
  }
  say(log, r.log || t`Nothing yet.`);
}

function drawQueue(rows) {
  queueTitle.hidden = !rows.length;
  jobs.draw(rows);
}

function drawStart(ready) {
  if (!named && document.activeElement !== name) name.value = ready.name || "";
  bake.disabled = working || Boolean(ready.blocked);
  say(bake, ready.blocked || !ready.epochs ? t`Bake` : t`Bake ${plural(ready.epochs, "epoch")} · ${plural(ready.steps, "step")}`);
  blocked.hidden = !ready.blocked;
  say(blocked, spoken(ready.blocked) || t`with ${ready.recipe}`);
  blocked.hidden = false;
  blocked.classList.toggle("lb-tone-bad", Boolean(ready.blocked));
}

async function read() {
  if (!project) return;
  const wanted = project;
  try {
    const answer = await ask(server.lb_baking, { project, run: picked });
    if (wanted !== project) return;
    view = answer;
  } catch (error) {
    replace(said, notice("bad", error.message));
    return;
  }
  main.hidden = false;
  drawStart(view.ready);
  drawRun(view.run);
  drawQueue(view.queue);
  if (!view.run) return;
  const key = `${project}/${view.run.name}/${view.run.state}/${view.run.step}/${view.run.files}/${view.run.events}`;
  if (key !== curveOf) {
    const curve = await ask(server.lb_curve, { project, run: view.run.name }).catch(() => null);
    if (curve && wanted === project) { plot.set(curve); strip.set(curve.samples); curveOf = key; }
  }
}

function switched() {
  const now = props.value?.project || "";
  if (now !== project) { project = now; picked = ""; named = false; curveOf = ""; main.hidden = true; replace(said); }
  again();
}
const again = poll(element, read, () => (view?.queue.some((r) => r.state === "running") ? 1000 : 3000), { always: false });
switched();
watch("value", switched);
hear(element, "opened", (id) => { if (id === "baking") again(); }, { now: false });
