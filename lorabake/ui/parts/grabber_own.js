// Pictures of one's own: dropped, chosen, pasted; files, folders and zip archives.
/** where(): { folder, repeats }; onAdd(batches, prompts): gives a promise of the answer; onDone(answer). */
function makeGrabOwn({ element, onAdd, isOpen }) {
  const MAX = 64 * 2 ** 20, MAX_ZIP = 4 * 2 ** 30, AT_ONCE = 3;
  let waiting = [];
  const files = h("input", { type: "file", multiple: true, hidden: true, accept: "image/*,.txt,.caption,.zip", onchange: () => { take([...files.files].map((file) => ({ file, folder: "" }))); files.value = ""; } });
  const folder = h("input", { type: "file", multiple: true, hidden: true, webkitdirectory: true, onchange: () => { take([...folder.files].map((file) => ({ file, folder: file.webkitRelativePath.split("/").slice(0, -1).join("/") }))); folder.value = ""; } });
  const zone = h("div.lb-drop.lb-grab-drop", {},
    h("div", {}, h("p", {}, h("b", { text: t`Drop pictures, a folder or a zip here` }), h("span.lb-muted", { text: t` or paste a picture with Ctrl+V.` })),
      h("p.lb-muted", { text: t`Captions (.txt) beside the pictures come along. AI-generated pictures bring their prompt as the first caption and are marked, so that you can filter them with source:generated. In a folder of their own, fewer repeats make them weigh less.` })),
    h("div.lb-line", {},
      h("button.lb-button", { type: "button", text: t`Choose pictures or a zip`, onclick: () => files.click() }),
      h("button.lb-button", { type: "button", text: t`Choose a folder`, onclick: () => folder.click() })), files, folder);
  const prompts = h("input", { type: "checkbox", checked: true, id: "lb-grab-prompts" });
  const add = h("button.lb-button.lb-primary", { type: "button", onclick: send });
  const drop = h("button.lb-quiet", { type: "button", text: t`Leave them out`, onclick: () => { waiting = []; draw(); } });
  const chosen = h("p.lb-grab-chosen");
  const confirm = h("div.lb-grab-confirm", { hidden: true }, chosen, h("label.lb-check", {}, prompts, t`The prompt of AI-generated pictures becomes their first caption`), h("div.lb-line", {}, add, drop));
  const report = h("div", { "aria-live": "polite" });
  const root = h("div.lb-grab-own", {}, zone, confirm, report);

  for (const kind of ["dragover", "dragenter"]) zone.addEventListener(kind, (event) => { event.preventDefault(); zone.classList.add("lb-over"); });
  zone.addEventListener("dragleave", (event) => { if (!zone.contains(event.relatedTarget)) zone.classList.remove("lb-over"); });
  zone.addEventListener("drop", async (event) => {
    event.preventDefault();
    zone.classList.remove("lb-over");
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean), found = [];
    const loose = [...event.dataTransfer.files].map((file) => ({ file, folder: "" })); // gone after the first await
    for (const entry of entries) await descend(entry, "", found);
    if (!entries.length) found.push(...loose); // a browser that knows no entries
    take(found);
  });
  async function descend(entry, parent, found) {
    if (entry.isFile) { found.push({ file: await new Promise((done, failed) => entry.file(done, failed)), folder: parent }); return; }
    const reader = entry.createReader();
    for (;;) { // a reader gives at most 100 entries at a time
      const batch = await new Promise((done, failed) => reader.readEntries(done, failed));
      if (!batch.length) break;
      for (const child of batch) await descend(child, `${parent}/${entry.name}`, found);
    }
  }
  document.addEventListener("paste", (event) => {
    if (!element.isConnected || !isOpen() || event.target.closest?.("input, textarea, [contenteditable]")) return;
    const pasted = [...(event.clipboardData?.files || [])];
    if (!pasted.length) return;
    event.preventDefault();
    // The clipboard calls every picture image.png.
    take(pasted.map((file, at) => ({ file: new File([file], file.name === "image.png" ? `pasted-${Date.now()}-${at}.png` : file.name, { type: file.type }), folder: "" })));
  });

  function take(found) {
    if (!found.length) return;
    waiting.push(...found);
    replace(report);
    draw();
  }
  function draw() {
    confirm.hidden = !waiting.length;
    const zips = waiting.filter(({ file }) => /\.zip$/i.test(file.name)).length;
    const bytes = waiting.reduce((sum, { file }) => sum + file.size, 0);
    say(chosen, `${plural(waiting.length, "file")}${zips ? t`, ${plural(zips, "zip archive")} among them` : ""}, ${size(bytes / 2 ** 20)}`);
    say(add, t`Add ${plural(waiting.length, "file")}`);
  }

  async function send() {
    const notes = [], groups = new Map(), all = waiting;
    for (const item of all) groups.set(item.folder, [...(groups.get(item.folder) || []), item.file]);
    add.disabled = true;
    let sent = 0;
    const batches = [];
    try {
      for (const list of groups.values()) {
        const batch = crypto.getRandomValues(new Uint32Array(4)).join(""), queue = [...list];
        batches.push(batch);
        const lane = async () => {
          for (let file = queue.shift(); file; file = queue.shift()) {
            if (file.size > (/\.zip$/i.test(file.name) ? MAX_ZIP : MAX)) { notes.push(t`${file.name} was left out: it is larger than ${/\.zip$/i.test(file.name) ? "4 GB" : "64 MB"}.`); continue; }
            const answer = await fetch(`/lorabake/upload/${batch}?name=${encodeURIComponent(file.name)}`, { method: "PUT", body: file });
            if (!answer.ok) notes.push(t`${file.name} did not arrive (${await answer.text()}).`);
            sent += 1;
            replace(report, remark("info", t`Reading ${sent.toLocaleString("en")} of ${plural(all.length, "file")}…`));
          }
        };
        await Promise.all(Array.from({ length: AT_ONCE }, lane));
      }
      replace(report, remark("info", t`Looking at every picture…`));
      const said = await onAdd(batches, prompts.checked);
      waiting = [];
      draw();
      replace(report, said);
    } catch (error) { replace(report, remark("bad", error.message)); }
    if (notes.length) report.append(...notes.slice(0, 20).map((text) => remark("warn", text)));
    add.disabled = false;
  }
  return { root, clear() { waiting = []; draw(); replace(report); }, say: (node) => replace(report, node) };
}
