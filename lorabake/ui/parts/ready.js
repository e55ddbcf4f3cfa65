// The request, and the grid that fills itself: epochs down, weights across. Click a cell to see it large,
// tick it to bake again with it.
let project = "", about = null, run = "", grid = "", view = null, drawn = "", focus = [0, 0], counting = null;

const inputs = {};
const chooser = h("select.lb-select", { "aria-label": "Run", onchange: () => { run = chooser.value; grid = ""; drawn = ""; load(); } });
const often = h("div.lb-fields"), rarely = h("div.lb-fields");
const render = h("button.lb-button.lb-primary", { type: "button", id: "lb-render", text: "Render", disabled: true, onclick: start });
const hint = h("span.lb-muted", { role: "status" });
const said = h("div", { "aria-live": "polite" });
const grids = h("select.lb-select", { "aria-label": "Grid", onchange: () => { grid = grids.value; drawn = ""; again(); } });
const stop = h("button.lb-button.lb-danger", { type: "button", text: "Stop rendering", onclick: () => act(server.lb_stop) });
const resume = h("button.lb-button", { type: "button", text: "Resume", onclick: () => act(server.lb_resume) });
const sheet = h("a.lb-button", { target: "_blank", rel: "noopener", text: "Open the sheet as PNG" });
const line = h("p.lb-progress-line", { role: "status" });
const meter = h("div.lb-meter", { role: "progressbar", "aria-label": "Pictures rendered", "aria-valuemin": "0" }, h("i"));
const trouble = h("div");
const prompt = h("p.lb-mono.lb-muted.lb-prompt");
const table = h("div.lb-grid-frame", { tabindex: "-1" });
const ticked = new Set(); // names of cells
const bakeAgain = makeAgain({
  server, where: () => ({ project, run, grid: view.name }), picture: (name, kind) => address(name, kind),
  label: (name) => label(view.cells.find((cell) => cell[2] === name)),
  onUntick: (names) => { for (const name of names) ticked.delete(name); drawTicks(); },
  onAdded: () => { trigger("changed"); tell("captions", { project }); tell("nudge"); },
});
const handover = makeHandover({
  server, label: () => label(at(...focus)), onOpen: () => box.close(),
  where: () => { const [epoch, weight] = at(...focus); return { project, run, grid: view.name, epoch, weight }; },
});
const board = h("div.lb-board", { hidden: true },
  h("div.lb-line", {}, h("label.lb-field.lb-grow", {}, h("span", { text: "Grid" }), grids), stop, resume, sheet),
  line, meter, trouble, prompt, table, handover.root, bakeAgain.bar, bakeAgain.root);
const empty = h("p.lb-muted.lb-hint", { text: "There is no LoRA file yet. Bake one first; the first epoch is enough to begin." });
const form = h("div.lb-request", { hidden: true },
  h("div.lb-line", {}, h("label.lb-field", {}, h("span", { text: "Run" }), chooser)),
  often, h("details.lb-details", {}, h("summary", { text: "More: steps, CFG scale, sampler, size" }), rarely),
  h("div.lb-line", {}, render, hint), said);

// --- large view ------------------------------------------------------------------------------
const large = h("img.lb-lightbox-picture", { alt: "" });
const caption = h("p.lb-lightbox-caption", { role: "status" });
const best = h("input", { type: "checkbox", "aria-keyshortcuts": "t", onchange: () => pick() });
const box = h("dialog.lb-lightbox", { "aria-label": "One picture of the grid" },
  h("div.lb-lightbox-frame", {}, large), caption,
  h("div.lb-line.lb-lightbox-keys", {},
    h("button.lb-button", { type: "button", text: "←", "aria-label": "Lower weight", onclick: () => move(0, -1) }),
    h("button.lb-button", { type: "button", text: "→", "aria-label": "Higher weight", onclick: () => move(0, 1) }),
    h("button.lb-button", { type: "button", text: "↑", "aria-label": "Epoch above", onclick: () => move(-1, 0) }),
    h("button.lb-button", { type: "button", text: "↓", "aria-label": "Epoch below", onclick: () => move(1, 0) }),
    h("label.lb-check", {}, best, h("span", { text: "Tick (T)" })),
    h("span.lb-muted.lb-lightbox-hint", { text: "Arrows walk, hold Space to compare with weight 0" }), h("span.lb-grow"),
    h("button.lb-button", { type: "button", text: "Close", onclick: () => box.close() })), handover.inLarge);
const loraLook = makeLoraLook({ server, project: () => project });
replace(element, empty, form, board, loraLook.root, box);

const address = (name, kind = "cell") => `/lorabake/${kind}/${[project, run, view.name, name].map(encodeURIComponent).join("/")}`;
const at = (y, x) => view.cells[y * view.weights.length + x];
const label = ([epoch, weight]) => `epoch ${epoch} · weight ${weight}`;

function show(compare = false) {
  const column = compare ? view.weights.indexOf(0) : focus[1];
  const cell = at(focus[0], column < 0 ? focus[1] : column);
  best.checked = ticked.has(at(...focus)[2]);
  best.disabled = !at(...focus)[3];
  if (!cell[3]) { large.removeAttribute("src"); say(caption, `${label(cell)} is not rendered yet`); return; }
  large.src = address(cell[2]);
  large.alt = label(cell);
  say(caption, label(cell));
}

function move(dy, dx) {
  focus = [Math.min(view.epochs.length - 1, Math.max(0, focus[0] + dy)), Math.min(view.weights.length - 1, Math.max(0, focus[1] + dx))];
  ring();
  if (box.open) show(); else table.querySelector(`[data-cell="${focus.join("-")}"]`)?.focus();
}

function ring() {
  for (const node of table.querySelectorAll("[data-cell]")) {
    const here = node.dataset.cell === focus.join("-");
    node.classList.toggle("lb-ringed", here);
    node.tabIndex = here ? 0 : -1;
  }
  const [, weight, , there] = at(...focus);
  handover.chosen(there && weight !== 0);
}

/** Take this cell for baking again, or leave it. */
function pick(y = focus[0], x = focus[1]) {
  const [, , name, there] = at(y, x);
  if (!there) return;
  if (!ticked.delete(name)) ticked.add(name);
  drawTicks();
}

function drawTicks() {
  for (const input of table.querySelectorAll("[data-tick]")) {
    input.checked = ticked.has(input.dataset.tick);
    const cell = input.closest("td");
    cell.classList.toggle("lb-ticked", input.checked);
    cell.querySelector(".lb-grid-cell").setAttribute("aria-description", input.checked ? "ticked" : "");
  }
  best.checked = ticked.has(at(...focus)[2]);
  bakeAgain.set(view.cells.map((cell) => cell[2]).filter((name) => ticked.has(name)));
}

function keys(event) {
  if (event.key.toLowerCase() === "t" && !event.ctrlKey && !event.metaKey && !event.altKey) { event.preventDefault(); pick(); } else arrows(event);
}
function arrows(event) {
  const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  if (event.key in steps) { event.preventDefault(); move(...steps[event.key]); }
}
table.addEventListener("keydown", keys);
table.addEventListener("focusin", ({ target }) => {
  const cell = target.closest("td")?.querySelector("[data-cell]");
  if (cell) { focus = cell.dataset.cell.split("-").map(Number); ring(); }
});
box.addEventListener("keydown", (event) => {
  keys(event);
  if (event.key === " " && !event.repeat && event.target !== best) { event.preventDefault(); show(true); }
});
box.addEventListener("keyup", (event) => { if (event.key === " " && event.target !== best) { event.preventDefault(); show(); } });
box.addEventListener("click", (event) => { if (event.target === box) box.close(); });
box.addEventListener("close", () => table.querySelector(`[data-cell="${focus.join("-")}"]`)?.focus());

// --- the table -------------------------------------------------------------------------------
function drawTable() {
  const key = `${run}/${view.name}/${view.epochs}/${view.weights}`;
  if (key !== drawn) {
    drawn = key;
    focus = [0, 0];
    ticked.clear();
    bakeAgain.clear();
    handover.clear();
    const [w, t] = view.shape;
    replace(table, h("table.lb-cells", { style: `--shape:${w}/${t};--columns:${view.weights.length}` },
      h("thead", {}, h("tr", {}, h("td", { "aria-label": "Epochs and weights" }), ...view.weights.map((weight) => h("th", { scope: "col", text: `weight ${weight}` })))),
      h("tbody", {}, ...view.epochs.map((epoch, y) => h("tr", {}, h("th", { scope: "row" }, h("span", { text: `epoch ${epoch}` })),
        ...view.weights.map((_, x) => h("td", {}, h("button.lb-grid-cell", { type: "button", "data-cell": `${y}-${x}`, "aria-label": label(at(y, x)),
          onclick: () => { focus = [y, x]; ring(); if (at(y, x)[3]) { show(); box.showModal(); } } }),
          h("label.lb-tick", { hidden: true, title: "Tick to bake again with it (T)" }, h("input", { type: "checkbox", tabindex: "-1", "data-tick": at(y, x)[2], "aria-label": `Tick ${label(at(y, x))}`, onchange: () => pick(y, x) })))))))));
    ring();
  }
  view.cells.forEach((cell, index) => {
    const node = table.querySelector(`[data-cell="${Math.floor(index / view.weights.length)}-${index % view.weights.length}"]`);
    if (cell[3] && !node.firstChild) node.append(h("img", { src: address(cell[2], "small-cell"), alt: label(cell), loading: "lazy", decoding: "async" }));
    node.nextSibling.hidden = !cell[3];
  });
  handover.chosen(at(...focus)[3] && at(...focus)[1] !== 0);
}

function drawGrid() {
  board.hidden = !view;
  if (!view) return;
  const total = view.cells.length, active = ["running", "queued"].includes(view.state);
  const words = {
    running: view.stopping ? "Stopping…" : view.done ? `${view.done} of ${plural(total, "picture")}${view.doing ? ` · ${view.doing}` : ""}` : view.doing || "Getting ready",
    queued: "Waits in the queue.",
    finished: `${plural(total, "picture")}. Click one to see it large; tick the best (T) to bake again with them.`,
    stopped: `Stopped: ${view.done} of ${plural(total, "picture")}.`,
    failed: `Could not be finished: ${view.done} of ${plural(total, "picture")}.`,
    interrupted: `Interrupted: ${view.done} of ${plural(total, "picture")}.`,
    new: `${view.done} of ${plural(total, "picture")}.`,
  };
  say(line, words[view.state]);
  meter.hidden = !active;
  meter.firstChild.style.width = `${(100 * view.done) / total}%`;
  meter.setAttribute("aria-valuemax", String(total));
  meter.setAttribute("aria-valuenow", String(view.done));
  stop.hidden = !active;
  resume.hidden = !view.can_resume;
  sheet.hidden = !view.sheet;
  sheet.href = `/lorabake/sheet/${[project, run, view.name].map(encodeURIComponent).join("/")}`;
  replace(trouble, view.text && view.can_resume && h(`div.lb-notice.lb-tone-${view.state === "stopped" ? "info" : "bad"}`, {}, h("p", { text: view.text })));
  say(prompt, `${view.prompt}${view.negative ? ` — not: ${view.negative}` : ""} · ${view.facts}`);
  drawTable();
}

// --- the request -----------------------------------------------------------------------------
function field(spec) {
  const common = { "aria-label": spec.label, id: `lb-grid-${spec.name}`, value: spec.value };
  const input = spec.choices.length
    ? h("select.lb-select", { "aria-label": spec.label }, ...spec.choices.map((text) => h("option", { value: text, text })))
    : spec.name === "prompt" || spec.name === "negative"
      ? h("textarea.lb-caption.lb-short", { ...common, rows: "2", spellcheck: "false" })
      : h("input.lb-input", { ...common, type: "text", inputmode: spec.type === "int" ? "numeric" : undefined });
  input.value = spec.value;
  input.addEventListener("input", () => { clearTimeout(counting); counting = setTimeout(count, 300); });
  inputs[spec.name] = input;
  const wide = ["prompt", "negative"].includes(spec.name);
  return h(`label.lb-field${wide ? ".lb-wide" : ""}`, {}, h("span", { text: spec.label }), input, spec.help && h("small.lb-muted", { text: spec.help }));
}

const request = () => Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, input.value]));

async function count() {
  const wanted = `${project}/${run}`;
  try {
    const answer = await ask(server.lb_count, { project, run, request: request() });
    if (wanted !== `${project}/${run}`) return;
    say(render, `Render ${plural(answer.count, "picture")}`);
    render.disabled = false;
    say(hint, "");
  } catch (error) {
    if (wanted !== `${project}/${run}`) return;
    say(render, "Render");
    render.disabled = true;
    say(hint, error.message);
  }
}

async function start() {
  render.disabled = true;
  try {
    grid = (await ask(server.lb_render, { project, run, request: request() })).grid;
    replace(said);
    drawn = "";
    await load();
    tell("nudge");
  } catch (error) {
    replace(said, h("div.lb-notice.lb-tone-bad", {}, h("p", { text: error.message })));
  }
  render.disabled = false;
}

async function act(call) {
  try { await ask(call, { place: view.place }); replace(said); } catch (error) {
    replace(said, h("div.lb-notice.lb-tone-bad", {}, h("p", { text: error.message })));
  }
  again();
  tell("nudge");
}

// --- reading ---------------------------------------------------------------------------------
async function load() {
  if (!project) return;
  const wanted = project;
  try { about = await ask(server.lb_ready, { project, run }); } catch (error) { say(empty, error.message); return; }
  if (wanted !== project) return;
  run = about.run;
  empty.hidden = about.runs.length > 0;
  form.hidden = !about.runs.length;
  if (!about.runs.length) { view = null; drawGrid(); return; }
  replace(chooser, ...about.runs.map((name) => h("option", { value: name, text: name })));
  chooser.value = run;
  if (!Object.keys(inputs).length) {
    replace(often, ...about.fields.filter((f) => !f.more).map(field));
    replace(rarely, ...about.fields.filter((f) => f.more).map(field));
  }
  inputs.epochs.placeholder = `all: ${about.epochs.join(", ")}`;
  replace(grids, ...about.grids.map((g) => h("option", { value: g.name, text: g.label })));
  if (!about.grids.some((g) => g.name === grid)) grid = about.grids[0]?.name || "";
  grids.value = grid;
  count();
  await read();
}

async function read() {
  if (!project || !run) return;
  if (!grid) { view = null; drawGrid(); return; }
  const wanted = `${project}/${run}/${grid}`;
  const answer = await ask(server.lb_grid, { project, run, grid }).catch(() => null); // the next tick asks again
  if (answer && wanted === `${project}/${run}/${grid}`) { view = answer; drawGrid(); }
}

let files = "";
async function tick() {
  if (!about) { await load(); return; }
  await read();
}
const again = poll(element, tick, () => (view && ["running", "queued"].includes(view.state) ? 1000 : 4000));

function switched() {
  const now = props.value?.project || "";
  if (now !== project) {
    project = now; about = null; run = ""; grid = ""; view = null; drawn = "";
    for (const name of Object.keys(inputs)) delete inputs[name];
    replace(often); replace(rarely); replace(said);
    form.hidden = true; empty.hidden = true; drawGrid();
    loraLook.clear();
  }
  again();
}
switched();
watch("value", switched);
hear(element, "opened", (id) => { if (id === "ready") load(); }, { now: false });
// A bake that saved another epoch changes what can be asked for.
hear(element, "pulse", (pulse) => { const now = String(pulse.files); if (now !== files) { files = now; if (project && about && shown(element)) load(); } });
