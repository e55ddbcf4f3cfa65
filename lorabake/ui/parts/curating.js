// Curating: a virtual gallery on the left; on the right one picture large, to decide about it, to cut
// it or to paint something over. Text reaches the document as textContent only.
let project = "", rows = [], shownRows = [], byId = new Map(), current = null, kinds = [];
let version = 0, listing = 0, tick = "", mode = "look", reading = Promise.resolve(), filterTurn = 0, lookTurn = 0, picking = false, found = null;
let specs = [];

// --- the tools above the gallery -------------------------------------------------------------
const EXAMPLES = [["smile", t`a tag, a caption or a name that contains it`], ["tag:signature OR tag:watermark", t`has one of these tags`], ["NOT has:caption", t`without a caption`], ["source:generated", t`of this source`], ["width:<768 OR height:<768", t`small pictures`]];
const filter = h("input.lb-input.lb-editor-filter", { type: "search", maxlength: "2000", spellcheck: "false", autocomplete: "off", autocapitalize: "off", placeholder: t`Filter: tag:signature, width:<768`, "aria-label": t`Filter the pictures to curate`, "aria-describedby": "lb-curating-wrong", oninput: () => { clearTimeout(filter.timer); filter.timer = setTimeout(refilter, 120); } });
const help = h("button.lb-button.lb-icon", { type: "button", text: "?", "aria-label": t`How to filter`, "aria-expanded": "false", onclick: () => { examples.hidden = !examples.hidden; help.setAttribute("aria-expanded", String(!examples.hidden)); } });
const examples = h("div.lb-examples", { hidden: true }, ...EXAMPLES.map(([text, what]) => h("button", { type: "button", onclick: () => { filter.value = text; refilter(); filter.focus(); } }, h("code", { text }), h("span", { text: what }))));
const wrong = h("p.lb-error.lb-filter-wrong", { id: "lb-curating-wrong", hidden: true });
const large = h("input.lb-range.lb-thumb-size", { type: "range", min: "88", max: "256", step: "8", value: String(recall("curating-thumbs", 128)), "aria-label": t`Size of the small pictures`, title: t`Size of the small pictures`, oninput: () => { remember("curating-thumbs", Number(large.value)); makeGallery(); } });
const past = makePast({ server, project: () => project, before: () => cropper.flush(), inTurn: (work) => inTurn(work), after: async () => { await readAll(); cropper.refresh(); told(); } });
const { tellNews } = past;
const count = h("span.lb-muted.lb-editor-count", { role: "status" });
const every = h("button.lb-quiet", { type: "button", text: t`All`, "aria-label": t`Select all that are shown`, hidden: true, onclick: () => selection.all() });
const none = h("button.lb-quiet", { type: "button", text: t`None`, "aria-label": t`Select none`, hidden: true, onclick: () => unselect() });
const pick = h("button.lb-quiet", { type: "button", text: t`Select`, "aria-pressed": "false", title: t`A tap or click adds a picture to the selection, as Ctrl and a click do`, onclick: () => { picking = !picking; drawCount(); } });
const progress = h("p.lb-muted.lb-curate-progress", { hidden: true });
const unreadable = h("div");
const flags = makeFlags({ onChange: () => redrawRows() });
const missing = makeMissing();
const more = h("div.lb-curate-more", { hidden: true }, h("div.lb-line", {}, h("h4", { text: t`Show only pictures with` }), flags.free), flags.sliders, h("h4", { text: t`When to flag a picture` }), flags.form);
const limits = h("button.lb-button", { type: "button", text: t`Limits`, title: t`Show only pictures of some size, sharpness, brightness; and say when one is flagged`, "aria-expanded": "false", onclick: () => { more.hidden = !more.hidden; limits.setAttribute("aria-expanded", String(!more.hidden)); limits.setAttribute("aria-pressed", String(!more.hidden)); } });

// --- one picture -------------------------------------------------------------------------------------
const stage = makeStage();
const cropper = makeCropper({ server, stage, onCut: (answer, sentence) => cutOut(answer, sentence), onBoxes: (id, number) => { const row = byId.get(id); if (row) { row.boxes = number; gallery.refresh(); flags.set(kinds, rows, { figures: false }); } past.read(); }, onWrong: (error) => tellNews("bad", error.message) });
const eraser = makeEraser({ server, stage, onDone: (answer, sentence) => { mend(answer.id); changedPictures(answer, sentence); }, onWrong: (error) => tellNews("bad", error.message) });
const modes = h("div.lb-switch", { role: "group", "aria-label": t`What to do with the picture` }, ...[["look", t`Look`, "Esc"], ["cut", t`Cut`, "C"], ["erase", t`Paint over`, "E"]].map(([value, text, key]) => h("button.lb-quiet", { type: "button", text, title: `${text} (${key})`, "data-mode": value, "data-needs": { cut: "lb_curate_cut", erase: "lb_curate_erase" }[value], onclick: () => setMode(value) })));
const name = h("b"), place = h("span.lb-muted");
const about = makeAbout({ onFix: (next, begin) => setMode(next, begin) });
const previous = h("button.lb-button", { type: "button", text: "←", "aria-label": t`Previous picture`, title: t`Previous (←)`, onclick: () => walk(-1) });
const following = h("button.lb-button", { type: "button", text: "→", "aria-label": t`Next picture`, title: t`Next (→)`, onclick: () => walk(1) });
const keepButton = h("button.lb-button.lb-keep", { "data-needs": "lb_curate_deed", type: "button", onclick: () => keep() });
const binButton = h("button.lb-button.lb-danger", { "data-needs": "lb_curate_deed", type: "button", onclick: () => bin() });
const starButton = h("button.lb-button.lb-star", { "data-needs": "lb_curate_deed", type: "button", onclick: () => star() });
const deeds = h("div.lb-line.lb-curate-deeds", {}, previous, keepButton, binButton, starButton, following);
const several = h("p.lb-curate-several", { hidden: true });
const one = h("div.lb-curate-one", {}, h("div.lb-line.lb-curate-head", {}, h("div.lb-name", {}, name, place), h("span.lb-grow"), modes), stage.element, deeds, past.news, several, about.element, cropper.panel, eraser.panel);
const hint = h("p.lb-muted.lb-hint", { text: t`Choose a picture to look at it closely.` });

let view = h("div");
const nothing = h("div.lb-none", { hidden: true }, h("p", { text: t`No picture is like that.` }), h("button.lb-button", { type: "button", text: t`Show all pictures`, onclick: () => { filter.value = ""; flags.clear(); refilter(); } }));
const left = h("div.lb-editor-left.lb-curate-left", {}, h("div.lb-curate-status", {}, count, pick, every, none, progress), view, nothing);
const empty = h("div.lb-editor-empty", { hidden: true }, h("p", { text: t`This project has no pictures yet.` }), h("button.lb-button", { type: "button", text: t`Add pictures`, onclick: () => go("project") }));
const main = h("div.lb-curating", { hidden: true },
  missing.element,
  h("div.lb-editor-tools", {}, h("div.lb-editor-search", {}, filter, help), flags.sort, flags.reverse, limits, large, past.buttons),
  wrong, examples, more, flags.chips, unreadable,
  h("div.lb-curate-split", {}, left, h("div.lb-curate-side", {}, hint, one)));
replace(element, empty, main);

// --- gallery and selection -------------------------------------------------------------------------------
const selection = makeSelection({ order: () => shownRows.map((row) => row.id), onChange: selected });
let gallery = null;
function makeGallery() {
  const at = gallery?.active ?? -1;
  const fresh = h("div");
  view.replaceWith(fresh);
  view = fresh;
  gallery = makeGrid(fresh, {
    label: t`Pictures to curate`, multiple: true, smallest: Number(large.value),
    draw(cell, row) {
      cell.append(h("img", { src: `/lorabake/thumb/${encodeURIComponent(project)}/${row.sha}`, alt: row.name, decoding: "async", draggable: "false" }), h("span.lb-flag"), h("span.lb-cell-star", { text: "★", "aria-label": t`starred` }), h("span.lb-cell-kept", { text: "✓", "aria-label": t`kept` }), h("span.lb-picked", { text: "✓", "aria-hidden": "true" }));
    },
    mark(cell, row) {
      const [, flag, starred, kept, picked] = cell.children, titles = flags.titles(row);
      cell.title = `${row.name}${titles.length ? `\n${titles.join(", ")}` : ""}`;
      flag.hidden = !titles.length || row.kept;
      say(flag, titles.length > 1 ? `${titles[0]} +${titles.length - 1}` : titles[0] || "");
      starred.hidden = !row.star;
      kept.hidden = !row.kept;
      picked.hidden = !(selection.size > 1 && selection.has(row.id));
      cell.setAttribute("aria-selected", String(selection.has(row.id)));
      cell.classList.toggle("lb-current", row.id === current);
    },
    onChoose(index, how) {
      const { id } = shownRows[index];
      if (how.range) selection.range(id);
      else if (how.toggle || (picking && !how.keys)) selection.toggle(id);
      else selection.only(id);
      if (selection.has(id)) choose(id, { bring: false });
    },
    onOpen() { stage.node.focus({ preventScroll: true }); },
    onHold(index) { picking = true; selection.toggle(shownRows[index].id); },
    onAll: () => selection.all(),
  });
  gallery.setRows(shownRows, { keep: true });
  if (at >= 0) gallery.activate(at);
}
makeGallery();

function selected() {
  gallery.refresh();
  drawCount();
  drawDeeds();
}
function unselect() {
  picking = false;
  selection.only(byId.has(current) ? current : null);
  drawCount();
}
function drawCount() {
  const picked = selection.size;
  const there = shownRows.length === rows.length ? plural(rows.length, "picture") : t`${shownRows.length.toLocaleString("en")} of ${plural(rows.length, "picture")}`;
  say(count, picked > 1 ? t`${there} · ${picked.toLocaleString("en")} selected` : there);
  pick.setAttribute("aria-pressed", String(picking));
  every.hidden = none.hidden = !(picking || picked > 1);
}

/** The buttons say for how many pictures they are, and what they will do. */
function drawDeeds() {
  const chosen = picked(), n = chosen.length, many = n > 1;
  const kept = n > 0 && chosen.every((row) => row.kept), starred = n > 0 && chosen.every((row) => row.star);
  say(keepButton, kept ? (many ? t`Kept ${n}` : t`✓ Kept`) : many ? t`Keep ${n}` : t`Keep`);
  keepButton.setAttribute("aria-pressed", String(kept));
  keepButton.title = kept ? t`Look at it again: takes the mark away (K)` : t`It is good: no more flags on it (K)`;
  say(binButton, many ? t`Move ${n} to the bin` : t`To the bin`);
  binButton.title = t`Out of the data set; undo brings it back (X)`;
  say(starButton, starred ? t`★ Starred` : t`☆ Star`);
  starButton.setAttribute("aria-pressed", String(starred));
  starButton.title = t`One of the best (S)`;
  for (const button of [keepButton, binButton, starButton]) button.disabled = !n;
  several.hidden = !many;
  if (many) say(several, t`${plural(n, "picture")} selected: Keep, bin and star are for all of them.`);
}
const picked = () => (selection.size > 1 ? selection.ids.map((id) => byId.get(id)).filter(Boolean) : byId.has(current) ? [byId.get(current)] : []);
const indexOf = (id) => shownRows.findIndex((row) => row.id === id);

// --- the chosen picture ---------------------------------------------------------------------------------
function choose(id, { bring = true } = {}) {
  const row = byId.get(id) || null, other = current !== (row?.id ?? null);
  current = row ? row.id : null;
  hint.hidden = Boolean(row);
  one.hidden = !row;
  gallery.refresh();
  if (bring) gallery.activate(indexOf(current));
  cropper.show(project, row);
  eraser.show(project, row);
  stage.show(project, row);
  drawDeeds();
  if (!row) return;
  remember(`curating:${project}`, id);
  say(name, row.name);
  const at = indexOf(id);
  say(place, `${row.folder}${at >= 0 ? t` · ${(at + 1).toLocaleString("en")} of ${shownRows.length.toLocaleString("en")}` : ""}`);
  if (other) { found = null; about.draw(row, found); }
  clearTimeout(choose.timer);
  choose.timer = setTimeout(() => lookAt(row), other ? 90 : 0); // a held arrow key: only where it stops
}

async function lookAt(row) {
  const turn = (lookTurn += 1);
  try {
    const answer = await ask(server.lb_curate_look, { project, id: row.id });
    if (turn !== lookTurn || current !== row.id) return;
    found = answer;
    about.draw(row, found);
  } catch (error) { if (turn === lookTurn) about.wrong(error.message); }
}

function setMode(next, begin = "") {
  if (mode === next && !begin) next = "look";
  if (mode !== next) { if (mode === "cut") cropper.leave(); if (mode === "erase") eraser.leave(); }
  mode = next;
  for (const button of modes.children) button.setAttribute("aria-pressed", String(button.dataset.mode === mode));
  about.element.hidden = mode !== "look";
  stage.use(mode === "cut" ? cropper.tool : mode === "erase" ? eraser.tool : null);
  if (mode === "cut") cropper.enter(begin);
  if (mode === "erase") eraser.enter();
  const row = byId.get(current);
  if (row) about.draw(row, found);
  if (mode !== "look") stage.node.focus({ preventScroll: true });
}

function walk(by) {
  if (!shownRows.length) return;
  const at = indexOf(current);
  const next = shownRows[Math.min(shownRows.length - 1, Math.max(0, at < 0 ? 0 : at + by))];
  selection.only(next.id);
  choose(next.id);
}

// --- deciding ---------------------------------------------------------------------------------------------
function keep() { decide(picked().every((row) => row.kept) ? "unkeep" : "keep"); }
function star() { decide(picked().every((row) => row.star) ? "unstar" : "star"); }
function bin() { decide("bin"); }

const pending = new Set(); // deeds that are on their way: { ids, deed }

/** Show a deed as done. */
function foresee({ ids, deed }) {
  if (deed === "bin") {
    rows = rows.filter((row) => !ids.has(row.id));
    byId = new Map(rows.map((row) => [row.id, row]));
    return;
  }
  for (const id of ids) {
    const row = byId.get(id);
    if (row && deed.endsWith("keep")) row.kept = deed === "keep";
    else if (row) row.star = deed === "star";
  }
}

/** Shown at once, done in turn: whoever decides about hundreds does not wait for each. */
function decide(deed) {
  const chosen = picked();
  if (!chosen.length) return;
  const ids = chosen.map((row) => row.id), onwards = deed === "bin" || deed === "keep", gone = new Set(ids);
  const at = indexOf(ids.at(-1)), first = indexOf(ids[0]);
  const next = shownRows.slice(at + 1).find((row) => !gone.has(row.id)) || shownRows.slice(0, Math.max(0, first)).reverse().find((row) => !gone.has(row.id)) || null;
  const order = { ids: gone, deed };
  pending.add(order);
  foresee(order);
  picking = false;
  if (onwards && (next || deed === "bin")) { selection.only(next ? next.id : null); redrawRows({ keep: true }); choose(next ? next.id : null); }
  else redrawRows({ keep: true });
  drawDeeds();
  const what = ids.length === 1 ? chosen[0].name : plural(ids.length, "picture");
  const where = project;
  inTurn(async () => {
    const answer = await ask(server.lb_curate_deed, { project: where, ids, do: deed }).finally(() => pending.delete(order));
    const words = { bin: t`moved to the bin`, keep: t`kept`, unkeep: t`to be looked at again`, star: t`starred`, unstar: t`no longer starred` }[deed];
    tellNews("ok", `${what} ${words}.`, { undoing: answer.changed > 0, skipped: answer.skipped });
    past.read();
    if (deed !== "bin") return;
    told();
    if (answer.skipped.length) await readAll();
  }, async () => { await readAll(); });
}

/** Other sections look again; not after each of many. */
function told() {
  clearTimeout(told.timer);
  told.timer = setTimeout(() => { tell("captions", { by: "curating" }); tell("nudge"); trigger("changed"); }, 500);
}

function cutOut(answer, sentence) {
  setMode("look");
  if (answer.added.length) mend(answer.added.find((id) => !id.startsWith(".")));
  changedPictures(answer, sentence);
}
/** This one is chosen when it is read. */
let wanted = null;
function mend(id) { wanted = id; }
function changedPictures(answer, sentence) {
  tellNews("ok", spoken(sentence), { undoing: answer.changed > 0, skipped: answer.skipped });
  inTurn(readAll);
  told();
}

// --- filter and order -------------------------------------------------------------------------------------
let lists = null; // ids that the expression finds; null: all

async function refilter({ keep: stay = false } = {}) {
  clearTimeout(filter.timer);
  const turn = (filterTurn += 1), expression = filter.value.trim();
  if (!expression) lists = null;
  else {
    try {
      const answer = await ask(server.lb_filter, { project, filter: expression });
      if (turn !== filterTurn) return;
      if (answer.listing !== listing) { await readAll(); return; }
      lists = answer.numbers && new Set(answer.numbers.map((number) => order[number]));
    } catch (error) {
      if (turn === filterTurn) mistake(error.message, error.position);
      return;
    }
  }
  mistake("");
  redrawRows({ keep: stay });
}
let order = []; // ids as the server counts them

function redrawRows({ keep: stay = false } = {}) {
  shownRows = flags.choose(lists ? rows.filter((row) => lists.has(row.id)) : rows);
  flags.set(kinds, rows, { figures: !stay });
  gallery.setRows(shownRows, { keep: stay });
  nothing.hidden = shownRows.length > 0 || rows.length === 0;
  selection.prune();
  gallery.activate(indexOf(current), { bring: !stay });
  drawCount();
  const row = byId.get(current);
  if (row) { const at = indexOf(current); say(place, `${row.folder}${at >= 0 ? t` · ${(at + 1).toLocaleString("en")} of ${shownRows.length.toLocaleString("en")}` : ""}`); }
}

function mistake(sentence, position) {
  wrong.hidden = !sentence;
  filter.setAttribute("aria-invalid", String(Boolean(sentence)));
  if (!sentence) { replace(wrong); return; }
  const text = filter.value.trim(), at = Number.isInteger(position) ? Math.min(position, text.length) : -1;
  replace(wrong, sentence, at >= 0 && h("code.lb-mono", {}, text.slice(0, at), h("mark", { text: text.slice(at) || "␣" })));
}
filter.addEventListener("keydown", (event) => {
  if (event.isComposing) return;
  if (event.key === "Enter") { event.preventDefault(); refilter().then(() => gallery.focus()); }
  if (event.key === "Escape") { event.preventDefault(); if (filter.value) { filter.value = ""; refilter(); } else gallery.focus(); }
});

// --- reading ----------------------------------------------------------------------------------------------
async function readAll() {
  const asked = project;
  if (!asked) return;
  const answer = await ask(server.lb_curating, { project: asked });
  if (asked !== project) return;
  const before = listing;
  ({ version, listing, kinds } = answer);
  specs = answer.form;
  rows = answer.rows.map(([folder, file, sha, width, height, raised, enlarged, measured, starred, kept, boxes]) => {
    const [blur, brightness, contrast, saturation] = measured || [null, null, null, null];
    return { id: `${answer.folders[folder]}/${file}`, name: file, folder: answer.folders[folder], sha, width, height, flags: raised, enlarged: enlarged / 100, blur, brightness, contrast, saturation, star: Boolean(starred), kept: Boolean(kept), boxes };
  });
  order = rows.map((row) => row.id);
  byId = new Map(rows.map((row) => [row.id, row]));
  for (const one of pending) foresee(one);
  main.hidden = rows.length === 0;
  empty.hidden = rows.length > 0;
  missing.set(answer.missing, answer.untagged);
  flags.set(kinds, rows);
  flags.drawForm(specs, setting);
  if (listing !== before && filter.value.trim()) await refilter({ keep: true }); else redrawRows({ keep: true });
  const next = wanted && byId.has(wanted) ? wanted : byId.has(current) ? current : null;
  if (wanted && byId.has(wanted)) selection.only(wanted);
  wanted = null;
  const fallback = next || (current ? shownRows[0]?.id : null) || null;
  if (fallback && !selection.size) selection.only(fallback);
  if (fallback !== current || byId.get(fallback) !== stage.row) choose(fallback, { bring: fallback !== current });
  past.read();
}

async function setting(key, value) {
  try {
    await ask(server.lb_curate_set, { project, key, value });
  } catch (error) { tellNews("bad", error.message); }
  inTurn(readAll);
}

/** One at a time; what fails is told, and then mended. */
function inTurn(work, afterwards = null) {
  reading = reading.then(work).catch(async (error) => {
    tellNews("bad", error.message);
    if (afterwards) await afterwards().catch(() => {});
  });
  return reading;
}

async function read() {
  const next = props.value?.project || "";
  if (next !== project) {
    await cropper.flush();
    setMode("look");
    project = next;
    version = listing = 0;
    rows = shownRows = order = [];
    byId = new Map();
    lists = null;
    tick = "";
    filter.value = "";
    mistake("");
    flags.clear();
    past.clear();
    selection.only(null);
    choose(null);
    if (!project) { main.hidden = true; empty.hidden = true; return; }
    await readAll();
    const last = recall(`curating:${project}`);
    const first = byId.has(last) ? last : shownRows[0]?.id;
    if (!current && first) { selection.only(first); choose(first); }
  } else if (project) await readAll();
  measureNow();
}

/** Measuring begins when the section is looked at, and its figures come in while it goes on. */
async function measure() {
  if (!project || !rows.length) return;
  const answer = await ask(server.lb_curate_measuring, { project }).catch(() => null);
  if (!answer) return;
  progress.hidden = !answer.running && !answer.problem;
  sayFigures(progress, answer.running ? t`Measuring ${answer.done.toLocaleString("en")} of ${answer.total.toLocaleString("en")} …` : spoken(answer.problem));
  measure.running = answer.running;
  replace(unreadable, answer.unreadable_count > 0 && remark("warn", t`${plural(answer.unreadable_count, "picture")} could not be measured.`, { extra: [h("details.lb-details", {}, h("summary", { text: t`Which` }), ...answer.unreadable.map(([id, why]) => h("p", { text: `${id}: ${spoken(why)}` })))] }));
  const now = JSON.stringify(answer.tick);
  if (now !== tick) { tick = now; inTurn(readAll); }
}
hear(element, "opened", (id) => { if (id === "curating") { measureNow(); gallery.layout(); stage.fit(); } }, { now: false });

hear(element, "captions", (said) => { if (project && said?.by !== "curating") { clearTimeout(read.timer); read.timer = setTimeout(() => inTurn(readAll), 300); } }, { now: false });
hear(element, "pulse", (pulse) => {
  if (!project || !version || !pulse.version || pulse.version === version || !shown(element)) return;
  clearTimeout(read.timer);
  read.timer = setTimeout(() => inTurn(readAll), 500);
});

attachCuratingKeys({
  element,
  actions: {
    keep, bin, star, walk, mode: setMode, undo: () => past.step("undo"), redo: () => past.step("redo"), all: () => selection.all(),
    grid: () => gallery.focus(), search: () => { filter.focus(); filter.select(); },
    none: () => { if (selection.size > 1 || picking) unselect(); else if (mode !== "look") setMode("look"); },
    zoom: (by) => (by === 0 ? stage.fit() : by === 1 ? stage.oneToOne() : stage.zoom(by)),
  },
  tool: (event) => (mode === "cut" ? cropper.key(event) : mode === "erase" ? eraser.key(event) : null),
});

const measureNow = poll(element, measure, () => (measure.running ? 800 : 10_000));
setMode("look");
inTurn(read);
watch("value", () => inTurn(read));
