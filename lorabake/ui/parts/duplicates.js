// dupeGuru: look for duplicates, choose what stays, and move the others to the bin.
// Text from data reaches the document as textContent only.
let project = "", view = null, groups = [], shownGroups = [], seen = "", grouping = 0, busy = false, shownKind = "duplicates";
const keeps = new Set(), marks = new Map(); // what the person decided: pictures to keep, pictures marked or not

// --- what there is, and looking ------------------------------------------------------------------
const what = h("b.lb-gen-what");
const find = h("button.lb-button.lb-primary", { "data-needs": "lb_dup_scan", type: "button", id: "lb-dup-find", text: t`Find duplicates`, onclick: scan });
const stop = h("button.lb-button.lb-danger", { "data-needs": "lb_dup_stop", type: "button", text: t`Stop`, onclick: () => act(server.lb_dup_stop) });
const line = h("span.lb-muted.lb-dup-line", { role: "status" });
const meter = h("div.lb-meter", { role: "progressbar", "aria-label": t`Progress of the scan`, "aria-valuemin": "0", "aria-valuemax": "100", hidden: true }, h("i"));
const unreadable = h("div");
const news = h("div", { "aria-live": "polite" });

// --- how hard -------------------------------------------------------------------------------------
const hardness = h("input.lb-range", { "data-needs": "lb_dup_set", type: "range", min: "1", max: "100", step: "1", id: "lb-dup-hardness", "aria-label": t`Filter hardness`, oninput: () => moved(hardness.value), onchange: () => keep("hardness", Number(hardness.value)) });
const hardnessNumber = h("input.lb-input.lb-number", { "data-needs": "lb_dup_set", type: "number", min: "1", max: "100", step: "1", "aria-label": t`Filter hardness, as a number`, onchange: () => { const value = Math.min(100, Math.max(1, Math.round(Number(hardnessNumber.value)) || 95)); moved(value); keep("hardness", value); } });
const folder = h("select.lb-select", { "data-needs": "lb_dup_set", id: "lb-dup-folder", onchange: () => keep("prefer_folder", folder.value).then(regroup) });
const folderField = h("label.lb-field", {}, h("span", { text: t`Keep from this folder first` }), folder);
const merge = h("input", { "data-needs": "lb_dup_set", type: "checkbox", id: "lb-dup-merge", onchange: () => keep("merge_tags", merge.checked) });
const hard = h("div.lb-dup-hard", {},
  h("div.lb-dup-hardness", {},
    h("label.lb-label", { for: "lb-dup-hardness", text: t`Filter hardness` }),
    h("div.lb-dup-slider", {}, hardness, hardnessNumber),
    h("p.lb-muted", { text: t`How alike two pictures must be. 95 as in dupeGuru; lower finds more and errs more, 100 finds copies only. It moves without another scan.` })),
  folderField);

// --- groups and the pair --------------------------------------------------------------------------
const KINDS = [["duplicates", t`Duplicates`], ["variants", t`Variants`]];
const tabs = h("span.lb-dup-tabs", { role: "radiogroup", "aria-label": t`Which groups` }, ...KINDS.map(([value]) =>
  h("button.lb-quiet", { type: "button", role: "radio", "data-kind": value, onclick: () => { shownKind = value; drawGroups(); } })));
const markAll = h("button.lb-quiet", { "data-needs": "lb_dup_delete", type: "button", text: t`Mark all`, onclick: () => setMarks(shownGroups, () => true) });
const invert = h("button.lb-quiet", { "data-needs": "lb_dup_delete", type: "button", text: t`Invert`, onclick: () => setMarks(shownGroups, (row) => !isMarked(row)) });
const markNone = h("button.lb-quiet", { "data-needs": "lb_dup_delete", type: "button", text: t`Mark none`, onclick: () => setMarks(shownGroups, () => false) });
const markGroup = h("button.lb-quiet", { "data-needs": "lb_dup_delete", type: "button", onclick: () => { const group = list.current?.group; if (group) setMarks([group], () => !groupMarked(group)); } });
const about = h("p.lb-muted.lb-dup-note");
const list = makeDupList({ project: () => project, isKept, isMarked, on: {
  choose,
  mark: (row, wanted) => { marks.set(row.id, wanted); drawMarks(); },
  keep: keepThis,
  key(event, row) {
    const act = { " ": () => !isKept(row) && marks.set(row.id, !isMarked(row)), k: () => keepThis(row), n: () => never(), v: () => compare.next() }[event.key.toLowerCase()];
    if (!act) return false;
    act();
    drawMarks();
    return true;
  },
} });
const compare = makeCompare({ project: () => project });
const sides = [side(t`The one to keep`), side(t`The other`)];
const neverButton = h("button.lb-button", { "data-needs": "lb_dup_never", type: "button", text: t`Never show this pair`, title: t`They are no duplicates: leave this pair out from now on (N)`, onclick: never });
const pair = h("div.lb-dup-pair", {}, compare.root, h("div.lb-dup-sides", {}, ...sides.map((one) => one.root)), h("div.lb-line.lb-dup-pair-end", {}, neverButton, h("span.lb-muted.lb-dup-keys", {}, h("kbd", { text: "↑ ↓" }), t` walk  `, h("kbd", { text: t`Space` }), t` mark  `, h("kbd", { text: "Enter" }), t` keep this one`)));
const none = h("div.lb-dup-none", {}, h("p", { text: "" }));
const split = h("div.lb-dup-split", {}, h("div.lb-dup-left", {}, list.view), pair);

const remove = h("button.lb-button.lb-primary", { "data-needs": "lb_dup_delete", type: "button", id: "lb-dup-delete", onclick: removeMarked });
const mergeLabel = h("label.lb-check", {}, merge, h("span", { text: t`Add the tags of what goes to the caption of what stays` }));
const undo = h("button.lb-button", { "data-needs": "lb_dup_step", type: "button", text: t`↶ Undo`, onclick: () => step(false) });
const redo = h("button.lb-button", { "data-needs": "lb_dup_step", type: "button", text: t`↷ Redo`, onclick: () => step(true) });
const doing = h("div.lb-dup-do", {}, news, h("div.lb-line", {}, remove, mergeLabel, h("span.lb-grow"), undo, redo));
const work = h("div.lb-dup-work", { hidden: true }, hard, h("div.lb-line.lb-dup-tools", {}, tabs, h("span.lb-grow"), markAll, invert, markNone, markGroup), about, split, none);
const bin = makeBin({ project: () => project, done, failed });
const empty = h("p.lb-muted.lb-hint", { hidden: true, text: t`Add pictures under Project first, or get some with the Grabber.` });
const inside = h("div.lb-dup-inside", {}, h("div.lb-line", {}, what, find, stop, line), meter, unreadable, work, doing, bin.root);
const main = h("div.lb-duplicates", { hidden: true }, empty, inside);
replace(element, main);

/** One of the two pictures under the pair: what it is and what to do with it. */
function side(role) {
  const name = h("b.lb-name"), about = h("span.lb-muted"), reason = h("span.lb-dup-reason"), buttons = h("div.lb-line");
  return { role, name, about, reason, buttons, root: h("div.lb-dup-side", {}, name, about, reason, buttons) };
}

// --- asking ---------------------------------------------------------------------------------------
function failed(error) { replace(news, remark("bad", error.message)); }
async function act(call, data = {}) {
  try { return await ask(call, { project, ...data }); } catch (error) { failed(error); return null; } finally { again(); tell("nudge"); }
}
async function scan() {
  find.disabled = true;
  replace(news);
  await act(server.lb_dup_scan);
}
let kept = Promise.resolve();
/** One after the other, so that the last one stays. */
function keep(key, value) {
  const of = project;
  if (view) view.chosen[key] = value;
  kept = kept.then(() => ask(server.lb_dup_set, { project: of, key, value })).catch((error) => { if (of === project) failed(error); });
  return kept;
}
function moved(value) {
  hardness.value = value;
  hardness.style.setProperty("--share", `${((value - 1) / 99) * 100}%`);
  if (document.activeElement !== hardnessNumber || hardnessNumber.value !== String(value)) hardnessNumber.value = value;
  hardness.setAttribute("aria-valuetext", t`${value} of 100`);
  regroup();
}

let wanted = false;
/** Ask for the groups as the slider stands; of what was asked meanwhile only the last is. */
async function regroup() {
  wanted = true;
  if (grouping) return;
  grouping = 1;
  while (wanted) {
    wanted = false;
    const of = project;
    try {
      const answer = await ask(server.lb_dup_groups, { project: of, hardness: Number(hardness.value), prefer_folder: folder.value });
      if (of === project) { take(answer); drawGroups({ keep: true }); }
    } catch (error) { if (of === project) failed(error); }
  }
  grouping = 0;
}
function take(answer) {
  groups = answer.groups.map((one) => {
    const group = { variant: one.variant };
    group.pictures = one.pictures.map(([id, sha, name, of, width, height, bytes, match, kind, reason, marked]) => ({ group, id, sha, name, folder: of, width, height, size: bytes, match, kind, reason, marked }));
    group.key = group.pictures.map((row) => row.id).sort().join("\n");
    group.usual = group.pictures[0];
    arrange(group);
    return group;
  });
}
/** The one to keep comes first: the person's choice, else the computed one. */
function arrange(group) {
  const chosen = group.pictures.find((row) => keeps.has(row.id));
  group.kept = chosen || group.usual;
  group.pictures.sort((a, b) => (b === group.kept) - (a === group.kept) || (b.match ?? 101) - (a.match ?? 101));
  group.pictures.forEach((row, i) => { row.first = i === 0; row.keptBy = row === chosen && row !== group.usual ? "you" : ""; });
}

// --- deciding -------------------------------------------------------------------------------------
function isKept(row) { return row.group.kept === row; }
function isMarked(row) {
  if (isKept(row)) return false;
  if (marks.has(row.id)) return marks.get(row.id);
  // What would have been kept goes like the others of its group, once another one is kept.
  return row === row.group.usual ? row.group.pictures.some((one) => one.marked) : row.marked;
}
const groupMarked = (group) => group.pictures.every((row) => isKept(row) || isMarked(row));
function setMarks(of, wish) {
  for (const group of of) for (const row of group.pictures) if (!isKept(row)) marks.set(row.id, wish(row));
  drawMarks();
}
function keepThis(row) {
  if (!row || isKept(row)) return;
  for (const one of row.group.pictures) { keeps.delete(one.id); if (one === row) marks.delete(one.id); }
  keeps.add(row.id);
  const before = row.group.kept;
  if (before !== row && marks.get(row.id) === undefined && !row.group.variant) marks.set(before.id, true);
  arrange(row.group);
  list.set(shownGroups, { keep: true });
  list.go(row.group.pictures.find((one) => one === before) || row);
  drawMarks();
}
async function never() {
  const [one, other] = pairNow();
  if (!other || busy) return;
  await doIt(() => ask(server.lb_dup_never, { project, pairs: [[one.id, other.id]] }));
}
function pairNow() {
  const row = list.current;
  if (!row) return [null, null];
  const { kept: best, pictures } = row.group;
  return [best, row === best ? pictures.find((one) => one !== best) || null : row];
}
function choose(row) {
  const [one, other] = row ? pairNow() : [null, null];
  compare.show(one, other);
  drawSides();
}

const marked = () => groups.flatMap((group) => group.pictures.filter(isMarked));
async function removeMarked() {
  const rows = new Map(marked().map((row) => [row.id, [row.id, row.group.kept.id]]));
  if (!rows.size) return;
  await doIt(() => ask(server.lb_dup_delete, { project, twins: [...rows.values()], merge: merge.checked }));
}
const step = (again, operations) => doIt(() => ask(server.lb_dup_step, { project, redo: again, operations }), again);

async function doIt(work) {
  if (busy) return;
  busy = true;
  drawMarks();
  try { await kept; done(await work()); } catch (error) { failed(error); }
  busy = false;
  drawMarks();
}
/** What was done, and the way back. */
function done(answer) {
  const back = answer.operations.length > 0 && !answer.undone && !/^(Undone|Done again)/.test(answer.said) && h("button.lb-quiet", { type: "button", text: t`Undo`, onclick: () => step(false, answer.operations) });
  const left = answer.skipped?.length > 0 && h("details", {}, h("summary", { text: t`${plural(answer.skipped_count, "file")} left as ${answer.skipped_count === 1 ? t`it was` : t`they were`}` }), ...answer.skipped.map(([file, reason]) => h("p.lb-muted", { text: `${file}: ${spoken(reason)}` })));
  replace(news, remark("ok", answer.said, { extra: [back, left] }));
  again();
  regroup();
  bin.read();
  tell("captions", { project, by: "duplicates" });
  trigger("changed");
  tell("nudge");
}

// --- drawing --------------------------------------------------------------------------------------
function drawGroups({ keep: stay = false } = {}) {
  const of = (kind) => groups.filter((group) => group.variant === (kind === "variants"));
  if (shownKind === "variants" && !of("variants").length) shownKind = "duplicates";
  for (const tab of tabs.children) {
    const kind = tab.dataset.kind, listed = of(kind), on = kind === shownKind;
    say(tab, `${KINDS.find(([value]) => value === kind)[1]} · ${plural(listed.length, "group")}`);
    tab.setAttribute("aria-checked", String(on));
    tab.tabIndex = on ? 0 : -1;
    tab.disabled = kind === "variants" && !listed.length;
  }
  shownGroups = of(shownKind);
  shownGroups.forEach((group, i) => { group.number = i + 1; });
  const variants = shownKind === "variants";
  about.hidden = !variants;
  say(about, t`The same drawing with another expression, other clothes or a text. A few of them are of use, so they are never marked by themselves.`);
  split.hidden = !shownGroups.length;
  none.hidden = shownGroups.length > 0;
  say(none.firstChild, view?.scan?.over ? t`No duplicates at this hardness. This does not catch every one: still look through your pictures under Curating.` : "");
  list.set(shownGroups, { keep: stay });
  drawMarks();
}
function drawMarks() {
  const rows = marked(), variants = rows.filter((row) => row.group.variant).length, ids = new Set(rows.map((row) => row.id));
  const saved = rows.reduce((sum, row) => sum + row.size, 0);
  say(remove, ids.size ? t`Move ${ids.size.toLocaleString("en")} to the bin` : t`Nothing is marked`);
  remove.title = ids.size ? t`${weight(saved)}${variants ? t`; ${variants} of them variants` : ""}. Undo brings them back.` : "";
  remove.disabled = !ids.size || busy;
  remove.hidden = mergeLabel.hidden = !groups.length;
  for (const button of [markAll, invert, markNone, markGroup]) button.hidden = !shownGroups.length;
  undo.disabled = busy || !view?.undo;
  redo.disabled = busy || !view?.redo;
  undo.title = view?.undo ? t`Undo: ${spoken(view.undo)}` : t`Nothing to undo`;
  redo.title = view?.redo ? t`Redo: ${spoken(view.redo)}` : t`Nothing to redo`;
  doing.classList.toggle("lb-idle", !ids.size && !news.firstChild);
  list.refresh();
  drawSides();
}
function drawSides() {
  const rows = pairNow();
  const group = rows[0]?.group;
  say(markGroup, group && groupMarked(group) ? t`Unmark this group` : t`Mark this group`);
  neverButton.hidden = !rows[1];
  rows.forEach((row, i) => {
    const { root, name, about: text, reason, buttons } = sides[i], other = rows[1 - i];
    root.hidden = !row;
    if (!row) return;
    say(name, row.name);
    name.title = row.id;
    replace(text, h(`span${other && row.width * row.height > other.width * other.height ? ".lb-dup-better" : ""}`, { text: `${row.width} × ${row.height}` }), ` · ${weight(row.size)} · ${row.name.split(".").pop().toUpperCase()} · ${row.folder}`);
    say(reason, isKept(row) ? t`Keep. ${why(row, true)}` : [row.match === null ? "" : `${row.match} %`, why(row, false)].filter(Boolean).join(" · "));
    reason.classList.toggle("lb-dup-yes", isKept(row));
    const key = `${row.id}|${isKept(row)}|${isMarked(row)}|${busy}`;
    if (buttons.dataset.key === key) return;
    buttons.dataset.key = key;
    if (isKept(row)) { replace(buttons); return; }
    const mark = h("button.lb-button", { "data-needs": "lb_dup_delete", type: "button", "aria-pressed": String(isMarked(row)), text: isMarked(row) ? t`✓ Marked for the bin` : t`Mark for the bin`, onclick: () => { marks.set(row.id, !isMarked(row)); drawMarks(); } });
    replace(buttons, h("button.lb-button", { "data-needs": "lb_dup_delete", type: "button", text: t`Keep this one`, onclick: () => keepThis(row) }), mark);
  });
}

function drawScan() {
  const scanned = view.scan, running = Boolean(scanned?.running);
  find.hidden = running;
  find.disabled = view.pictures < 2;
  find.classList.toggle("lb-primary", !scanned?.over);
  say(find, scanned?.over ? t`Scan again` : t`Find duplicates`);
  stop.hidden = !running;
  stop.disabled = Boolean(scanned?.stopping);
  say(stop, scanned?.stopping ? t`Stopping…` : t`Stop`);
  meter.hidden = !running;
  const share = scanned?.total ? scanned.done / scanned.total : 0;
  meter.firstChild.style.width = `${(100 * share).toFixed(1)}%`;
  meter.setAttribute("aria-valuenow", String(Math.round(100 * share)));
  say(line, scanWords(scanned));
  const bad = scanned?.unreadable_count || 0, key = JSON.stringify([scanned?.number, bad, scanned?.problem]);
  if (unreadable.dataset.key !== key) {
    unreadable.dataset.key = key;
    replace(unreadable, scanned?.problem && remark("bad", scanned.problem),
      bad > 0 && remark("warn", t`${plural(bad, "picture")} could not be read and ${bad === 1 ? t`was` : t`were`} left out.`, { extra: [h("details", {}, h("summary", { text: t`Which` }), ...scanned.unreadable.map(([id, reason]) => h("p.lb-muted", { text: `${id}: ${spoken(reason)}` })))] }));
  }
  work.hidden = !scanned?.over;
  doing.hidden = !scanned?.over && !view.undo && !view.redo && !news.firstChild;
}
function scanWords(scanned) {
  if (!scanned) return view.pictures < 2 ? "" : t`Every picture is looked at once; after that it takes seconds.`;
  if (scanned.running) {
    const pace = scanned.left === null ? "" : t` · ${span(scanned.left)} left`;
    return scanned.done >= scanned.total && scanned.total ? t`Comparing what looks alike…` : t`${scanned.done.toLocaleString("en")} of ${plural(scanned.total, "picture")}${pace}`;
  }
  if (scanned.stopped && !scanned.over) return t`Stopped at ${scanned.done.toLocaleString("en")} of ${plural(scanned.total, "picture")}. What was looked at is kept.`;
  if (!scanned.over) return "";
  if (scanned.new) return t`${plural(scanned.new, "picture")} came since the last scan.`;
  return t`Looked at ${plural(scanned.looked, "picture")} in ${scanned.seconds < 1 ? t`less than 1 s` : span(scanned.seconds)}.`;
}
function drawFolders() {
  const key = JSON.stringify(view.folders);
  folderField.hidden = view.folders.length < 2;
  if (folder.dataset.key !== key) {
    folder.dataset.key = key;
    replace(folder, h("option", { value: "", text: t`No folder before others` }), ...view.folders.map((name) => h("option", { value: name, text: name })));
  }
  const wish = view.chosen.prefer_folder;
  if (document.activeElement !== folder) folder.value = view.folders.includes(wish) ? wish : "";
}

async function read() {
  const of = project;
  if (!of) return;
  let answer;
  try { answer = await ask(server.lb_dup, { project: of }); } catch (error) { if (of === project) { main.hidden = false; failed(error); } return; }
  if (of !== project) return;
  const fresh = !view;
  view = answer;
  main.hidden = false;
  empty.hidden = view.pictures > 0 || Boolean(view.undo);
  inside.hidden = !empty.hidden;
  say(what, plural(view.pictures, "picture"));
  drawFolders();
  if (fresh) {
    hardness.value = view.chosen.hardness;
    hardness.style.setProperty("--share", `${((hardness.value - 1) / 99) * 100}%`);
    hardnessNumber.value = view.chosen.hardness;
    merge.checked = view.chosen.merge_tags;
    bin.read();
  }
  drawScan();
  const key = JSON.stringify([view.listing, view.scan?.number, view.scan?.over, view.scan?.running, view.pairs, view.undo]);
  if (key !== seen) {
    if (seen && !fresh) bin.read();
    seen = key;
    if (view.scan?.over) await regroup(); else { groups = []; drawGroups(); }
  } else drawMarks();
}

function switched() {
  const next = props.value?.project || "";
  if (next !== project) {
    project = next;
    view = null;
    groups = shownGroups = [];
    seen = "";
    shownKind = "duplicates";
    keeps.clear();
    marks.clear();
    delete folder.dataset.key;
    main.hidden = true;
    replace(news);
    bin.clear();
    list.set([]);
  }
  again();
}
const again = poll(element, read, () => (view?.scan?.running ? 400 : 4000));
switched();
watch("value", switched);
hear(element, "captions", (said) => { if (said?.by !== "duplicates") again(); }, { now: false });
hear(element, "opened", (id) => { if (id === "duplicates") { again(); list.layout(); compare.place(); } }, { now: false });
