// Grabber: search boards, look, pick, get; downloads; accounts; pictures of one's own.
const MOST = 20000; // posts of one download
let project = "", view = null, ticket = "", stamp = 0, labels = {}, total = null, starting = false, jobs = new Map(), openTab = "search";
let asked = null; // what was searched for, whatever the fields say since

const search = makeGrabSearch({
  onSearch: find,
  onMove: (values) => { keep(values); drawDo(); },
  onType: drawDo,
  onAccounts: () => show("accounts"),
  // Words of a search have underscores and may have a minus in front.
  complete: (field) => attachCompletion(field, { separator: " ", ask: async (text) => {
    const minus = text.startsWith("-") ? "-" : "";
    if (/^-?(rating|score|width|height|order|sort|id|filetype):/.test(text)) return [];
    const found = await tagAsker(server, () => project)(text.slice(minus.length));
    return found.map((one) => ({ ...one, alias: "", tag: minus + one.tag.replace(/\\([()])/g, "$1").replaceAll(" ", "_") }));
  } }),
});
const results = makeGrabResults({ onPage: turn, onPick: drawDo, onStop: halt });
const downloads = makeGrabDownloads({ onAct: act, onUpdate: update });
const accounts = makeGrabAccounts({ onAct: async (what, site, account) => {
  const answer = await ask(server.lb_grab_account, { site, act: what, account });
  accounts.set(answer.accounts);
  search.accounts(answer.accounts);
  return answer.said;
} });
const own = makeGrabOwn({ element, isOpen: () => shown(main) && openTab === "own", onAdd: async (batches, prompts) => {
  if (!folder.value.trim()) { folder.focus(); throw new Error(t`Choose the folder first that the pictures go into.`); }
  const answer = await ask(server.lb_grab_own, { project, batches, prompts, ...goal() });
  changed();
  return ownDone(answer);
} });

// --- where pictures go, and the buttons ------------------------------------------------------
const folder = h("input.lb-input", { type: "text", id: "lb-grab-folder", list: "lb-grab-folders", maxlength: "200", placeholder: "kafka", autocomplete: "off", spellcheck: "false" });
const folders = h("datalist", { id: "lb-grab-folders" });
const repeats = h("input.lb-input.lb-number", { type: "number", id: "lb-grab-repeats", min: "1", max: "1000", value: "1" });
const repeatsField = h("label.lb-field", {}, h("span", { text: t`Repeats` }), repeats);
const target = h("div.lb-line.lb-grab-target", {}, h("label.lb-field", {}, h("span", { text: t`Into the folder` }), folder), folders, repeatsField);
folder.addEventListener("input", drawFolder);
folder.addEventListener("change", () => keep({ folder: folder.value.trim() }));
repeats.addEventListener("change", () => keep({ repeats: Number(repeats.value) || 1 }));
const goal = () => ({ folder: folder.value.trim(), repeats: Number(repeats.value) || 1 });

const getPicked = h("button.lb-button.lb-primary", { type: "button", id: "lb-grab-picked", onclick: () => get({ picked: results.picked }) });
const many = h("input.lb-input.lb-number", { type: "number", min: "1", max: "20000", value: "100", "aria-label": t`How many`, oninput: drawDo });
const getSome = h("button.lb-button", { type: "button", id: "lb-grab-some", onclick: () => get({ limit: Number(many.value) || 1 }) });
const getAll = h("button.lb-button", { type: "button", id: "lb-grab-all", onclick: () => get({}) });
const why = h("p.lb-blocked"), stale = h("p.lb-muted", { hidden: true, text: t`The search was changed since. Search again to see what fits now.` });
const said = h("div", { "aria-live": "polite" });
const homeSearch = h("div.lb-grab-home"), homeDownloads = h("div.lb-grab-home"), homeOwn = h("div.lb-grab-home");
const bar = h("div.lb-grab-do", { hidden: true }, h("div.lb-line.lb-grab-bar", {}, homeSearch, h("span.lb-grow"), getPicked, h("span.lb-grab-some", {}, getSome, many), getAll), stale, why);

// --- captions and files ----------------------------------------------------------------------
const form = makeGrabForm({ onKeep: async (key, value) => settled(await ask(server.lb_grab_set, { project, setting: key, value })), onUsual: async () => settled(await ask(server.lb_grab_set, { project, usual: true })), complete: (field) => attachCompletion(field, { ask: tagAsker(server, () => project) }) });

// --- tabs ------------------------------------------------------------------------------------
const panels = {
  search: [t`Search`, h("div.lb-grab-panel", {}, search.root, results.root, bar)],
  downloads: [t`Downloads`, h("div.lb-grab-panel", {}, homeDownloads, form.root, downloads.root)],
  own: [t`Add my own`, h("div.lb-grab-panel", {}, homeOwn, own.root)],
  accounts: [t`Accounts`, h("div.lb-grab-panel", {}, accounts.root)],
};
const tabs = Object.fromEntries(Object.entries(panels).map(([name, [text, panel]]) => {
  panel.id = `lb-grab-${name}`;
  panel.setAttribute("role", "tabpanel");
  return [name, h("button.lb-grab-tab", { type: "button", role: "tab", id: `lb-grab-tab-${name}`, "aria-controls": panel.id, text, onclick: () => { replace(said); show(name); } })];
}));
const tablist = h("div.lb-grab-tabs", { role: "tablist", "aria-label": t`Grabber`, onkeydown: (event) => {
  const names = Object.keys(tabs), by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!by) return;
  event.preventDefault();
  show(names[(names.indexOf(openTab) + by + names.length) % names.length]);
  tabs[openTab].focus();
} }, ...Object.values(tabs));
const trouble = h("div", { "aria-live": "polite" });
const main = h("div.lb-grabber", { hidden: true }, tablist, trouble, said, ...Object.values(panels).map(([, panel]) => panel));
replace(element, main);

function show(name) {
  openTab = name;
  for (const [one, tab] of Object.entries(tabs)) {
    tab.setAttribute("aria-selected", String(one === name));
    tab.tabIndex = one === name ? 0 : -1;
    panels[one][1].hidden = one !== name;
  }
  ({ search: homeSearch, downloads: homeDownloads, own: homeOwn })[name]?.append(target);
}
show("search");

// --- asking ----------------------------------------------------------------------------------
const failed = (error) => replace(trouble, remark("bad", error.message));
let kept = Promise.resolve();
/** One after the other, so that the last one is the one that stays. */
function keep(values) {
  const of = project;
  kept = kept.then(() => ask(server.lb_grab_set, { project: of, values })).then(() => replace(trouble), failed);
}
function settled(answer) { form.set(answer.values.settings, answer.usual); }

async function find() {
  const values = search.values(), before = ticket;
  let mine = "";
  search.busy(true);
  results.clear();
  total = null;
  stamp = 0;
  asked = values;
  drawDo();
  try {
    await kept;
    ({ ticket } = await ask(server.lb_grab_search, { project, values, ticket: before }));
    mine = ticket;
    replace(trouble);
    results.asking((values.sites || []).map((site) => labels[site] || site));
    results.busy(true);
    await follow(mine);
  } catch (error) {
    if (mine !== ticket && mine) return; // it was stopped meanwhile
    results.problem(error.message);
    results.busy(false);
  }
  search.busy(false);
}

async function turn(page) {
  const mine = ticket;
  results.busy(true);
  try {
    await ask(server.lb_grab_page, { ticket: mine, page });
    await follow(mine);
    results.root.scrollIntoView({ block: "start" });
  } catch (error) { if (mine === ticket) results.problem(error.message); }
  results.busy(false);
}

/** Look at what has come until the board has said everything. */
async function follow(mine) {
  for (;;) {
    const answer = await ask(server.lb_grab_found, { ticket: mine, stamp });
    if (mine !== ticket) return;
    results.wait(answer.wait, answer.host);
    if (answer.page) {
      stamp = answer.stamp;
      results.set(answer.page, answer.number);
      results.busy(answer.busy);
      results.count(answer.counts, labels, search.filtered(asked));
      search.busy(false);
    }
    if (answer.counts) total = results.count(answer.counts, labels, search.filtered(asked));
    drawDo();
    if (!answer.busy) {
      if (answer.problem) results.problem(answer.problem, /Accounts/.test(answer.problem) && h("button.lb-quiet", { type: "button", text: t`Accounts`, onclick: () => show("accounts") }));
      results.busy(false);
      return;
    }
    await new Promise((done) => setTimeout(done, 300));
  }
}

/** Wait no longer for a board; what it has brought so far stays. */
function halt() {
  ask(server.lb_grab_stop, { ticket }).catch(() => {});
  ticket = "";
  results.wait(0, "");
  results.busy(false);
  search.busy(false);
  if (!stamp) results.problem(t`The search was stopped.`);
}

async function get(what) {
  if (starting) return;
  if (!folder.value.trim()) { say(why, t`Choose the folder first that the pictures go into, such as the character's name.`); folder.focus(); return; }
  starting = true;
  drawDo();
  try {
    await kept;
    await ask(server.lb_grab_start, { project, values: { ...(what.picked ? search.values() : asked), ...goal() }, ...what });
    if (what.picked) results.unpickAll();
    replace(said);
    show("downloads");
    if (main.getBoundingClientRect().top < 0) main.scrollIntoView({ block: "start" });
  } catch (error) { failed(error); }
  starting = false;
  drawDo();
  again();
  tell("nudge");
}

async function act(what, row) {
  try {
    if (what === "undo" || what === "redo") undone(await ask(server.lb_grab_undo, { project, operation: row.operation, redo: what === "redo" }));
    else await ask(what === "pause" ? server.lb_grab_pause : server.lb_grab_resume, { project, place: row.place });
    replace(trouble);
  } catch (error) { failed(error); }
  await again();
  tell("nudge");
}
async function update() {
  try { replace(said, remark("ok", (await ask(server.lb_grab_update, { project })).said)); } catch (error) { failed(error); }
  again();
  tell("nudge");
}

/** What was taken back, and the way forth again. */
function undone(answer) {
  const button = h("button.lb-quiet", { type: "button", text: answer.undone ? t`Redo` : t`Undo`, onclick: async () => {
    button.disabled = true;
    try { undone(await ask(server.lb_grab_undo, { project, operation: answer.operation, redo: answer.undone })); } catch (error) { failed(error); }
  } });
  replace(said, remark("ok", answer.said, { extra: [button] }));
  changed();
}
function ownDone(answer) {
  const back = Number.isInteger(answer.operation) && h("button.lb-quiet", { type: "button", text: t`Undo`, onclick: () => { own.clear(); act("undo", answer); } });
  const look = answer.review.length > 0 && h("button.lb-button", { type: "button", text: t`Look at each of ${answer.review.length.toLocaleString("en")}`, onclick: () => reviewOwn(answer) });
  const seen = answer.generated > 0 && h("button.lb-quiet", { type: "button", text: t`Show the generated ones`, onclick: () => { tell("filter", "source:generated"); go("editor"); } });
  const left = answer.left_out > 0 && h("details", {}, h("summary", { text: t`${plural(answer.left_out, "file")} left out, and why` }), ...answer.skipped.map((text) => h("p.lb-muted", { text })));
  return h("div", {}, remark(answer.saved ? "ok" : "warn", [answer.said, answer.share && t`${spoken(answer.share)} Mistakes are learned as well: what fails goes to the bin.`].filter(Boolean).join(" "), { extra: [look, back, seen] }), left);
}
let reviewed = null; // the answer whose generated pictures are looked at
const review = makeReview({ checklist: () => reviewed?.checklist || [], onChange: () => {} });
element.append(review.root);
function reviewOwn(answer) {
  if (!answer.review.length) return;
  if (reviewed !== answer) review.forget();
  reviewed = answer;
  review.open(answer.review.map(([id, sha, name]) => ({ name: id, label: name, src: `/lorabake/image/${encodeURIComponent(project)}/${sha}` })));
}
/** Those that were left out go to the bin, as one step. */
review.onClosed(async () => {
  const failed_ = reviewed.review.map(([id]) => id).filter((id) => review.seen(id) && !review.passed(id));
  if (!failed_.length) return;
  reviewed.review = reviewed.review.filter(([id]) => !failed_.includes(id));
  try {
    const answer = await ask(server.lb_curate_deed, { project, ids: failed_, do: "bin" });
    replace(said, remark("ok", t`${plural(answer.pictures, "picture")} moved to the bin. Undo stands under Curating.`));
  } catch (error) { failed(error); }
  changed();
});

/** Pictures came or went: everybody looks again. */
function changed() {
  trigger("changed");
  tell("captions", { project });
  tell("nudge");
  again();
}

// --- drawing ---------------------------------------------------------------------------------
function drawFolder() {
  const there = (view?.folders || []).find((one) => one.name.toLowerCase() === folder.value.trim().toLowerCase());
  repeatsField.hidden = Boolean(there);
  say(why, "");
  drawDo();
}
function drawDo() {
  const picked = results.picked.length, n = Number(many.value) || 1;
  bar.hidden = !stamp;
  getPicked.hidden = !picked;
  say(getPicked, t`Get ${plural(picked, "picked picture")}`);
  say(getSome, t`Get the first`);
  say(getAll, total === null ? t`Get all that fit` : total > MOST ? t`Get the newest ${MOST.toLocaleString("en")}` : t`Get all ${total.toLocaleString("en")}`);
  stale.hidden = !stamp || JSON.stringify(search.values()) === JSON.stringify(asked);
  getAll.classList.toggle("lb-primary", !picked);
  getAll.hidden = getSome.parentNode.hidden = total === 0;
  getSome.setAttribute("aria-label", t`Get the first ${n}`);
  for (const button of [getPicked, getSome, getAll]) button.disabled = starting;
}

const FINISHED = ["finished", "stopped", "failed", "interrupted"];
/** What a download that has just ended brought. */
function ended(row) {
  changed();
  if (row.state !== "finished") return;
  const next = document.getElementById("sec-duplicates") && h("button.lb-button", { type: "button", text: t`Find duplicates`, onclick: () => go("duplicates") });
  const left = row.left_out ? t` ${plural(row.left_out, "picture")} left out; the list says why.` : "";
  replace(said, remark(row.saved ? "ok" : "info", `${row.saved ? t`Saved ${plural(row.saved, "picture")} in ${row.folder}.` : t`No new picture was saved.`}${left}`, { extra: [row.saved > 0 && next] }));
}

async function read() {
  const wanted = project;
  if (!wanted) return;
  let answer;
  const fresh = !view;
  try { answer = await ask(server.lb_grabber, { project, form: !search.ready(), values: fresh, accounts: fresh }); } catch (error) { if (wanted === project) { main.hidden = false; failed(error); } return; }
  if (wanted !== project) return;
  view = answer;
  main.hidden = false;
  if (answer.form) {
    labels = Object.fromEntries(answer.form.sites.map((site) => [site.name, site.label]));
    search.build(answer.form);
    form.build(answer.form.fields);
  }
  if (answer.accounts) { tabs.accounts.hidden = !answer.accounts.length; accounts.set(answer.accounts); search.accounts(answer.accounts); }
  replace(folders, ...answer.folders.map((one) => h("option", { value: one.name })));
  if (answer.values) {
    search.set(answer.values);
    form.set(answer.values.settings, answer.usual);
    folder.value = answer.values.folder || (answer.folders.length === 1 ? answer.folders[0].name : "");
    repeats.value = String(answer.values.repeats);
  }
  drawFolder();
  downloads.set(answer.downloads, answer.searches);
  const active = answer.downloads.filter(downloads.active).length;
  say(tabs.downloads, active ? t`Downloads · ${active} running` : t`Downloads`);
  for (const row of answer.downloads) {
    const before = jobs.get(row.place);
    jobs.set(row.place, row.state);
    if (before && before !== row.state && FINISHED.includes(row.state)) ended(row);
  }
}

function switched() {
  const now = props.value?.project || "";
  if (now !== project) {
    if (ticket) ask(server.lb_grab_stop, { ticket }).catch(() => {});
    project = now; view = null; ticket = ""; stamp = 0; total = null; jobs = new Map();
    main.hidden = true;
    results.clear();
    downloads.forget();
    own.clear();
    replace(said);
    replace(trouble);
    drawDo();
    show("search");
  }
  again();
}
const again = poll(element, read, () => (view?.downloads.some(downloads.active) ? 1000 : 5000));
switched();
watch("value", switched);
