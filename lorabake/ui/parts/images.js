// The project's pictures, to look at; a click opens one in the Tag/Caption editor.
// Text reaches the document as textContent only.
let project = "", rows = [], shownRows = [], version = 0, listing = 0, reading = Promise.resolve(), stale = true;

const which = h("select.lb-select", { "aria-label": t`Which pictures`, onchange: refilter });
const count = h("span.lb-muted", { role: "status" });
const edit = h("button.lb-button", { type: "button", onclick: () => { tell("filter", expression()); go("editor"); } });
const view = h("div");
const none = h("p.lb-muted.lb-hint", { hidden: true, text: t`Every picture has a caption.` });
const main = h("div.lb-gallery", { hidden: true }, h("div.lb-line", {}, which, count, edit), view, none);
replace(element, main);

const grid = makeGrid(view, {
  label: t`Pictures of the project`, fit: true,
  draw(cell, row) {
    cell.title = t`${row.name}: open it in the Tag/Caption editor`;
    cell.append(h("img", { src: `/lorabake/thumb/${encodeURIComponent(project)}/${row.sha}`, alt: row.name, decoding: "async", draggable: "false" }), h("span.lb-flag", { text: t`no caption` }));
  },
  mark(cell, row) { cell.children[1].hidden = row.captioned; },
  onChoose(index, { keys }) { if (!keys) open(index); },
  onOpen: open,
});

function open(index) {
  if (!shownRows[index]) return; // the second click of a double click
  tell("edit", shownRows[index].id);
  go("editor");
}

/** What is chosen above the pictures, as the editor's filter says it. */
function expression() {
  if (which.value === "bare") return "NOT has:caption";
  return which.value === "all" ? "" : `path:"${which.value.slice(7).replaceAll('"', "?")}/"`;
}

function refilter({ keep = false } = {}) {
  const want = which.value;
  shownRows = rows.filter((row) => want === "all" || (want === "bare" ? !row.captioned : row.folder === want.slice(7)));
  say(count, shownRows.length === rows.length ? plural(rows.length, "picture") : t`${shownRows.length.toLocaleString("en")} of ${plural(rows.length, "picture")}`);
  say(edit, want === "all" ? t`Edit tags and captions` : t`Edit these`);
  edit.hidden = view.hidden = !shownRows.length;
  none.hidden = shownRows.length > 0;
  grid.setRows(shownRows, { keep: keep === true });
}

async function readAll({ keep = false } = {}) {
  const wanted = project;
  const answer = await ask(server.lb_editor, { project: wanted });
  if (wanted !== project) return;
  ({ version, listing } = answer);
  rows = answer.rows.map(([folder, name, sha, , , tags]) =>
    ({ id: `${answer.folders[folder]}/${name}`, name, folder: answer.folders[folder], sha, captioned: tags > 0 }));
  main.hidden = rows.length === 0;
  const before = keep ? which.value : "all";
  replace(which, h("option", { value: "all", text: t`All folders` }),
    ...answer.folders.map((folder) => h("option", { value: `folder:${folder}`, text: folder })),
    h("option", { value: "bare", text: t`Without a caption` }));
  which.value = [...which.options].some((option) => option.value === before) ? before : "all";
  refilter({ keep });
}

/** Take in what changed since the last answer. */
async function catchUp() {
  const wanted = project;
  const answer = await ask(server.lb_changes, { project, version, listing });
  if (wanted !== project) return;
  if (answer.tags === null) { await readAll({ keep: true }); return; }
  version = answer.version;
  const tags = new Map(Object.entries(answer.tags));
  for (const row of rows) if (tags.has(row.id)) row.captioned = tags.get(row.id) > 0;
  if (tags.size && which.value === "bare") refilter({ keep: true });
  else if (tags.size) grid.refresh();
}

async function read() {
  const wanted = props.value?.project || "";
  if (wanted === project) { if (project) await catchUp(); return; }
  project = wanted;
  version = listing = 0;
  rows = shownRows = [];
  if (project) await readAll(); else main.hidden = true;
}

/** One reading at a time, and none while another section is open: it is made up for when this one opens. */
function again() {
  stale = true;
  reading = reading.then(async () => {
    if (!stale || !shown(element)) return;
    stale = false;
    await read();
  }).catch((error) => { main.hidden = false; say(count, error.message); });
}

hear(element, "opened", (id) => { if (id === "project" && stale) again(); }, { now: false });
hear(element, "captions", again, { now: false });
hear(element, "pulse", (pulse) => { if (stale || (pulse.version && pulse.version !== version)) again(); }, { now: false });
again();
watch("value", again);
