// Concepts, styles, outfits: what is trained; pictures into folders; triggers; balance; in the order of work.
// Text reaches the document as textContent only.
let project = "", rows = [], shownRows = [], byId = new Map(), folders = [], seen = 0, version = 0;
let showing = "", lists = null, picking = false, turn = Promise.resolve(), waiting = 0, filterTurn = 0, stale = true;
const pending = new Set(); // what is on its way: { ids, folder }

// --- the tools above the gallery -------------------------------------------------------------
const EXAMPLES = [["red dress", t`a tag, a caption or a name that contains it`], ['tag:"straw hat" AND NOT tag:hat', t`has one tag and not another`], ["name:*summer*", t`by the file's name`], ["NOT has:caption", t`without a caption`], ["source:generated", t`of this source`]];
const filter = h("input.lb-input.lb-editor-filter", { type: "search", maxlength: "2000", spellcheck: "false", autocomplete: "off", autocapitalize: "off", placeholder: t`Filter: a tag, name:*summer*`, "aria-label": t`Filter the pictures to sort`, "aria-describedby": "lb-con-wrong", oninput: () => { clearTimeout(filter.timer); filter.timer = setTimeout(refilter, 120); } });
const find = tagAsker(server, () => project);
attachCompletion(filter, {
  ask: (text) => find(text.replace(/^[-(]*(tag:)?"?/, "")), separator: " ",
  onTake: (tag) => { filter.setRangeText(/[\s()]/.test(tag) ? `tag:"${tag}" ` : `tag:${tag} `, filter.selectionStart, filter.selectionEnd, "end"); filter.dispatchEvent(new InputEvent("input", { bubbles: true })); },
});
const help = h("button.lb-button.lb-icon", { type: "button", text: "?", "aria-label": t`How to filter`, "aria-expanded": "false", onclick: () => { examples.hidden = !examples.hidden; help.setAttribute("aria-expanded", String(!examples.hidden)); } });
const examples = h("div.lb-examples", { hidden: true }, ...EXAMPLES.map(([text, what]) => h("button", { type: "button", onclick: () => { filter.value = text; refilter(); filter.focus(); } }, h("code", { text }), h("span", { text: what }))));
const wrong = h("p.lb-error.lb-filter-wrong", { id: "lb-con-wrong", hidden: true });
const large = h("input.lb-range.lb-thumb-size", { type: "range", min: "88", max: "256", step: "8", value: String(recall("concepts-thumbs", 112)), "aria-label": t`Size of the small pictures`, title: t`Size of the small pictures`, oninput: () => { remember("concepts-thumbs", Number(large.value)); makeGallery(); } });
const past = makePast({
  server: { lb_undo: (data) => server.lb_concept_undo(data), lb_redo: (data) => server.lb_concept_redo(data), lb_history: (data) => server.lb_history(data) },
  needs: ["lb_concept_undo", "lb_concept_redo"],
  project: () => project, before: async () => {}, inTurn, after: async () => { await readAll(); told(); },
});
const { tellNews } = past;
const count = h("span.lb-muted.lb-editor-count", { role: "status" });
const pick = h("button.lb-quiet", { type: "button", text: t`Select`, "aria-pressed": "false", title: t`A tap or click adds a picture to the selection, as Ctrl and a click do`, onclick: () => { picking = !picking; drawCount(); } });
const every = h("button.lb-quiet", { type: "button", text: t`Select all`, onclick: () => selection.all() });
const target = h("select.lb-select.lb-con-target", { "data-needs": "lb_concept_assign", hidden: true, "aria-label": t`Move the selected pictures to`, onchange: () => { const to = target.value; target.value = "-"; if (to !== "-") send(to); } });
const none = h("button.lb-quiet", { type: "button", text: t`None`, "aria-label": t`Select none`, hidden: true, onclick: unselect });

// --- the panel ---------------------------------------------------------------------------------
const subject = makeSubject({ server, project: () => project, onDone: () => { tell("oven", { by: "concepts" }); tell("nudge"); balance.read(); }, onSubject: (one) => triggers.about(one?.name || null) });
const cards = makeCards({
  onShow: show, onMove: send, onNew: newFolder,
  onRename: (folder, trigger) => change(server.lb_concept_rename, { folder, trigger }, (answer) => t`Its trigger is ${trigger} now${answer.changed ? t`, also in ${plural(answer.changed, "caption")}` : ""}.`),
  onRepeats: (folder, repeats) => change(server.lb_concept_repeats, { folder, repeats }, (answer) => t`The folder is called ${answer.folder} now.`),
  onRemove: (folder) => change(server.lb_concept_remove, { folder }, () => t`The empty folder ${folder} is gone.`),
});
const groups = makeGroups({ server, project: () => project, of: whereToLook, onTaken: (answer) => moved(t`${plural(answer.pictures, "picture")} sorted into ${plural(answer.folders, "folder")}.`, answer) });
const triggers = makeTriggers({ server, project: () => project, onDone: (text, answer) => moved(text, answer), onRename: (folder) => cards.rename(folder), onShow: (folder) => { show(folder); view.scrollIntoView({ block: "nearest" }); } });
const balance = makeBalance({
  server, project: () => project, pictures: (folder) => rows.filter((row) => row.folder === folder),
  onDone: (text, answer) => { moved(text, { ...answer, changed: 0 }); tellNews("ok", text, { skipped: answer.skipped }); past.news.append(h("button.lb-quiet", { type: "button", text: t`Undo`, onclick: unbalance })); past.news.scrollIntoView({ block: "nearest" }); },
  onSettings: (text) => { tellNews("ok", text); past.news.append(h("button.lb-quiet", { type: "button", text: t`Undo`, onclick: settingsBack })); tell("oven", { by: "concepts" }); tell("nudge"); subject.read(); },
});

let view = h("div"), gallery = null;
const nothing = h("div.lb-none", { hidden: true }, h("p"), h("button.lb-button", { type: "button", text: t`Show all pictures`, onclick: () => { filter.value = ""; lists = null; show("*"); mistake(""); } }));
const summary = h("p.lb-con-sum");
const empty = h("div.lb-editor-empty", { hidden: true }, h("p", { text: t`This project has no pictures yet.` }), h("button.lb-button", { type: "button", text: t`Add pictures`, onclick: () => go("project") }));
const heading = (text) => h("h3.lb-heading", { text });
const main = h("div.lb-concepts", { hidden: true },
  h("div.lb-line", {}, summary, past.buttons), past.news,
  heading(t`What are you training?`), subject.root,
  heading(t`Sort`),
  h("div.lb-editor-tools", {}, h("div.lb-editor-search", {}, filter, help), groups.button, large), wrong, examples, groups.root,
  h("div.lb-con-split", {}, h("div.lb-con-left", {}, h("div.lb-curate-status", {}, count, pick, every, none, target), view, nothing), cards.root),
  heading(t`Triggers`), triggers.root,
  heading(t`Balance`), balance.root);
replace(element, empty, main);

// --- gallery and selection -------------------------------------------------------------------------------
const selection = makeSelection({ order: () => shownRows.map((row) => row.id), onChange: () => { gallery.refresh(); drawCount(); } });
function makeGallery() {
  const at = gallery?.active ?? -1, fresh = h("div");
  view.replaceWith(fresh);
  view = fresh;
  gallery = makeGrid(fresh, {
    label: t`Pictures to sort`, multiple: true, fit: true, smallest: Number(large.value),
    draw(cell, row) {
      cell.draggable = true;
      cell.append(h("img", { src: `/lorabake/thumb/${encodeURIComponent(project)}/${row.sha}`, alt: row.name, decoding: "async", draggable: "false" }), h("span.lb-flag.lb-con-place"), h("span.lb-picked", { text: "✓", "aria-hidden": "true" }));
    },
    mark(cell, row) {
      const [, flag, picked] = cell.children, one = folderOf(row);
      flag.hidden = showing !== "*" || !one;
      say(flag, one?.trigger || "");
      picked.hidden = !(selection.size > 1 && selection.has(row.id));
      cell.title = `${row.name}${one ? `\n${one.folder}` : ""}`;
      cell.setAttribute("aria-selected", String(selection.has(row.id)));
    },
    onChoose(index, how) {
      const { id } = shownRows[index];
      if (how.range) selection.range(id);
      else if (how.toggle || (picking && !how.keys)) selection.toggle(id);
      else selection.only(id);
    },
    onHold(index) { picking = true; selection.toggle(shownRows[index].id); drawCount(); },
    onAll: () => selection.all(),
  });
  fresh.addEventListener("dragstart", (event) => {
    const cell = event.target.closest?.(".lb-cell"), row = cell && shownRows[Number(cell.dataset.index)];
    if (!row) return;
    dragging = "now";
    if (!selection.has(row.id)) selection.only(row.id);
    event.dataTransfer.setData(cards.DRAGGED, String(selection.size));
    event.dataTransfer.effectAllowed = "move";
    const badge = h("div.lb-con-dragged", { text: plural(selection.size, "picture") });
    document.body.append(badge);
    event.dataTransfer.setDragImage(badge, -8, -8);
    setTimeout(() => badge.remove());
  });
  gallery.setRows(shownRows, { keep: true });
  if (at >= 0) gallery.activate(at);
}
const folderOf = (row) => folders.find((one) => one.folder === row.folder);
function unselect() { picking = false; selection.only(null); drawCount(); }
makeGallery();

function drawCount() {
  const picked = selection.size, n = shownRows.length;
  const there = n === rows.length ? plural(n, "picture") : t`${n.toLocaleString("en")} of ${plural(rows.length, "picture")}`;
  say(count, picked ? t`${there} · ${picked.toLocaleString("en")} selected` : there);
  pick.setAttribute("aria-pressed", String(picking));
  say(every, lists ? t`Select the ${n.toLocaleString("en")} found` : t`Select all`);
  every.hidden = !n || picked === n;
  none.hidden = !(picking || picked);
  cards.picked(picked);
  target.hidden = !picked || !folders.length;
  if (!target.hidden) {
    replace(target, h("option", { value: "-", text: t`Move ${picked.toLocaleString("en")} to …` }), ...folders.map((one) => h("option", { value: one.folder, text: one.trigger })), h("option", { value: "", text: t`no folder` }));
    target.value = "-";
  }
}

// --- which pictures are shown ------------------------------------------------------------------
function show(folder) {
  showing = folder;
  remember(`concepts:${project}`, folder);
  redraw();
}
function redraw({ keep = false } = {}) {
  const within = showing === "*" ? rows : rows.filter((row) => row.folder === showing);
  shownRows = lists ? within.filter((row) => lists.has(row.id)) : within;
  gallery.setRows(shownRows, { keep });
  nothing.hidden = shownRows.length > 0;
  const title = showing === "" ? "" : folders.find((one) => one.folder === showing)?.trigger || "";
  say(nothing.firstChild, lists ? t`No picture here is like that.` : showing === "" ? t`Every picture is in a folder.` : t`${title} has no pictures yet. Select some and move them here.`);
  selection.prune();
  cards.showing(showing);
  drawCards();
  drawCount();
  groups.label();
}
function drawCards() {
  const counts = new Map();
  for (const row of rows) counts.set(row.folder, (counts.get(row.folder) || 0) + 1);
  const loose = counts.get("") || 0;
  cards.set({ folders: folders.map((one) => ({ ...one, images: counts.get(one.folder) || 0 })), pile: loose, all: rows.length });
  cards.showing(showing);
  say(summary, `${plural(rows.length, "picture")}${folders.length ? t`: ${(rows.length - loose).toLocaleString("en")} in ${plural(folders.length, "folder")}` : t`, in no folder yet`}${folders.length && loose ? t`, ${loose.toLocaleString("en")} in none yet` : ""}.`);
}
function whereToLook() {
  const loose = rows.filter((row) => row.folder === "").length;
  if (showing !== "*" && showing !== "") return { folder: showing, count: rows.filter((row) => row.folder === showing).length, words: t`the pictures of ${folders.find((one) => one.folder === showing)?.trigger || t`this folder`}` };
  if (loose) return { folder: "", count: loose, words: plural(loose, "picture") };
  return { folder: "*", count: rows.length, words: t`all ${plural(rows.length, "picture")}` };
}

/** True when what is shown is what was asked for. */
async function refilter() {
  clearTimeout(filter.timer);
  const mine = (filterTurn += 1), expression = filter.value.trim();
  if (!expression) lists = null;
  else {
    try {
      const answer = await ask(server.lb_concept_find, { project, filter: expression });
      if (mine !== filterTurn) return false;
      if (answer.seen !== seen) { later(); return false; }
      lists = new Set(answer.numbers.map((number) => rows[number].id));
    } catch (error) { if (mine === filterTurn) mistake(error.message, error.position); return false; }
  }
  mistake("");
  redraw();
  return true;
}
function mistake(text, position) {
  wrong.hidden = !text;
  filter.setAttribute("aria-invalid", String(Boolean(text)));
  if (!text) { replace(wrong); return; }
  const typed = filter.value.trim(), at = Number.isInteger(position) ? Math.min(position, typed.length) : -1;
  replace(wrong, text, at >= 0 && h("code.lb-mono", {}, typed.slice(0, at), h("mark", { text: typed.slice(at) || "␣" })));
}
filter.addEventListener("keydown", (event) => {
  if (event.isComposing) return;
  if (event.key === "Enter") { event.preventDefault(); refilter().then((done) => { if (!done) return; if (lists) selection.all(); gallery.focus(); }); }
  if (event.key === "Escape") { event.preventDefault(); if (filter.value) { filter.value = ""; refilter(); } else gallery.focus(); }
});

// --- sorting ---------------------------------------------------------------------------------------
/** Shown at once, done in turn: whoever sorts hundreds does not wait for each. */
function send(folder) {
  const ids = selection.ids.filter((id) => byId.has(id) && byId.get(id).folder !== folder);
  if (!ids.length) { if (!selection.size) tellNews("info", t`Select pictures first.`); return; }
  const where = project, title = folder ? folders.find((one) => one.folder === folder)?.trigger : t`no folder`, gone = new Set(ids);
  const order = { ids: gone, folder }, first = shownRows.findIndex((row) => gone.has(row.id));
  const next = shownRows.slice(first).find((row) => !gone.has(row.id)) || shownRows.slice(0, first).reverse().find((row) => !gone.has(row.id)) || null;
  pending.add(order);
  foresee(order);
  picking = false;
  selection.only(next ? next.id : null);
  redraw({ keep: true });
  gallery.activate(next ? shownRows.findIndex((row) => row.id === next.id) : -1);
  if (!view.contains(document.activeElement) && !element.contains(document.activeElement)) gallery.focus();
  inTurn(async () => {
    const answer = await ask(server.lb_concept_assign, { project: where, ids, folder }).finally(() => pending.delete(order));
    moved(`${plural(answer.pictures, "picture")} ${folder ? t`moved to ${title}` : t`taken out of the folder`}.`, answer);
  });
}
function foresee({ ids, folder }) { for (const id of ids) if (byId.has(id)) byId.get(id).folder = folder; }
async function newFolder(trigger) {
  const ids = selection.ids.filter((id) => byId.has(id));
  return change(server.lb_concept_folder, { trigger, ids }, (answer) => t`${answer.folder} is there${answer.pictures ? t`, with ${plural(answer.pictures, "picture")}` : ""}.`, { undoing: ids.length > 0 });
}
/** One change of a folder; true when it was done. */
async function change(call, data, words, { undoing = false } = {}) {
  let done = false;
  await inTurn(async () => {
    const before = showing, answer = await ask(call, { project, ...data });
    done = true;
    if (data.folder && answer.folder && before === data.folder) showing = answer.folder;
    tellNews("ok", words(answer), { undoing, skipped: answer.skipped || [] });
    told();
  });
  await inTurn(readAll);
  return done;
}
function moved(text, answer) {
  tellNews("ok", text, { undoing: answer.changed > 0, skipped: answer.skipped });
  told();
  later();
}
async function unbalance() {
  await inTurn(async () => { await ask(server.lb_concept_unbalance, { project }); tellNews("ok", t`Undone: the pictures and repeats are as before.`); told(); });
  await inTurn(readAll);
}
async function settingsBack() {
  await inTurn(async () => { tellNews("ok", spoken((await ask(server.lb_concept_settings_back, { project })).said)); tell("oven", { by: "concepts" }); tell("nudge"); });
  subject.read();
  balance.read();
}

/** Other sections look again; not after each of many. */
function told() {
  clearTimeout(told.timer);
  told.timer = setTimeout(() => { tell("captions", { by: "concepts" }); tell("nudge"); trigger("changed"); }, 500);
}
/** Read everything when nothing else waits. */
function later() {
  clearTimeout(later.timer);
  later.timer = setTimeout(() => (waiting ? later() : inTurn(readAll)), 150);
}
/** One at a time; what fails is told, and then mended. */
function inTurn(work) {
  waiting += 1;
  turn = turn.then(work).catch(async (error) => {
    tellNews("bad", error.message);
    await readAll().catch(() => {});
  }).finally(() => { waiting -= 1; });
  return turn;
}

// --- reading ---------------------------------------------------------------------------------------
let dragging = ""; // "now", or "late" when the page has to be read once it is over
function dropped() { const late = dragging === "late"; dragging = ""; if (late) readAll(); }
for (const end of ["drop", "dragend"]) document.addEventListener(end, dropped, { capture: true }); // a cell that is gone tells no end
async function readAll() {
  const asked = project;
  if (!asked) return;
  const answer = await ask(server.lb_concepts, { project: asked });
  if (asked !== project) return;
  if (dragging) { dragging = "late"; return; } // drawn anew, what is dragged would be gone
  const other = answer.seen !== seen, chosen = new Set(selection.ids.map((id) => byId.get(id)?.sha));
  ({ seen, version, folders } = answer);
  rows = answer.rows.map(([at, name, sha, width, height, tags]) => {
    const folder = at < 0 ? "" : folders[at].folder;
    return { id: folder ? `${folder}/${name}` : name, name, folder, sha, width, height, tags };
  });
  const was = byId;
  byId = new Map(rows.map((row) => [row.id, row]));
  for (const one of pending) foresee(one);
  main.hidden = rows.length === 0 && folders.length === 0;
  empty.hidden = !main.hidden;
  if (other && was.size && ![...selection.ids].every((id) => byId.has(id))) selection.set(rows.filter((row) => chosen.has(row.sha)).map((row) => row.id));
  if (showing && showing !== "*" && !folders.some((one) => one.folder === showing)) showing = rows.some((row) => !row.folder) ? "" : "*";
  if (other && filter.value.trim()) await refilter();
  else redraw({ keep: true });
  past.read();
  stale = true;
  clearTimeout(fresh.timer);
  fresh.timer = setTimeout(fresh, other && was.size ? 400 : 0); // not after each of many
}
/** What is under the gallery is asked only where it can be seen. */
function fresh() {
  if (!stale || !project || !shown(element)) return;
  stale = false;
  triggers.read();
  balance.read();
}

async function read() {
  const next = props.value?.project || "";
  if (next !== project) {
    project = next;
    rows = shownRows = folders = [];
    byId = new Map();
    seen = version = 0;
    lists = null;
    filter.value = "";
    mistake("");
    for (const one of [subject, groups, triggers, balance, past]) one.clear();
    selection.only(null);
    if (!project) { main.hidden = empty.hidden = true; return; }
    showing = recall(`concepts:${project}`, "");
    await readAll();
    if (showing === "" && !rows.some((row) => !row.folder)) show("*");
    subject.read();
    groups.read();
  } else if (project) await readAll();
}

hear(element, "opened", (id) => { if (id === "concepts") { gallery.layout(); fresh(); } }, { now: false });
hear(element, "captions", (news) => { if (project && news?.by !== "concepts") later(); }, { now: false });
hear(element, "oven", (news) => { if (project && news?.by !== "concepts") { subject.read(); stale = true; fresh(); } }, { now: false });
hear(element, "pulse", (pulse) => { if (project && version && pulse.version && pulse.version !== version && shown(element)) later(); });

attachConceptKeys({
  element,
  actions: {
    send: (n) => { if (n === 0) send(""); else if (folders[n - 1]) send(folders[n - 1].folder); },
    grid: () => gallery.focus(), fresh: () => cards.focusNew(), search: () => { filter.focus(); filter.select(); }, all: () => selection.all(), none: unselect,
    undo: () => past.step("undo"), redo: () => past.step("redo"),
  },
});
inTurn(read);
watch("value", () => inTurn(read));
