// The request, the list of grids, and the chosen one, which fills itself.
let project = "", about = null, run = "", grid = "", files = "";

const where = () => ({ project, run });
const chooser = h("select.lb-select", { "aria-label": t`Run`, onchange: () => { run = chooser.value; grid = ""; load(); } });
const grids = h("select.lb-select", { "aria-label": t`Grid`, onchange: () => { grid = grids.value; again(); } });
const request = makeRequest({ server, where, begun: async (name) => { grid = name; await load(); tell("nudge"); } });
const shownGrid = makeBoard({
  server, where, look: () => again(),
  onAdded: () => { trigger("changed"); tell("captions", { project }); tell("nudge"); },
});
shownGrid.mount(makeVerdict({ server, where, choose: shownGrid.goTo }));
shownGrid.mount(makeVotes({ server, where: () => ({ ...where(), grid: shownGrid.view()?.name }), board: shownGrid }));
const loraLook = makeLoraLook({ server, project: () => project });
const empty = h("p.lb-muted.lb-hint", { text: t`There is no LoRA file yet. Bake one first; the first epoch is enough to begin.` });
const form = h("div.lb-request", { hidden: true }, h("div.lb-line", {}, h("label.lb-field", {}, h("span", { text: t`Run` }), chooser)), request.root);
const board = h("div.lb-board", { hidden: true }, h("label.lb-field", {}, h("span", { text: t`Grid` }), grids), shownGrid.root);
replace(element, empty, form, board, loraLook.root, shownGrid.box);

function nothing() {
  board.hidden = true;
  shownGrid.clear();
}

async function load() {
  if (!project) return;
  const wanted = project;
  let answer;
  try { answer = await ask(server.lb_ready, { project, run }); } catch (error) { say(empty, error.message); return; }
  if (wanted !== project) return;
  about = answer;
  if (run !== about.run) shownGrid.clear();
  run = about.run;
  empty.hidden = about.runs.length > 0;
  form.hidden = !about.runs.length;
  if (!about.runs.length) { nothing(); return; }
  replace(chooser, ...about.runs.map((name) => h("option", { value: name, text: name })));
  chooser.value = run;
  replace(grids, ...about.grids.map((one) => h("option", { value: one.name, text: spoken(one.label) })));
  if (!about.grids.some((one) => one.name === grid)) grid = about.grids[0]?.name || "";
  grids.value = grid;
  request.load(about);
  await read();
}

async function read() {
  if (!project || !run) return;
  if (!grid) { nothing(); return; }
  const wanted = `${project}/${run}/${grid}`;
  const answer = await ask(server.lb_grid, { project, run, grid }).catch(() => null); // the next tick asks again
  if (!answer || wanted !== `${project}/${run}/${grid}`) return;
  board.hidden = false;
  shownGrid.draw(answer);
}

async function tick() {
  if (!about) { await load(); return; }
  await read();
}
const again = poll(element, tick, () => (shownGrid.active() ? 1000 : 4000));

function switched() {
  const now = props.value?.project || "";
  if (now !== project) {
    project = now; about = null; run = ""; grid = "";
    request.clear();
    form.hidden = true; empty.hidden = true;
    nothing();
    loraLook.clear();
  }
  again();
}
switched();
watch("value", switched);
hear(element, "opened", (id) => { if (id === "ready") load(); }, { now: false });
// A bake that saved another epoch changes what can be asked for.
hear(element, "pulse", (pulse) => { const now = String(pulse.files); if (now !== files) { files = now; if (project && about && shown(element)) load(); } });
