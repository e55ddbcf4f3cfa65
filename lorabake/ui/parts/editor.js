// The editor: a virtual gallery with a filter on the left; on the right the chosen picture
// (inspector.js), or the tags of several (many.js). Text reaches the document as textContent only.
let project = "", rows = [], shownRows = [], byId = new Map(), current = null;
let version = 0, listing = 0, reading = Promise.resolve(), filterTurn = 0, picking = false;
const mine = new Map(); // picture → when this page last saved it; other changes are told

// --- the tools above the gallery -------------------------------------------------------------
const EXAMPLES = [
  ["smile", t`a tag, a caption or a name that contains it`],
  ['tag:"long hair"', t`has exactly this tag; * and ? stand for letters: tag:*hair`],
  ["NOT tag:solo", t`does not have it; AND, OR and brackets work too`],
  ["tags:<5", t`fewer than five tags; likewise tags:>40 tokens:>75 chars:>300`],
  ["NOT has:caption", t`without a caption`],
  ["path:2_kafka/", t`of this folder; concept: name: caption: source: look there only`],
  ["width:<768 OR height:<768", t`small pictures`],
];
const SORTS = [["", t`By folder`], ["name", t`By name`], ["date", t`Newest first`], ["bare", t`Without a caption first`], ["tags", t`Most tags first`], ["tokens", t`Most tokens first`], ["size", t`Largest first`]];
const filter = h("input.lb-input.lb-editor-filter", { type: "search", id: "lb-editor-filter", maxlength: "2000", spellcheck: "false", autocomplete: "off", autocapitalize: "off", placeholder: t`Filter: smile, tags:<5`, "aria-label": t`Filter the pictures`, "aria-describedby": "lb-editor-wrong", oninput: () => { clearTimeout(filter.timer); filter.timer = setTimeout(refilter, 120); } });
const help = h("button.lb-button.lb-icon", { type: "button", text: "?", "aria-label": t`How to filter`, "aria-expanded": "false", onclick: () => { examples.hidden = !examples.hidden; help.setAttribute("aria-expanded", String(!examples.hidden)); } });
const examples = h("div.lb-examples", { hidden: true }, ...EXAMPLES.map(([text, what]) => h("button", { type: "button", onclick: () => { setFilter(text); filter.focus(); } }, h("code", { text }), h("span", { text: what }))));
const sort = h("select.lb-select", { "aria-label": t`Order`, onchange: () => { remember("editor-sort", sort.value); refilter(); } }, ...SORTS.map(([value, text]) => h("option", { value, text })));
const reverse = h("button.lb-button.lb-icon", { type: "button", text: "⇅", "aria-label": t`The other way round`, title: t`The other way round`, "aria-pressed": "false", onclick: () => { reverse.setAttribute("aria-pressed", String(reverse.getAttribute("aria-pressed") !== "true")); refilter(); } });
const pick = h("button.lb-button", { type: "button", text: t`Select`, "aria-pressed": "false", title: t`A tap or click adds a picture to the selection, as Ctrl and a click do`, onclick: () => setPicking(!picking) });
const every = h("button.lb-quiet", { type: "button", text: t`All`, "aria-label": t`Select all that are shown`, hidden: true, onclick: () => selection.all() });
const none = h("button.lb-quiet", { type: "button", text: t`None`, "aria-label": t`Select none`, hidden: true, onclick: () => unselect() });
const count = h("span.lb-muted.lb-editor-count", { role: "status" });
const wrong = h("p.lb-error.lb-filter-wrong", { id: "lb-editor-wrong", hidden: true });
const undo = h("button.lb-button", { "data-needs": "lb_undo", type: "button", disabled: true, onclick: () => step("undo") }, "↶", h("span.lb-spelled", { text: t` Undo` }));
const redo = h("button.lb-button", { "data-needs": "lb_redo", type: "button", disabled: true, onclick: () => step("redo") }, "↷", h("span.lb-spelled", { text: t` Redo` }));
const news = h("div.lb-editor-news", { "aria-live": "polite" });

const view = h("div");
const nothing = h("div.lb-none", { hidden: true }, h("p", { text: t`No picture is like that.` }), h("button.lb-button", { type: "button", text: t`Show all pictures`, onclick: () => setFilter("") }));
const side = h("div.lb-editor-side");
const empty = h("div.lb-editor-empty", { hidden: true }, h("p", { text: t`This project has no pictures yet.` }), h("button.lb-button", { type: "button", text: t`Add pictures`, onclick: () => go("project") }));
const main = h("div.lb-editor", { hidden: true },
  h("div.lb-editor-tools", {}, h("div.lb-editor-search", {}, filter, help), sort, reverse, pick, h("span.lb-editor-picked", {}, count, every, none), h("span.lb-editor-steps", {}, undo, redo)),
  wrong, examples, news,
  h("div.lb-editor-split", {}, h("div.lb-editor-left", {}, view, nothing), side));
replace(element, empty, main);

// --- gallery and selection ---------------------------------------------------------------------
const selection = makeSelection({ order: () => shownRows.map((row) => row.id), onChange: selected });
const grid = makeGrid(view, {
  label: t`Pictures`, multiple: true,
  draw(cell, row) {
    cell.title = row.name;
    cell.append(h("img", { src: `/lorabake/thumb/${encodeURIComponent(project)}/${row.sha}`, alt: row.name, decoding: "async", draggable: "false" }), h("span.lb-flag", { text: t`no caption` }), h("span.lb-picked", { text: "✓", "aria-hidden": "true" }));
  },
  mark(cell, row) {
    cell.setAttribute("aria-selected", String(selection.has(row.id)));
    cell.classList.toggle("lb-current", row.id === current);
    cell.children[1].hidden = row.captioned;
    cell.children[2].hidden = !(selection.size > 1 && selection.has(row.id));
  },
  onChoose(index, how) {
    const { id } = shownRows[index];
    if (how.range) selection.range(id);
    else if (how.toggle || (picking && !how.keys)) selection.toggle(id);
    else selection.only(id);
    if (selection.has(id) && selection.size === 1) choose(id);
  },
  onOpen(index) { show(shownRows[index].id); inspector.focusAdd(); },
  onHold(index) { setPicking(true); selection.toggle(shownRows[index].id); },
  onAll: () => selection.all(),
});

function setPicking(on) {
  picking = on;
  pick.setAttribute("aria-pressed", String(on));
  drawCount();
}

function selected() {
  const ids = selection.ids;
  grid.refresh();
  if (ids.length === 1 && ids[0] !== current) choose(ids[0]);
  const several = ids.length > 1;
  if (several) inspector.flush();
  many.show(project, ids);
  inspector.element.hidden = several;
  drawCount();
  remember("selection", { project, ids: several ? ids : [] });
  tell("selection", { project, ids });
}

function unselect() {
  setPicking(false);
  selection.only(byId.has(current) ? current : null);
}

function drawCount() {
  const all = rows.length.toLocaleString("en"), picked = selection.size;
  const there = shownRows.length === rows.length ? plural(rows.length, "picture") : t`${shownRows.length.toLocaleString("en")} of ${all} pictures`;
  const text = picked > 1 ? t`${there} · ${picked.toLocaleString("en")} selected` : there;
  if (count.textContent !== text) replace(count, picked > 1 ? h("span.lb-spelled", { text: `${there} · ` }) : there, picked > 1 && text.slice(there.length + 3));
  every.hidden = none.hidden = !(picking || picked > 1);
}

// --- the chosen picture ----------------------------------------------------------------------
const indexOf = (id) => shownRows.findIndex((row) => row.id === id);
const inspector = makeInspector({
  server,
  neighbours(id) {
    const at = indexOf(id);
    return { before: shownRows[at - 1] || null, after: shownRows[at + 1] || null, place: at + 1, count: shownRows.length };
  },
  onSaved: saved, onWalk: walk, onOrder: () => grid.focus(),
});
const many = makeMany({ server, onClear: unselect, onDone: (answer, sentence) => { done(answer, sentence); caughtUp(); } });
replace(side, inspector.element, many.node);

function choose(id) {
  current = byId.has(id) ? id : null;
  grid.refresh();
  inspector.show(project, current && byId.get(current));
  if (!current) return;
  remember(`chosen:${project}`, id);
  const index = indexOf(id);
  if (index >= 0) grid.activate(index);
}

/** To another picture: so many on, to the next that has no caption, or to { id }. */
function walk(by) {
  if (by?.id) { show(by.id); return; }
  if (!shownRows.length) return;
  const at = indexOf(current);
  let next = at;
  if (by === "untagged") {
    const order = shownRows.map((_, i) => (at + 1 + i) % shownRows.length);
    next = order.find((i) => !shownRows[i].captioned && i !== at) ?? -1;
    if (next < 0) { tellNews("ok", t`Every picture that is shown has a caption.`); return; }
  } else next = Math.min(shownRows.length - 1, Math.max(0, at < 0 ? 0 : at + by));
  show(shownRows[next].id);
}

/** One picture, also when the filter hides it. */
function show(id) {
  if (!byId.has(id)) return;
  if (indexOf(id) < 0) { filter.value = ""; refilter().then(() => show(id)); return; }
  selection.only(id);
  if (current !== id) choose(id);
}

function saved(id, captioned) {
  mine.set(id, Date.now());
  const row = byId.get(id);
  if (row && row.captioned !== captioned) {
    row.captioned = captioned;
    grid.refresh();
    tell("nudge");
  }
  clearTimeout(saved.timer);
  saved.timer = setTimeout(readHistory, 600);
}

// --- filter and order --------------------------------------------------------------------------
function setFilter(text) {
  filter.value = text;
  refilter();
}

async function refilter({ keep = false } = {}) {
  clearTimeout(filter.timer);
  const turn = (filterTurn += 1);
  const question = { project, filter: filter.value.trim(), sort: sort.value, reverse: reverse.getAttribute("aria-pressed") === "true" };
  let numbers = null;
  if (question.filter || question.sort || question.reverse) {
    try {
      const answer = await ask(server.lb_filter, question);
      if (turn !== filterTurn) return;
      if (answer.listing !== listing) { await readAll(); return; }
      numbers = answer.numbers;
      mistake("");
    } catch (error) {
      if (turn === filterTurn) mistake(error.message, error.position);
      return; // what was shown last stays
    }
  } else mistake("");
  shownRows = numbers === null ? rows : numbers.map((number) => rows[number]);
  grid.setRows(shownRows, { keep });
  nothing.hidden = shownRows.length > 0 || rows.length === 0;
  selection.prune();
  const index = indexOf(current);
  grid.activate(index, { bring: !keep });
  drawCount();
}

/** A sentence, and where in the expression it goes wrong. */
function mistake(sentence, position) {
  wrong.hidden = !sentence;
  filter.setAttribute("aria-invalid", String(Boolean(sentence)));
  if (!sentence) { replace(wrong); return; }
  const text = filter.value.trim(), at = Number.isInteger(position) ? Math.min(position, text.length) : -1;
  replace(wrong, sentence, at >= 0 && h("code.lb-mono", {}, text.slice(0, at), h("mark", { text: text.slice(at) || "␣" })));
}

filter.addEventListener("keydown", (event) => {
  if (event.isComposing) return;
  if (event.key === "Enter") { event.preventDefault(); refilter().then(() => grid.focus()); }
  if (event.key === "Escape" && filter.value) { event.preventDefault(); setFilter(""); } else if (event.key === "Escape") grid.focus();
});

// --- reading, and what others changed -------------------------------------------------------------
async function readAll() {
  const wanted = project;
  const answer = await ask(server.lb_editor, { project: wanted });
  if (wanted !== project) return;
  ({ version, listing } = answer);
  rows = answer.rows.map(([folder, name, sha, width, height, tags]) =>
    ({ id: `${answer.folders[folder]}/${name}`, name, folder: answer.folders[folder], sha, width, height, captioned: tags > 0 }));
  byId = new Map(rows.map((row) => [row.id, row]));
  main.hidden = rows.length === 0;
  empty.hidden = rows.length > 0;
  await refilter({ keep: true });
  if (current && !byId.has(current)) { selection.only(null); choose(null); }
}

/** Take in what changed since the last answer → ids that somebody else changed; null: all was read anew. */
async function catchUp() {
  const wanted = project;
  const answer = await ask(server.lb_changes, { project, version, listing });
  if (wanted !== project) return [];
  if (answer.tags === null) { await readAll(); return null; }
  version = answer.version;
  const others = [];
  for (const [id, tags] of Object.entries(answer.tags)) {
    const row = byId.get(id);
    if (!row) continue;
    row.captioned = tags > 0;
    if (Date.now() - (mine.get(id) || 0) > 15_000) others.push(id);
  }
  if (Object.keys(answer.tags).length) grid.refresh();
  return others;
}

/** One reading at a time; a question that comes meanwhile is asked once more afterwards. */
function inTurn(work) {
  reading = reading.then(work).catch((error) => tellNews("bad", error.message));
  return reading;
}

async function read() {
  const wanted = props.value?.project || "";
  if (wanted !== project) {
    inspector.flush();
    project = wanted;
    version = listing = 0;
    rows = shownRows = [];
    byId = new Map();
    mine.clear();
    filter.value = "";
    mistake("");
    replace(news);
    selection.only(null);
    choose(null);
    if (!project) { main.hidden = true; empty.hidden = true; return; }
    await readAll();
    const last = recall(`chosen:${project}`);
    if (!current && byId.has(last)) { selection.only(last); choose(last); }
    readHistory();
  } else if (project) {
    await catchUp();
    readHistory();
  }
  wish();
}

const samePictures = (these, those) => these.length === those.length && these.every((row, i) => row.id === those[i].id && row.sha === those[i].sha);

/** After changes by this page itself: nothing to be told, but all to be shown. */
function caughtUp() {
  return inTurn(async () => {
    const others = await catchUp();
    if (others === null || others.includes(current)) inspector.refresh();
    if (selection.size > 1) many.read();
    readHistory();
    tell("nudge");
  });
}

function elsewhere(ids) {
  const names = ids.slice(0, 3).map((id) => byId.get(id)?.name || id).join(", ");
  tellNews("info", t`${plural(ids.length, "caption")} changed elsewhere, in another window or program: ${names}${ids.length > 3 ? " …" : ""}. The page shows what is there now.`);
  if (ids.includes(current)) inspector.refresh();
  if (selection.size > 1) many.read();
}

hear(element, "captions", (said) => {
  if (!project || said?.by === "editor") return;
  for (const id of said?.ids || rows.map((row) => row.id)) mine.set(id, Date.now());
  caughtUp();
}, { now: false });
hear(element, "pulse", (pulse) => {
  if (!project || !version || !pulse.version || pulse.version === version) return;
  clearTimeout(caughtUp.timer); // what this page has just saved itself may still be on its way
  caughtUp.timer = setTimeout(() => inTurn(async () => {
    const before = rows, others = await catchUp();
    if (others === null) { // all was read anew: after a restart of the server it may well be the same
      if (!samePictures(before, rows)) tellNews("info", t`The pictures of this project changed. The page shows what is there now.`);
      inspector.refresh();
      readHistory();
    } else if (others.length) { elsewhere(others); readHistory(); }
  }), 400);
});

// --- undo and redo of the whole data set ----------------------------------------------------------
async function readHistory() {
  if (!project) return;
  const answer = await ask(server.lb_history, { project }).catch(() => null);
  if (!answer) return;
  for (const [button, step, word] of [[undo, answer.undo, t`Undo`], [redo, answer.redo, t`Redo`]]) {
    button.disabled = !step;
    button.title = step ? `${word}: ${spoken(step.title)} (${plural(step.count, "file")})` : t`Nothing to ${word.toLowerCase()}`;
    button.setAttribute("aria-label", button.title);
  }
}

async function step(which) {
  await inspector.flush();
  try {
    const answer = await ask(which === "undo" ? server.lb_undo : server.lb_redo, { project });
    done(answer, `${which === "undo" ? t`Undone` : t`Done again`}: ${answer.title || "nothing"} (${plural(answer.changed, "file")}).`, { undone: which === "undo" });
  } catch (error) {
    tellNews("warn", error.message);
  }
  for (const row of rows) mine.set(row.id, Date.now());
  await caughtUp();
  inspector.refresh();
}

/** What was done, what was left out, and how to take it back. */
function done(answer, sentence, { undone = false } = {}) {
  const left = answer.skipped_count || answer.skipped?.length || 0;
  tellNews("ok", sentence, answer.changed > 0 && !undone && h("button.lb-quiet", { type: "button", text: t`Undo`, onclick: () => step("undo") }),
    left > 0 && h("details.lb-details", {}, h("summary", { text: t`${plural(left, "file")} left as ${left === 1 ? t`it was` : t`they were`}` }), ...answer.skipped.map(([file, why]) => h("p", { text: `${file}: ${spoken(why)}` }))));
  tell("captions", { by: "editor" });
}

function tellNews(level, text, ...extra) {
  replace(news, remark(level, text, { extra: [...extra.filter(Boolean), h("button.lb-quiet", { type: "button", text: "✕", "aria-label": t`Put this message away`, onclick: () => replace(news) })] }));
}

// --- what other parts want to see -------------------------------------------------------------------
let wishes = {};
function wish() {
  if (!rows.length) return;
  const { filter: expression, edit } = wishes;
  wishes = {};
  if (expression !== undefined) setFilter(expression);
  if (edit !== undefined) show(edit);
}
for (const name of ["filter", "edit"]) hear(element, name, (value) => {
  if (typeof value !== "string") return;
  wishes[name] = value;
  tell(name, null); // heard
  wish();
});

// --- keys and the yes/no sheet (keys.js, sheet.js) ---------------------------------------------------
inspector.connect({
  element,
  rows: () => shownRows,
  changed(ids) { for (const id of ids) mine.set(id, Date.now()); caughtUp(); },
  actions: { search: () => { filter.focus(); filter.select(); }, all: () => selection.all(), none: unselect, undo: () => step("undo"), redo: () => step("redo"), walk, grid: () => grid.focus() },
});

sort.value = SORTS.some(([value]) => value && value === recall("editor-sort")) ? recall("editor-sort") : "";
inTurn(read);
watch("value", () => inTurn(read));
