/**
 * The right side of the editor: one picture large, its tags as chips or as text, and all about saving.
 *
 *   const inspector = makeInspector({
 *     server,                    // the part's; it needs inspecting.CALLS
 *     neighbours: (id) => ({ before: row | null, after: row | null, place: 3, count: 24 }),
 *     onWalk: (by) => {},        // choose another picture: a number of steps, "untagged", or { id }
 *     onSaved: (id, captioned, { project, text, tags }) => {},  // a caption has reached the disk
 *     onOrder: (name) => {},     // "grid": give the keyboard to the grid
 *   });
 *   side.append(inspector.element);
 *   inspector.show(project, row);     // row: { id, name, sha, width, height, folder }; null shows nothing
 *   inspector.flush();                // → Promise; all that is unsaved is tried now
 *   inspector.refresh();              // others may have written captions
 *   inspector.connect({ element, rows, changed, actions });  // keys and the yes/no sheet, see keys.js
 *   inspector.focusAdd(); inspector.focusTags(); inspector.undo(); inspector.redo(); inspector.hide();
 *
 * Whatever is typed belongs to the picture that was shown when it was typed, however fast one walks.
 */
function makeInspector({ server, neighbours = () => ({}), onWalk = () => {}, onSaved = () => {}, onOrder = () => {} }) {
  let current = null; // { project, row, edit, opening, queue }
  let view = recall("editor-view", "tags"), shownAt = 0, counting = 0, sheet = null;
  const about = new Map(); // tag → { category, origin } of the picture that is shown
  const kinds = new Map(); // tag → category, of all that were seen

  const drafts = makeDrafts({
    server,
    onState: (edit) => { if (edit === current?.edit) state(edit); else if (edit.state === "conflict") aside(); },
    onSaved: (edit) => {
      onSaved(edit.id, Boolean(edit.disk.trim()), { project: edit.project, text: edit.disk, tags: edit.tags });
      tellOthers(edit);
      if (edit === current?.edit) { learn(edit); draw(); says.read(); }
    },
  });

  // Other sections read captions anew, but not after each letter.
  const told = new Map();
  function tellOthers(edit) {
    told.set(edit.project, (told.get(edit.project) || new Set()).add(edit.id));
    clearTimeout(told.timer);
    told.timer = setTimeout(() => {
      for (const [projectName, ids] of told) tell("captions", { project: projectName, ids: [...ids], by: "editor" });
      told.clear();
    }, 1000);
  }

  // --- what there is to see ---------------------------------------------------------------------
  const preview = makePreview();
  const name = h("b"), facts = h("span.lb-muted");
  const status = h("span.lb-save", { role: "status" });
  const conflict = h("div.lb-conflict", { hidden: true });
  const elsewhere = h("div.lb-elsewhere", { hidden: true, role: "status" });
  const project = () => current?.project || "";
  const completion = (field, onTake) => attachCompletion(field, { ask: tagAsker(server, project), onTake });

  const add = h("input.lb-input.lb-add", { "data-needs": "lb_save", type: "text", placeholder: t`Add a tag`, "aria-label": t`Add a tag`, spellcheck: "false", autocomplete: "off", autocapitalize: "off", enterkeyhint: "done" });
  const chips = makeChips({ onChange: (tags, said) => changeTags(() => tags, said), onLook: (tag) => look(tag), completion: (field, onTake) => attachCompletion(field, { ask: tagAsker(server, project), onTake, separator: "" }) });
  const box = h("textarea.lb-caption.lb-raw-text", { "data-needs": "lb_save", rows: "8", spellcheck: "false", "aria-label": t`Caption`, autocomplete: "off", autocapitalize: "off" });
  const mirror = h("div.lb-raw-mirror", { "aria-hidden": "true" });
  const raw = h("div.lb-raw", {}, mirror, box);
  const tokens = h("span.lb-tokens");
  const legend = h("div.lb-tag-legend");
  const tools = h("div.lb-line.lb-chip-tools", { hidden: true, role: "toolbar", "aria-label": t`For the chosen tag` });
  const switcher = h("div.lb-switch", { role: "group", "aria-label": t`Show the caption as` },
    ...[["tags", t`Tags`], ["text", t`Text`]].map(([key, text]) => h("button.lb-quiet", { type: "button", text, "data-view": key, onclick: () => { setView(key); (key === "tags" ? add : box).focus(); } })));
  const undoButton = h("button.lb-quiet", { "data-needs": "lb_undo_picture", type: "button", text: t`↶ Undo`, "aria-label": t`Undo in this caption`, title: t`Undo the last step of this caption (Ctrl+Z)`, onclick: () => undo() });
  const redoButton = h("button.lb-quiet", { "data-needs": "lb_redo_picture", type: "button", text: t`↷ Redo`, "aria-label": t`Redo in this caption`, title: t`Do it again (Ctrl+Shift+Z)`, onclick: () => redo() });
  const previous = h("button.lb-button", { type: "button", text: t`← Previous`, onclick: () => onWalk(-1) });
  const following = h("button.lb-button", { type: "button", text: t`Next →`, onclick: () => onWalk(1) });
  const untagged = h("button.lb-quiet", { type: "button", text: t`Next untagged`, title: "Ctrl+J", onclick: () => onWalk("untagged") });
  const hider = h("button.lb-quiet.lb-hider", { type: "button", text: t`Hide`, title: t`Hide or show the picture (H)`, onclick: () => hide() });
  const wiki = makeWiki({ server });
  const says = makeSays({ server, onAdd: (tags) => addTags(tags), onRemove: (tag) => changeTags((tags) => tags.filter((other) => tagKey(other) !== tagKey(tag)), t`Deleted ${tag}`) });

  const tagsView = h("div.lb-tags-view", {}, add, chips.element, tools, legend);
  const main = h("div.lb-inspector", { hidden: true },
    preview.element,
    h("div.lb-name", {}, name, facts),
    h("div.lb-line.lb-walk", {}, previous, following, untagged, h("span.lb-grow"), hider),
    h("div.lb-line.lb-caption-head", {}, switcher, tokens, h("span.lb-grow"), undoButton, redoButton),
    elsewhere, tagsView, raw,
    status, conflict, wiki.element, says.element);
  const several = { "with-keys": t`Ctrl or Shift and a click select several.`, "by-touch": t`“Select” is for choosing several; so is a long press.` };
  const hint = h("p.lb-muted.lb-hint", {}, t`Choose a picture to see it large and to put its tags right. `, ...Object.entries(several).map(([name, text]) => h(`span.lb-${name}`, { text })));
  const element = h("div.lb-inspecting", {}, hint, main);
  setView(view);
  ask(server.lb_complete, { project: "", text: "" }).catch(() => {}); // has the tag lists read before they are needed

  // --- showing another picture ------------------------------------------------------------------

  function show(projectName, row) {
    if (current && row && current.project === projectName && current.row.id === row.id) { current.row = row; head(); return; }
    leave();
    const first = projectName && current?.project !== projectName;
    hint.hidden = Boolean(row);
    main.hidden = !row;
    conflict.hidden = true;
    if (!row) { current = null; return; }
    const fast = performance.now() - shownAt < 150; // a held arrow key: read only where it stops
    shownAt = performance.now();
    const atTags = chips.focused; // who walks along with the keyboard at the tags stays there
    const mine = (current = { project: projectName, row, edit: null, opening: null, queue: "", adding: [], left: "", atTags });
    head();
    preview.show(projectName, row);
    about.clear();
    chips.draw([], about);
    chips.element.classList.add("lb-waiting");
    box.value = "";
    box.readOnly = true;
    mirror.replaceChildren();
    add.value = waitingTag.get(projectName, row.id);
    mark("", "");
    says.clear();
    replace(legend);
    look(null);
    say(tokens, "");
    setTimeout(() => { if (mine === current) open(mine).catch(() => {}); }, fast ? 90 : 0);
    if (first) recoverAll(projectName);
  }

  function head() {
    const { row } = current, around = neighbours(row.id);
    say(name, row.name);
    say(facts, [` ${row.width} × ${row.height} px`, row.folder, around.place > 0 && t`${around.place.toLocaleString("en")} of ${around.count.toLocaleString("en")}`].filter(Boolean).join(" · "));
    previous.disabled = !around.before;
    following.disabled = !around.after;
  }

  /** The edit of what is shown, read once. */
  function open(mine) {
    mine.opening ??= drafts.open(mine.project, mine.row.id).then((edit) => {
      mine.edit = edit;
      if (mine === current) opened(mine);
      return edit;
    }, (error) => {
      mine.opening = null;
      if (mine === current) {
        mark("bad", error.message);
        if (!error.error) setTimeout(() => { if (mine === current) open(mine).catch(() => {}); }, 2000);
      }
      throw error;
    });
    return mine.opening;
  }

  function opened(mine) {
    const { edit } = mine;
    learn(edit);
    chips.element.classList.remove("lb-waiting");
    box.readOnly = false;
    draw();
    state(edit);
    if (edit.restored && !edit.conflict) { edit.restored = false; mark("info", t`Restored what you had typed.`); }
    else if (edit.note && edit.state === "clean") mark("warn", spoken(edit.note));
    if (mine.wantsTags || (mine.atTags && (document.activeElement === document.body || !document.activeElement))) chips.focus(0);
    if (mine.queue) { type(mine.queue); mine.queue = ""; }
    says.read(mine.project, mine.row.id, () => captionLine(edit.text).tags);
    const { before, after } = neighbours(mine.row.id);
    for (const row of [after, before]) if (row) new Image().src = `/lorabake/image/${encodeURIComponent(mine.project)}/${row.sha}`;
  }

  /** Before another picture is shown: nothing of this one may be left in the boxes. */
  function leave() {
    if (!current) return;
    chips.finish();
    helper?.close();
    boxHelper?.close();
    const left = current;
    left.left = add.value;
    keepTyped(left);
    if (left.edit) drafts.close(left.edit);
    if (add.value.trim()) aside(left, add.value.trim());
  }

  function learn(edit) {
    about.clear();
    for (const [tag, category, origin] of edit.tags) { about.set(tag, { category, origin }); kinds.set(tag, category); }
  }

  // --- the caption, as chips and as text --------------------------------------------------------

  function draw() {
    const edit = current?.edit;
    if (!edit) return;
    const line = captionLine(edit.text);
    for (const tag of line.tags) if (!about.has(tag)) about.set(tag, { category: kinds.get(tag) || "", origin: "you" });
    chips.draw(line.tags, about, chunkMarks(line, edit.count));
    if (!tools.hidden && !line.tags.includes(tools.tag)) look(null);
    if (box.value !== edit.text) box.value = edit.text;
    drawTokens(line, edit);
    replace(legend, ...tagLegend(line.tags, about));
    count(edit, line.line);
  }

  /** Where a chunk of 75 tokens begins: in front of the chip that it begins at or in. */
  function chunkMarks(line, counted) {
    const marks = new Map();
    (counted?.boundaries || []).forEach((at, i) => {
      const index = line.places.findIndex(([, end]) => end > at);
      if (index > 0) marks.set(index, `${75 * (i + 1)}`);
    });
    return marks;
  }

  async function count(edit, line) {
    if (edit.countedLine === line) return;
    edit.countedLine = line;
    const turn = (counting += 1);
    if (edit.count) await new Promise((done) => setTimeout(done, 120)); // not after each letter
    if (turn !== counting) { edit.countedLine = null; return; }
    const counted = await ask(server.lb_tokens, { project: edit.project, text: line }).catch(() => null);
    if (turn !== counting || !counted) { edit.countedLine = null; return; }
    edit.count = counted;
    if (edit === current?.edit) draw();
  }

  function drawTokens(line, edit) {
    const { tokens: n, chunks, boundaries = [] } = edit.count || {};
    if (n === undefined) { say(tokens, ""); return; }
    say(tokens, t`${n} / ${75 * chunks} tokens · ${plural(chunks, "chunk")}`);
    tokens.title = t`The text encoder reads 75 tokens at a time. A tag has one to five of them.`;
    tokens.classList.toggle("lb-long-caption", chunks > 1);
    const pieces = [edit.text.slice(0, line.start)];
    let from = line.start;
    for (const at of boundaries) {
      pieces.push(edit.text.slice(from, line.start + at), h("i.lb-raw-chunk"));
      from = line.start + at;
    }
    mirror.replaceChildren(...pieces, edit.text.slice(from), "\u200b");
    mirror.scrollTop = box.scrollTop;
  }

  /** Change the tags of the picture that is shown now, also when its caption is still on its way. */
  async function changeTags(work, said, { typing = false } = {}) {
    const mine = current;
    if (!mine) return;
    let edit;
    try { edit = mine.edit || (await open(mine)); } catch { await retry(mine); edit = mine.edit; }
    const line = captionLine(edit.text);
    const next = work(line.tags);
    if (next.join("\0") === line.tags.join("\0")) return;
    drafts.change(edit, line.with(next), { now: true });
    edit.said = said;
    if (mine === current) { draw(); state(edit); }
  }
  async function retry(mine) {
    while (!mine.edit) { await new Promise((done) => setTimeout(done, 1000)); await open(mine).catch(() => {}); }
  }

  function addTags(wanted, { front = false } = {}) {
    const fresh = wanted.map((tag) => tag.trim()).filter(Boolean);
    if (!fresh.length) return Promise.resolve();
    return changeTags((tags) => {
      const have = new Set(tags.map(tagKey)), added = [];
      for (const tag of fresh) if (!have.has(tagKey(tag))) { have.add(tagKey(tag)); added.push(tag); }
      if (!added.length) mark("info", t`${fresh.join(", ")} ${fresh.length === 1 ? t`is` : t`are`} already here.`);
      return front ? [...added, ...tags] : [...tags, ...added];
    }, t`Added ${fresh.join(", ")}`);
  }

  /** Add what is in the box (and a suggestion that was taken) to the picture that is shown now. */
  function takeTyped({ front = false, also = "" } = {}) {
    const mine = current, typed = [...add.value.split(","), also].map((tag) => tag.trim()).filter(Boolean);
    add.value = "";
    helper.close();
    if (!mine) return Promise.resolve();
    mine.adding.push(...typed); // until it is in the draft of the caption, which may still be on its way
    keepTyped(mine);
    return addTags(typed, { front }).then(() => {
      mine.adding = mine.adding.filter((tag) => !typed.includes(tag));
      keepTyped(mine);
    });
  }

  box.addEventListener("input", () => { if (current?.edit && !box.readOnly) { drafts.change(current.edit, box.value); draw(); } });
  box.addEventListener("scroll", () => { mirror.scrollTop = box.scrollTop; }, { passive: true });
  /** Put text at the end of the text box, as if it had been typed there. */
  function type(text) {
    box.value += text;
    box.setSelectionRange(box.value.length, box.value.length);
    drafts.change(current.edit, box.value);
    draw();
  }

  function setView(next) {
    view = next === "text" ? "text" : "tags";
    remember("editor-view", view);
    tagsView.hidden = view !== "tags";
    raw.hidden = view !== "text";
    for (const button of switcher.children) button.setAttribute("aria-pressed", String(button.dataset.view === view));
    if (current?.edit) draw();
  }

  // --- a tag that was typed and not added yet ---------------------------------------------------
  const waitingTag = {
    key: (projectName, id) => `typing:${JSON.stringify([projectName, id])}`,
    get(projectName, id) { return recall(this.key(projectName, id), ""); },
    put(projectName, id, text) { if (text.trim()) remember(this.key(projectName, id), text); else forget(this.key(projectName, id)); },
  };
  const keepTyped = (mine) => waitingTag.put(mine.project, mine.row.id, [...mine.adding, mine === current ? add.value : mine.left].filter((text) => text.trim()).join(", "));
  add.addEventListener("input", () => { if (current) keepTyped(current); });

  // --- saying what happens ----------------------------------------------------------------------

  function mark(tone, text, extra = null) {
    status.className = `lb-save lb-tone-${tone || "info"}`;
    if (extra) replace(status, text, " ", extra); else say(status, text);
  }

  function state(edit) {
    conflict.hidden = !edit.conflict;
    if (edit.conflict) { differs(edit); return; }
    if (edit.state === "typing") mark("info", "…");
    else if (edit.state === "saving") mark("info", t`Saving…`);
    else if (edit.state === "saved") mark("ok", edit.said ? t`✓ Saved. ${edit.said}.` : t`✓ Saved`);
    else if (edit.state === "failed") mark("bad", t`Not saved: ${edit.message} It is kept in this browser and tried again.`);
    if (edit.state === "saved") edit.said = "";
  }

  /** The file changed under us: show both texts and let the person choose. */
  function differs(edit) {
    mark("warn", t`This caption was changed elsewhere meanwhile. Which one shall stay?`);
    const settle = (text) => { drafts.settle(edit, text); if (edit === current?.edit) { conflict.hidden = true; learn(edit); draw(); state(edit); } };
    replace(conflict, ...bothSides(edit, settle));
    conflict.hidden = false;
  }
  /** What waits at other pictures: conflicts, and a tag that was typed but not added. */
  function aside(left = null, typed = "") {
    const stuck = drafts.unsaved().filter((edit) => edit.conflict && edit !== current?.edit);
    const nodes = stuck.slice(0, 3).map((edit) => h("p", {}, t`${edit.id} was changed elsewhere; yours is kept here until you choose. `, h("button.lb-quiet", { type: "button", text: t`Look at it`, onclick: () => onWalk({ id: edit.id }) })));
    if (typed) {
      nodes.push(h("p", {}, t`“${typed}” was typed at ${left.row.name}, but not added. `, h("button.lb-quiet", { type: "button", text: t`Add it there`, onclick: async () => {
        waitingTag.put(left.project, left.row.id, "");
        elsewhere.hidden = true;
        const edit = await drafts.open(left.project, left.row.id), line = captionLine(edit.text);
        drafts.change(edit, line.with([...line.tags, ...typed.split(",").map((tag) => tag.trim()).filter(Boolean)]), { now: true });
        if (edit.id === current?.row.id) { add.value = ""; draw(); }
      } })));
    }
    replace(elsewhere, ...nodes);
    elsewhere.hidden = !nodes.length;
  }

  async function recoverAll(projectName) {
    await sheet?.recover(projectName);
    const { saved, waiting } = await drafts.recover(projectName);
    if (projectName !== current?.project) return;
    const others = saved.filter((id) => id !== current.row.id);
    if (others.length) mark("info", t`Saved what was still unsaved in ${plural(others.length, "caption")}.`);
    if (waiting.length) aside();
  }

  // --- undo, redo, looking ----------------------------------------------------------------------

  async function step(call, nothing, done) {
    const mine = current;
    if (!mine?.edit) return;
    chips.finish();
    await drafts.flush(mine.edit);
    if (mine.edit.conflict || mine.edit.text !== mine.edit.disk) return; // not saved, and said so
    try {
      const answer = await ask(call, { project: mine.project, id: mine.row.id });
      if (answer.nothing) { if (mine === current) mark("info", nothing); return; }
      drafts.adopt(mine.edit, answer);
      if (mine === current) { draw(); mark("ok", done); }
    } catch (error) {
      if (mine === current) mark("bad", error.message);
    }
  }
  const undo = () => step(server.lb_undo_picture, t`There is nothing to undo in this caption.`, t`✓ Undone`);
  const redo = () => step(server.lb_redo_picture, t`There is nothing to do again in this caption.`, t`✓ Done again`);

  function hide() {
    say(hider, preview.hide() ? t`Show` : t`Hide`);
  }

  /** The tools and the wiki follow the tag that the person is at. */
  function look(tag) {
    tools.hidden = tag === null;
    tools.tag = tag;
    if (tag === null) return;
    const at = () => chips.at;
    const button = (text, title, work, off = false, needs = "lb_save") => h("button.lb-quiet", { "data-needs": needs, type: "button", text, title, disabled: off, onclick: work });
    replace(tools, h("b.lb-chosen-tag", { text: tag }),
      button(t`To front`, "Alt+Home", () => { chips.move(at(), 0); chips.focus(0); }, at() === 0),
      button("←", t`One place forward (Alt+←)`, () => { chips.move(at(), at() - 1); chips.focus(); }, at() === 0),
      button("→", t`One place back (Alt+→)`, () => { chips.move(at(), at() + 1); chips.focus(); }, at() === chips.tags.length - 1),
      button(t`Rename`, t`F2 or Enter`, () => chips.rename(at())),
      button(t`What is it?`, t`What it means (I)`, () => wiki.show(tag), false, "lb_wiki"),
      sheet && button(t`All pictures …`, t`Yes or no for this tag in every picture (Y)`, () => sheet.open(current.project, tag), false, "lb_toggle"));
    wiki.follow(tag);
  }

  /** Give the editor its keys and its yes/no sheet. rows(): the pictures that are shown; changed(ids). */
  function connect({ element: part, rows, changed, actions }) {
    const step = (work) => async () => { await work(); await refresh(); };
    sheet = makeSheet({ server, rows, onUndo: step(actions.undo), onRedo: step(actions.redo), onChanged: (ids) => { changed(ids); refresh(); } });
    part.append(sheet.element);
    return attachKeys({ element: part, inspector: self, actions: { ...actions, sheet: (tag) => { if (current) { flush(); sheet.open(current.project, tag); } } } });
  }
  const flush = () => Promise.all(drafts.unsaved().map((edit) => drafts.flush(edit)));

  /** Look whether others wrote this caption. quiet: draw only when they did. */
  async function refresh({ quiet = false } = {}) {
    const mine = current;
    if (!mine?.edit) return;
    const changed = await drafts.refresh(mine.edit).catch(() => false);
    if (mine !== current || (quiet && !changed)) return;
    learn(mine.edit);
    draw();
    says.read();
    if (changed) mark("info", t`Shown anew: this caption was changed meanwhile.`);
  }
  hear(element, "captions", (said) => { if (said?.by !== "editor") refresh({ quiet: true }); }, { now: false });
  let heard = 0; // the version of the data set at the last heartbeat; another one may be this caption
  hear(element, "pulse", ({ version }) => {
    if (!version || version === heard) return;
    heard = version;
    refresh({ quiet: true });
  });

  // --- keys of the boxes; those of the page are in keys.js --------------------------------------
  const helper = attachCompletion(add, { ask: tagAsker(server, project), onTake: (tag) => takeTyped({ also: tag }) });
  const boxHelper = attachCompletion(box, { ask: tagAsker(server, project) });
  attachBoxKeys({ add, box, chips, takeTyped, onWalk, onOrder, undo, redo, queue: (letter) => { if (current) current.queue += letter; }, isShown: () => Boolean(current) });

  const self = {
    element, show, refresh, undo, redo, hide, wiki, chips, drafts,
    flush, connect,
    focusAdd: () => { if (view === "tags") add.focus(); else box.focus(); },
    focusTags() {
      setView("tags");
      if (current && !current.edit) { current.wantsTags = true; return false; } // as soon as they are here
      return chips.focus();
    },
    toggleView: () => { setView(view === "tags" ? "text" : "tags"); (view === "tags" ? add : box).focus(); },
    zoom: (by) => (by === 0 ? preview.reset() : preview.enlarge(by)),
    get shown() { return current?.row.id ?? null; },
    get focused() { return element.contains(document.activeElement); },
  };
  return self;
}
