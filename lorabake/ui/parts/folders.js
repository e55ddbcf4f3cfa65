// Drop pictures or folders here; below, the project's folders with their repeats, and the problems.
const MAX = 64 * 2 ** 20, AT_ONCE = 3;
const PICTURES = /\.(png|jpe?g|webp|gif|bmp|avif|txt|caption)$/i;
let project = "", waiting = null;

const files = h("input", { type: "file", multiple: true, accept: "image/*,.txt", hidden: true, onchange: () => take([...files.files].map((file) => ({ file, folder: "" }))) });
const folder = h("input", { type: "file", multiple: true, hidden: true, webkitdirectory: true, onchange: () => take([...folder.files].map((file) => ({ file, folder: inner(file.webkitRelativePath) }))) });
const zone = h("div.lb-drop", {},
  h("p", {}, h("b", { text: t`Drop pictures or a folder here` }), h("span.lb-muted", { text: t`  with the .txt captions beside them, if there are any` })),
  h("div.lb-line", {},
    h("button.lb-button", { type: "button", text: t`Choose pictures`, onclick: () => files.click() }),
    h("button.lb-button", { type: "button", text: t`Choose a folder`, onclick: () => folder.click() })),
  files, folder);
const confirm = h("div.lb-confirm", { hidden: true });
const report = h("div.lb-report", { "aria-live": "polite" });
const table = h("div.lb-table-frame");
const problems = h("div.lb-problems");
const main = h("div.lb-folders", { hidden: true }, zone, confirm, report, table, problems);
replace(element, main);

const inner = (path) => path.split("/").slice(0, -1).pop() || "";
const notice = (level, text) => h(`div.lb-notice.lb-tone-${level}`, {}, h("p", { text }));

// --- taking pictures in ---------------------------------------------------------------------

for (const kind of ["dragover", "dragenter"]) element.addEventListener(kind, (event) => {
  event.preventDefault();
  zone.classList.add("lb-over");
});
element.addEventListener("dragleave", (event) => { if (!element.contains(event.relatedTarget)) zone.classList.remove("lb-over"); });
element.addEventListener("drop", async (event) => {
  event.preventDefault();
  zone.classList.remove("lb-over");
  const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const found = [];
  for (const entry of entries) await descend(entry, "", found);
  take(found);
});

async function descend(entry, parent, found) {
  if (entry.isFile) {
    found.push({ file: await new Promise((done, failed) => entry.file(done, failed)), folder: parent });
    return;
  }
  const reader = entry.createReader();
  for (;;) { // a reader gives at most 100 entries at a time
    const batch = await new Promise((done, failed) => reader.readEntries(done, failed));
    if (!batch.length) break;
    for (const child of batch) await descend(child, entry.name, found);
  }
}

/** Ask where they shall go, one folder after the other when several were dropped. */
function take(found) {
  const usable = found.filter(({ file }) => PICTURES.test(file.name));
  const pictures = usable.filter(({ file }) => !/\.(txt|caption)$/i.test(file.name));
  files.value = ""; folder.value = "";
  if (!pictures.length && !usable.length) {
    replace(report, notice("warn", t`There are no pictures among these files. PNG, JPEG, WebP, GIF, BMP and AVIF can be read.`));
    return;
  }
  const names = [...new Set(usable.map((f) => f.folder))];
  waiting = { usable, other: found.length - usable.length };
  const existing = (main.known || []).map((f) => f.folder);
  const parts = /^(\d{1,4})_(.+)$/.exec(names[0] || "");
  const name = h("input.lb-input", { type: "text", value: names.length === 1 && names[0] ? (parts ? parts[2] : names[0]) : "", list: "lb-folder-names", placeholder: t`name of the character, outfit or style`, "aria-label": t`Folder` });
  if (!name.value && existing.length && names.length === 1) name.value = main.known[0].name;
  const repeats = h("input.lb-input.lb-number", { type: "number", min: "1", max: "1000", value: parts ? parts[1] : "1", "aria-label": t`Repeats` });
  const several = names.filter(Boolean).length > 1;
  replace(confirm,
    h("p", { text: several ? t`${plural(pictures.length, "picture")} in ${names.length} folders. Each folder becomes one of the project's.` : t`${plural(pictures.length, "picture")} and ${plural(usable.length - pictures.length, "caption")}.` }),
    !several && h("label.lb-field", {}, h("span", { text: t`Into the folder` }), name),
    !several && h("label.lb-field", {}, h("span", { text: t`Repeats` }), repeats),
    h("datalist", { id: "lb-folder-names" }, ...(main.known || []).map((f) => h("option", { value: f.name }))),
    h("div.lb-line", {},
      h("button.lb-button.lb-primary", { type: "button", text: t`Add ${plural(pictures.length || usable.length, pictures.length ? "picture" : "caption")}`, onclick: () => {
        if (!several && !name.value.trim()) { name.focus(); return; }
        send(several ? null : { name: name.value.trim(), repeats: Number(repeats.value) || 1 });
      } }),
      h("button.lb-button", { type: "button", text: t`Leave them out`, onclick: () => { confirm.hidden = true; } })));
  confirm.hidden = false;
  if (!several) name.focus();
}

async function send(target) {
  const { usable, other } = waiting;
  const groups = new Map();
  for (const item of usable) {
    const key = target ? "" : item.folder;
    groups.set(key, [...(groups.get(key) || []), item.file]);
  }
  confirm.hidden = true;
  const notes = [];
  let sent = 0;
  for (const [key, list] of groups) {
    const parts = /^(\d{1,4})_(.+)$/.exec(key);
    const into = target || { name: parts ? parts[2] : key || "pictures", repeats: parts ? Number(parts[1]) : 1 };
    const batch = crypto.getRandomValues(new Uint32Array(4)).join("");
    const queue = [...list];
    const lane = async () => {
      for (let file = queue.shift(); file; file = queue.shift()) {
        if (file.size > MAX) { notes.push(["warn", t`${file.name} was left out: it is larger than 64 MB.`]); continue; }
        const answer = await fetch(`/lorabake/upload/${batch}?name=${encodeURIComponent(file.name)}`, { method: "PUT", body: file });
        if (!answer.ok) notes.push(["bad", t`${file.name} did not arrive (${await answer.text()}).`]);
        sent += 1;
        replace(report, notice("info", t`Adding ${sent} of ${plural(usable.length, "file")}…`));
      }
    };
    try {
      await Promise.all(Array.from({ length: AT_ONCE }, lane));
      const answer = await ask(server.lb_import, { project, batch, ...into });
      notes.push(...answer.notes);
    } catch (error) { notes.push(["bad", error.message]); }
  }
  if (other) notes.push(["info", t`${plural(other, "other file")} left out: neither picture nor caption.`]);
  replace(report, ...notes.map(([level, text]) => notice(level, text)));
  trigger("changed");
  tell("nudge");
}

// --- folders ------------------------------------------------------------------------------

function row(item) {
  const repeats = h("input.lb-input.lb-number", { "data-needs": "lb_repeats", type: "number", min: "1", max: "1000", value: String(item.repeats), "aria-label": t`Repeats of ${item.name}` });
  repeats.addEventListener("change", async () => {
    try {
      await ask(server.lb_repeats, { project, folder: item.folder, repeats: Number(repeats.value) });
      trigger("changed");
      tell("nudge");
    } catch (error) {
      replace(report, notice("bad", error.message));
      repeats.value = String(item.repeats);
    }
  });
  const reg = h("input", { "data-needs": "lb_reg", type: "checkbox", checked: item.reg, "aria-label": t`Regularisation: ${item.name}` });
  reg.addEventListener("change", async () => {
    try {
      await ask(server.lb_reg, { project, folder: item.folder, reg: reg.checked });
      trigger("changed");
      tell("oven", { by: "folders" });
      tell("nudge");
    } catch (error) {
      replace(report, notice("bad", error.message));
      reg.checked = item.reg;
    }
  });
  repeats.disabled = item.fixed;
  const bare = item.images - item.captioned;
  return h("tr", {}, h("th", { scope: "row" }, item.name, item.own.length > 0 && h("small.lb-muted.lb-own", { text: t`own settings: ${item.own.join(", ")}` })), h("td", { text: String(item.images) }),
    h("td", { text: bare ? t`${item.captioned} (${bare} missing)` : String(item.captioned) }),
    h("td", {}, repeats), h("td", { text: item.reg ? t`to match` : String(item.images * item.repeats) }), h("td.lb-middle", {}, reg));
}

const REG = t`Pictures of other things of the same kind, so that only the trigger word learns. An epoch shows as many of them as of the others.`;
function draw(answer) {
  main.known = answer.folders;
  main.hidden = false;
  zone.classList.toggle("lb-small", answer.folders.length > 0);
  const learned = answer.folders.filter((f) => !f.reg);
  const total = learned.reduce((sum, f) => sum + f.images * f.repeats, 0);
  const others = t`Regularisation`, heads = [t`Folder`, t`Pictures`, t`Captions`, t`Repeats`, t`Seen per epoch`, others];
  replace(table, answer.folders.length > 0 && h("table.lb-table.lb-folder-table", {},
    h("thead", {}, h("tr", {}, ...heads.map((text) => h("th", { scope: "col", text, title: text === others ? REG : undefined })))),
    h("tbody", {}, ...answer.folders.map(row)),
    learned.length > 1 && h("tfoot", {}, h("tr", {}, h("th", { scope: "row", text: t`Together (T)` }), h("td"), h("td"), h("td"), h("td", { text: String(total) }), h("td")))),
    answer.folders.some((f) => f.reg) && h("p.lb-muted.lb-models", { text: REG }));
  const list = answer.problems;
  replace(problems, list.length > 0 && h("details.lb-details", { open: list.length <= 5 },
    h("summary", { text: t`${plural(list.length, "thing")} to look at` }),
    ...list.slice(0, 200).map((problem) => notice(problem.level, problem.text)),
    list.length > 200 && h("p.lb-muted", { text: t`… and ${list.length - 200} more.` })));
}

async function read() {
  const before = project;
  project = props.value?.project || "";
  if (project !== before) { replace(report); confirm.hidden = true; }
  if (!project) { main.hidden = true; return; }
  const wanted = project;
  try {
    const answer = await ask(server.lb_folders, { project });
    if (wanted === project) draw(answer);
  } catch (error) {
    main.hidden = false;
    replace(report, notice("bad", error.message));
  }
}
read();
watch("value", read);
