// The virtual picture grid and, beside it, the chosen picture with its caption.
// Only the rows that can be seen are in the document; text reaches it as textContent only.
const SMALLEST = 128, GAP = 8;
let project = "", rows = [], shownRows = [], chosen = null, edit = null, asked = 0;

const count = h("span.lb-muted");
const filter = h("select.lb-select", { "aria-label": "Which pictures", onchange: refilter });
const search = h("input.lb-input", { type: "search", placeholder: "Find in names and captions", "aria-label": "Find in names and captions", oninput: () => { clearTimeout(search.timer); search.timer = setTimeout(refind, 250); } });
const tall = h("div.lb-tall", { role: "presentation" });
const view = h("div.lb-view", { tabindex: "0", role: "listbox", "aria-label": "Pictures" }, tall);
const picture = h("img.lb-large", { alt: "" });
const name = h("b");
const facts = h("span.lb-muted");
const box = h("textarea.lb-caption", { rows: "6", spellcheck: "false", "aria-label": "Caption", autocomplete: "off" });
const status = h("span.lb-save", { role: "status" });
const conflict = h("div.lb-conflict", { hidden: true });
const previous = h("button.lb-button", { type: "button", text: "← Previous", onclick: () => walk(-1) });
const following = h("button.lb-button", { type: "button", text: "Next →", onclick: () => walk(1) });
const side = h("div.lb-inspector", { hidden: true },
  h("div.lb-large-frame", {}, picture),
  h("div.lb-name", {}, name, facts),
  h("label.lb-label", { text: "Caption: the tags of this picture, separated by commas" }), box, status, conflict,
  h("div.lb-line", {}, previous, following));
const hint = h("p.lb-muted.lb-hint", { text: "Choose a picture to see it large and to edit its caption." });
const main = h("div.lb-gallery", { hidden: true },
  h("div.lb-line.lb-tools", {}, filter, search, count),
  h("div.lb-split", {}, view, h("div.lb-side", {}, hint, side)));
replace(element, main);

const cells = new Map();
const columns = () => Math.max(1, Math.floor((view.clientWidth - GAP) / (SMALLEST + GAP)));
const cellSide = () => Math.floor((view.clientWidth - GAP) / columns()) - GAP; // cells fill the width

function layout() {
  const across = columns();
  const size = cellSide(), step = size + GAP;
  tall.style.height = `${Math.ceil(shownRows.length / across) * step + GAP}px`;
  const first = Math.max(0, Math.floor(view.scrollTop / step) - 2) * across;
  const end = Math.min(shownRows.length, (Math.ceil((view.scrollTop + view.clientHeight) / step) + 2) * across);
  for (const [index, cell] of cells) {
    if (index < first || index >= end) { cell.remove(); cells.delete(index); }
  }
  for (let index = first; index < end; index += 1) {
    let cell = cells.get(index);
    if (!cell) { cell = makeCell(index); cells.set(index, cell); tall.append(cell); }
    cell.style.width = cell.style.height = `${size}px`;
    cell.style.transform = `translate(${GAP + (index % across) * step}px, ${GAP + Math.floor(index / across) * step}px)`;
  }
}

function makeCell(index) {
  const row = shownRows[index];
  const cell = h("div.lb-cell", { role: "option", id: `lb-cell-${index}`, title: row.name, "aria-selected": String(row.id === chosen) },
    h("img", { src: `/lorabake/thumb/${encodeURIComponent(project)}/${row.sha}`, alt: row.name, loading: "lazy", decoding: "async" }));
  if (!row.captioned) cell.append(h("span.lb-flag", { text: "no caption" }));
  cell.onclick = () => { choose(row.id); view.focus({ preventScroll: true }); };
  return cell;
}

function redraw() {
  for (const cell of cells.values()) cell.remove();
  cells.clear();
  layout();
}

function refilter() {
  const want = filter.value;
  const words = search.value.trim().toLowerCase();
  shownRows = rows.filter((row) =>
    (want === "all" || (want === "bare" ? !row.captioned : row.folder === want.slice(7)))
    && (!words || found.has(row.id)));
  say(count, shownRows.length === rows.length ? plural(rows.length, "picture") : `${plural(shownRows.length, "picture")} of ${rows.length.toLocaleString("en")}`);
  redraw();
}

let found = new Set();
async function refind() {
  const words = search.value.trim();
  const turn = (search.turn = (search.turn || 0) + 1);
  if (words) {
    const answer = await ask(server.lb_find, { project, words }).catch(() => ({ ids: [] }));
    if (turn !== search.turn) return;
    found = new Set(answer.ids);
  }
  refilter();
}

// --- choosing and editing -------------------------------------------------------------------

function choose(id) {
  if (id === chosen && edit) return;
  if (edit) flush(edit);
  chosen = id;
  edit = null;
  for (const [index, cell] of cells) cell.setAttribute("aria-selected", String(shownRows[index].id === id));
  const index = shownRows.findIndex((row) => row.id === id);
  const row = shownRows[index] || rows.find((r) => r.id === id);
  hint.hidden = Boolean(row);
  side.hidden = !row;
  if (!row) return;
  if (index >= 0) bringIn(index);
  picture.src = `/lorabake/image/${encodeURIComponent(project)}/${row.sha}`;
  picture.alt = row.name;
  say(name, row.name);
  say(facts, ` ${row.width} × ${row.height} px · ${row.folder}`);
  previous.disabled = index <= 0;
  following.disabled = index < 0 || index >= shownRows.length - 1;
  box.value = "";
  box.disabled = true;
  conflict.hidden = true;
  say(status, "");
  remember(`chosen:${project}`, id);
  load(row);
}

function bringIn(index) {
  const step = cellSide() + GAP, top = Math.floor(index / columns()) * step;
  if (top < view.scrollTop) view.scrollTop = top;
  else if (top + step + GAP > view.scrollTop + view.clientHeight) view.scrollTop = top + step + GAP - view.clientHeight;
  view.setAttribute("aria-activedescendant", `lb-cell-${index}`);
  layout();
}

async function load(row) {
  const turn = (asked += 1);
  let answer;
  try {
    answer = await ask(server.lb_caption, { project, id: row.id });
  } catch (error) {
    if (turn === asked) mark("bad", error.message);
    return;
  }
  if (turn !== asked) return; // another picture was chosen meanwhile
  const mine = { project, id: row.id, row, base: answer.hash, text: answer.text, sent: null };
  edit = mine;
  const draft = recall(draftKey(mine));
  if (draft && draft.text !== answer.text) {
    mine.text = draft.text;
    box.value = draft.text;
    if (draft.base === answer.hash) {
      mark("info", "Restored what you had typed.");
      save(mine);
    } else differs(mine, answer.text, answer.hash);
  } else {
    if (draft) forget(draftKey(mine));
    box.value = answer.text;
    mark("", answer.note || "");
  }
  box.disabled = false;
}

const draftKey = (mine) => `draft:${mine.project}:${mine.id}`;
function mark(tone, text, mine = edit) {
  if (mine !== edit && mine) return;
  status.className = `lb-save lb-tone-${tone || "info"}`;
  say(status, text);
}

box.addEventListener("input", () => {
  if (!edit) return;
  const mine = edit;
  mine.text = box.value;
  remember(draftKey(mine), { base: mine.base, text: mine.text });
  mark("info", "…");
  clearTimeout(mine.timer);
  if (!mine.conflict) mine.timer = setTimeout(() => save(mine), 500);
});

function flush(mine) {
  clearTimeout(mine.timer);
  if (!mine.conflict && recall(draftKey(mine))) save(mine);
}

/** Save one picture's caption. `mine` carries its own picture, so a fast click cannot mix two up. */
async function save(mine) {
  if (mine.saving) { mine.again = true; return; }
  mine.saving = true;
  const text = mine.text;
  mark("info", "Saving…", mine);
  try {
    const answer = await ask(server.lb_save, { project: mine.project, id: mine.id, text, base_hash: mine.base });
    if (answer.conflict !== undefined) { differs(mine, answer.conflict, answer.hash); return; }
    mine.base = answer.hash;
    if (mine.text === text) { forget(draftKey(mine)); mark("ok", "✓ Saved", mine); }
    else remember(draftKey(mine), { base: mine.base, text: mine.text });
    flag(mine.row, Boolean(text.trim()));
  } catch (error) {
    mark("bad", `Not saved: ${error.message}`, mine);
    mine.timer = setTimeout(() => save(mine), 3000);
  } finally {
    mine.saving = false;
    if (mine.again) { mine.again = false; if (mine.text !== text && !mine.conflict) save(mine); }
  }
}

function flag(row, captioned) {
  if (row.captioned === captioned) return;
  row.captioned = captioned;
  redraw();
  tell("nudge");
}

/** The file changed under us: show both texts and let the person choose. */
function differs(mine, theirs, hash) {
  mine.conflict = true;
  remember(draftKey(mine), { base: mine.base, text: mine.text });
  if (mine !== edit) return;
  mark("warn", "This caption was changed on disk meanwhile. Which one shall stay?");
  const settle = (text, base) => {
    mine.conflict = false;
    mine.base = base;
    mine.text = text;
    box.value = text;
    conflict.hidden = true;
    if (text === theirs) { forget(draftKey(mine)); mark("ok", "✓ Took the one on disk"); } else save(mine);
  };
  replace(conflict,
    h("div", {}, h("b", { text: "Yours" }), h("p.lb-mono", { text: mine.text || "(empty)" }),
      h("button.lb-button", { type: "button", text: "Keep mine", onclick: () => settle(mine.text, hash) })),
    h("div", {}, h("b", { text: "On disk" }), h("p.lb-mono", { text: theirs || "(empty)" }),
      h("button.lb-button", { type: "button", text: "Take the one on disk", onclick: () => settle(theirs, hash) })));
  conflict.hidden = false;
}

function walk(by) {
  if (!shownRows.length) return;
  const index = shownRows.findIndex((row) => row.id === chosen);
  const from = index < 0 && Number.isFinite(by) ? -by : index; // nothing chosen yet: begin at the first
  const next = Math.min(shownRows.length - 1, Math.max(0, from + by));
  choose(shownRows[next].id);
}

view.addEventListener("keydown", (event) => {
  const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns(), ArrowDown: columns(), Home: -Infinity, End: Infinity };
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key in steps) { event.preventDefault(); walk(steps[event.key]); }
  if (event.key === "Enter" && chosen) { event.preventDefault(); box.focus(); }
});
box.addEventListener("keydown", (event) => {
  if (event.isComposing) return;
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); walk(1); whenReady(() => box.focus()); }
  if (event.key === "Escape") view.focus();
});
function whenReady(work, tries = 50) {
  if (!box.disabled) work(); else if (tries) setTimeout(() => whenReady(work, tries - 1), 20);
}

// --- loading --------------------------------------------------------------------------------

async function read() {
  const wanted = props.value?.project || "";
  if (edit && wanted !== project) flush(edit);
  const changed = wanted !== project;
  project = wanted;
  if (!project) { main.hidden = true; return; }
  let answer;
  try { answer = await ask(server.lb_images, { project }); } catch (error) { main.hidden = false; say(count, error.message); return; }
  if (wanted !== (props.value?.project || "")) return;
  const folders = answer.folders;
  rows = answer.images.map(([folder, id, file, sha, width, height, captioned]) =>
    ({ folder: folders[folder], id, name: file, sha, width, height, captioned: Boolean(captioned) }));
  main.hidden = rows.length === 0;
  const kept = changed ? "all" : filter.value || "all";
  replace(filter, h("option", { value: "all", text: "All folders" }),
    ...folders.map((folder) => h("option", { value: `folder:${folder}`, text: folder })),
    h("option", { value: "bare", text: "Without a caption" }));
  filter.value = [...filter.options].some((o) => o.value === kept) ? kept : "all";
  if (changed) { search.value = ""; chosen = null; edit = null; side.hidden = true; hint.hidden = false; }
  refilter();
  const last = recall(`chosen:${project}`);
  if (!chosen && rows.some((row) => row.id === last)) choose(last);
  else if (chosen && !rows.some((row) => row.id === chosen)) choose(null);
}

view.addEventListener("scroll", layout, { passive: true });
new ResizeObserver(layout).observe(view);
read();
watch("value", read);
