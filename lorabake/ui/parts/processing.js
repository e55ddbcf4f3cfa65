// Process tags: which captions, which operations, what will change, one button; then the way back.
let project = "", preview = null, selection = [], running = false, again = false, timer = 0;
let dirty = false, seen = 0; // seen: the version of the captions that the preview is about
let told = 0; // how many edits of the form the server has heard of

const complete = tagAsker(server, () => project);
const form = makeForm({ complete, onChange: (settled) => later(settled ? 30 : 350) });
const diff = makeDiff({ project: () => project, rows: (wanted) => ask(server.lb_process_rows, { project, ...wanted }), onLeft: button });
const past = makePast({ project: () => project, calls: { undo: server.lb_process_undo, redo: server.lb_process_redo }, changed: () => { wrote(); look(); }, said: tellDone });
const recipes = makeRecipes({
  project: () => project, values: form.values, said: tellDone,
  calls: { save: server.lb_process_save, load: server.lb_process_load, remove: server.lb_process_delete, restore: server.lb_process_restore, carry: server.lb_process_carry, clear: server.lb_process_clear },
  loaded: (values) => { form.put(values, { all: true }); look(); },
  visit: (name) => { props.value = { ...props.value, go: name }; trigger("visit"); },
});

// --- which captions ------------------------------------------------------------------------------
const kinds = {};
function kind(value, text) {
  const radio = h("input", { type: "radio", name: "lb-process-scope", value, checked: value === "all", onchange: () => { scopeShown(); look(); if (value === "filter") words.focus(); } });
  const label = h("span", { text });
  kinds[value] = { radio, label, node: h("label.lb-radio", {}, radio, label) };
  return kinds[value].node;
}
const words = h("input.lb-input.lb-mono", { type: "text", id: "lb-process-filter", maxlength: "1000", spellcheck: "false", autocomplete: "off", placeholder: 'tag:"long hair" AND NOT concept:style', "aria-label": t`Filter`, oninput: () => later(350) });
const wordsBox = h("div.lb-scope-filter", { hidden: true }, words, h("small.lb-muted", { text: t`As in the editor: tag: caption: name: path: concept: source: tags:>20 chars: tokens:, with AND OR NOT ( ) * ?` }));
const scopeError = h("small.lb-error", { hidden: true, role: "alert" });
const scope = h("fieldset.lb-scope", {}, h("legend", { text: t`Which captions` }),
  h("div.lb-line", {}, kind("all", t`All`), kind("filter", t`Those a filter finds`), kind("selected", t`Those selected in the editor`)), wordsBox, scopeError);
const chosenKind = () => Object.keys(kinds).find((value) => kinds[value].radio.checked) || "all";
function scopeShown() { wordsBox.hidden = chosenKind() !== "filter"; }
function scopeCounts(all = scopeCounts.all || 0) {
  scopeCounts.all = all;
  const count = (n) => n.toLocaleString("en");
  say(kinds.all.label, t`All ${count(all)}`);
  say(kinds.selected.label, selection.length ? t`The ${count(selection.length)} selected in the editor` : t`Those selected in the editor (none)`);
  kinds.selected.radio.disabled = !selection.length;
  if (!selection.length && chosenKind() === "selected") { kinds.all.radio.checked = true; scopeShown(); }
}

// --- what will change, and the button --------------------------------------------------------------
const summary = h("p.lb-process-summary", { role: "status" });
const warnings = h("div.lb-remarks");
const parts = h("div.lb-line.lb-process-parts", { role: "group", "aria-label": t`Show only` });
const tags = h("div.lb-process-tags");
const names = h("details.lb-details", { hidden: true });
const apply = h("button.lb-button.lb-primary", { "data-needs": "lb_process_apply", type: "button", id: "lb-process-apply", disabled: true, text: t`Nothing to change`, onclick: write });
const applyNote = h("span.lb-muted");
const done = h("div.lb-process-done", { "aria-live": "polite" });
const main = h("div.lb-process", { hidden: true },
  scope, form.node, recipes.node,
  h("h3.lb-heading", { text: t`What will change` }), summary, warnings, parts, tags, diff.view, names,
  h("div.lb-line.lb-process-go", {}, apply, applyNote), done, past.node);
replace(element, main);

function later(pause) { clearTimeout(timer); timer = setTimeout(look, pause); }

/** Ask what would change. One question at a time; what changes meanwhile is asked right after. */
async function look() {
  clearTimeout(timer);
  if (!project || !form.ready) return;
  if (running) { again = true; return; }
  if (!shown(element)) { dirty = true; return; }
  running = true;
  dirty = false;
  apply.disabled = true;
  const busy = setTimeout(() => say(summary, t`Looking at every caption…`), 400);
  const mine = project, edits = form.edits;
  try {
    const answer = await ask(server.lb_process_preview, { project, values: form.values(), scope: { kind: chosenKind(), filter: words.value, ids: chosenKind() === "selected" ? selection : [] }, without: diff.left() });
    clearTimeout(busy);
    told = edits;
    if (mine === project && !again) { seen = answer.version; draw(answer); }
  } catch (error) {
    clearTimeout(busy);
    if (mine === project) { preview = null; say(summary, ""); diff.hide(); replace(warnings, remark("bad", error.message)); replace(parts); replace(tags); button(); }
  } finally {
    running = false;
    button();
    if (again) { again = false; look(); }
  }
}

function draw(answer) {
  form.errors(answer.errors);
  scopeError.hidden = !answer.scope_error;
  say(scopeError, spoken(answer.scope_error) || "");
  form.counts(answer.found || {});
  preview = answer.preview ? answer : null;
  scopeCounts(answer.all);
  const unfit = Object.keys(answer.errors).length > 0 || answer.scope_error;
  replace(warnings, ...(answer.warnings || []).map((text) => remark("warn", text, { word: t`Note` })));
  if (!preview) {
    say(summary, unfit ? t`Mend what is marked above to see what would change.` : "");
    diff.hide();
    replace(parts); replace(tags);
    names.hidden = true;
    button();
    return;
  }
  say(summary, sentence(answer));
  drawParts(answer);
  drawTags(answer);
  drawNames(answer.names);
  diff.show(answer.preview, answer.count, answer.rows, answer.left);
  button();
}

function sentence(answer) {
  if (!answer.looked) return answer.all ? t`This finds no pictures.` : t`There are no pictures in this project yet.`;
  const of = t`${answer.count.toLocaleString("en")} of ${plural(answer.looked, "caption")}`;
  const moves = answer.names.count ? t` ${plural(answer.names.count, "picture")} get new names.` : "";
  if (answer.count) return t`${of} would change.${moves}`;
  if (moves) return t`No caption would change.${moves}`;
  return answer.idle ? t`Fill in a field above: what it would change is shown here before anything is written.` : t`Nothing would change: these captions are like that already.`;
}

/** Only the rows that one operation or tag is about; the button stays for all. */
async function showOnly(data) {
  const key = JSON.stringify(data);
  for (const one of main.querySelectorAll("[data-only]")) one.setAttribute("aria-pressed", String(one.dataset.only === key));
  try { await diff.filter(data); } catch (error) { replace(warnings, remark("bad", error.message)); }
}
const only = (data) => ({ type: "button", "aria-pressed": "false", "data-only": JSON.stringify(data), onclick: () => showOnly(data) });

/** How many captions each operation changes; a press shows only those. */
function drawParts(answer) {
  const pill = (text, data) => h("button.lb-pill", { ...only(data), text });
  replace(parts, ...(answer.counts.length > 1 || answer.tags.length ? [pill(t`All ${answer.count.toLocaleString("en")}`, {}), ...answer.counts.map(([name, label, n]) => pill(`${label} ${n.toLocaleString("en")}`, { operation: name }))] : []));
  parts.firstChild?.setAttribute("aria-pressed", "true");
}

/** Which tags come and go, over all captions: the short way to see a mistake. */
function drawTags(answer) {
  const chip = ([sign, tag, n, keepable]) => {
    return h(`span.lb-sum.lb-tag-${sign === "-" ? "removed" : "added"}`, {},
      h("button", { ...only({ sign, tag }), title: t`Show these captions` },
        h("i", { text: sign === "-" ? "−" : "+", "aria-hidden": "true" }), h("span.lb-spoken", { text: sign === "-" ? t`removed ` : t`added ` }), h("span", { text: tag }), h("small", { text: n.toLocaleString("en") })),
      keepable && h("button.lb-keep", { type: "button", text: t`keep`, title: t`Never remove ${tag}`, "aria-label": t`Never remove ${tag}`, onclick: () => form.append("keep_tags", tag) }));
  };
  replace(tags, ...answer.tags.map(chip), answer.more_tags > 0 && h("span.lb-muted", { text: t`and ${plural(answer.more_tags, "more tag")}` }));
}

function drawNames(found) {
  names.hidden = !found.count;
  if (names.hidden) return;
  replace(names, h("summary", { text: t`New names for ${plural(found.count, "picture")}` }),
    h("ul.lb-names", {}, ...found.first.map(([from, to]) => h("li", {}, h("s", { text: from }), h("span", { text: " → " }), h("b", { text: to })))),
    found.count > found.first.length && h("p.lb-muted", { text: t`and ${(found.count - found.first.length).toLocaleString("en")} more` }));
}

function button() {
  const left = diff.left().length, captions = preview ? preview.count - left : 0, moves = preview?.names.count || 0;
  apply.disabled = running || !(captions || moves);
  const what = [captions && t`Apply to ${plural(captions, "caption")}`, moves && `${captions ? "rename" : t`Rename`} ${plural(moves, "picture")}`].filter(Boolean);
  say(apply, what.join(t` and `) || t`Nothing to change`);
  say(applyNote, captions || moves ? t`${left ? t`${plural(left, "caption")} stay as they are. ` : ""}Can be undone, even after a restart.` : "");
}

async function write() {
  if (!preview || running) return;
  running = true;
  apply.disabled = true;
  say(apply, t`Writing…`);
  try {
    const answer = await ask(server.lb_process_apply, { project, preview: preview.preview, without: diff.left() });
    past.show(answer.past);
    tellDone("ok", answer.said, { skipped: answer.skipped, undo: answer.operations.length ? () => past.step(server.lb_process_undo, { ids: answer.operations }) : null, ids: answer.operations });
    wrote();
  } catch (error) {
    tellDone("bad", error.message);
  } finally {
    running = false;
    look();
  }
}

/** The captions on the disk are others now. */
function wrote() {
  tell("captions", { project, by: "processing" });
  tell("nudge");
  trigger("changed");
}

function tellDone(level, text, { skipped = [], undo = null, button = null, ids = [] } = {}) {
  const extra = [];
  if (undo) extra.push(h("button.lb-quiet", { type: "button", text: t`Undo`, onclick: undo }));
  if (button) extra.push(h("button.lb-quiet", { type: "button", text: button[0], onclick: button[1] }));
  replace(done, remark(level, text, { word: level === "bad" ? t`Not done` : t`Done`, extra }),
    skipped.length > 0 && h("div.lb-notice.lb-tone-warn", {}, h("b.lb-word", { text: t`Left as they are` }), h("ul.lb-changes", {}, ...skipped.map(([path, why]) => h("li", { text: `${path}: ${spoken(why)}` })))));
  done.ids = ids;
}

// --- reading -------------------------------------------------------------------------------------
async function read() {
  const now = props.value?.project || "";
  const changed = now !== project;
  if (changed) { replace(done); preview = null; diff.show("", 0); project = now; takeSelection(recall("selection")); }
  if (!project) { main.hidden = true; return; }
  const before = form.edits; // what is typed while the answer is on its way is newer than the answer,
  const known = changed || told === before; // … and so is what the server has not heard of yet
  try {
    const answer = await ask(server.lb_process, { project, form: !form.ready });
    if (now !== project) return;
    if (answer.groups && !form.ready) form.build(answer.groups); // two questions may have been on their way
    const other = known && form.edits === before && form.put(answer.values, { all: changed });
    if (changed) { words.value = answer.scope.filter; kinds[answer.scope.kind === "filter" ? "filter" : "all"].radio.checked = true; scopeShown(); }
    recipes.show(answer.recipes);
    past.show(answer.past);
    scopeCounts(answer.all);
    main.hidden = false;
    if (changed || other || answer.version !== seen) look();
  } catch (error) {
    main.hidden = false;
    replace(warnings, remark("bad", error.message));
  }
}

/** Only what somebody did elsewhere: the list of what was done, and what would change now. */
async function refresh() {
  if (!project || !shown(element)) { dirty = true; return; }
  const mine = project;
  const answer = await ask(server.lb_process_past, { project }).catch(() => null);
  if (!answer || mine !== project) return;
  past.show(answer.past);
  if (done.ids?.length && !done.ids.includes(answer.past.undo?.id)) { done.querySelector("button")?.remove(); done.ids = []; }
  dirty = false;
  if (answer.version !== seen) look();
}

function takeSelection(news) {
  selection = news && news.project === project && Array.isArray(news.ids) ? news.ids : [];
}

hear(element, "selection", (news) => { takeSelection(news); if (chosenKind() === "selected") later(200); scopeCounts(); });
hear(element, "captions", (news) => { if (news?.by !== "processing") refresh(); }, { now: false });
hear(element, "opened", (id) => { if (id === "processing" && dirty) refresh(); }, { now: false });
hear(element, "pulse", (news) => { if ((dirty || (news?.version && seen && news.version !== seen && !running)) && shown(element)) refresh(); }, { now: false });
hear(element, "process", (news) => { form.append(news.field, news.text); }, { now: false });
read();
watch("value", read);
