/**
 * The yes/no sheet: one tag over many pictures, a grid of switches. What is switched in one go is one
 * step of the history; until the server has it, it lies in the browser.
 *
 * rows(): the pictures to show. onChanged(ids): captions were changed. onUndo(), onRedo() → Promise.
 * open(project, tag), close().
 */
function makeSheet({ server, rows, onChanged = () => {}, onUndo = null, onRedo = null, onClosed = () => {} }) {
  const PAUSE = 500; // ms without a switch end a step
  const keeper = makeKeeper("toggles");
  let project = "", tag = "", has = new Set(), says = {}, known = false, shownRows = [], turn = 0, timer = 0;
  const waiting = new Map(); // id → wanted, not sent yet
  let flight = null;

  const field = h("input.lb-input.lb-sheet-tag", { type: "text", placeholder: t`Which tag?`, "aria-label": t`The tag to look through`, spellcheck: "false", autocomplete: "off", autocapitalize: "off" });
  const filter = h("select.lb-select", { "aria-label": t`Which pictures`, onchange: () => list() });
  const counts = h("span.lb-sheet-counts", { role: "status" });
  const said = h("span.lb-save", { role: "status" });
  const undo = h("button.lb-quiet", { "data-needs": "lb_undo", type: "button", text: t`↶ Undo`, title: t`Ctrl+Z`, onclick: () => step(onUndo) });
  const redo = h("button.lb-quiet", { "data-needs": "lb_redo", type: "button", text: t`↷ Redo`, title: t`Ctrl+Shift+Z`, onclick: () => step(onRedo) });
  const view = h("div.lb-sheet-view");
  const element = h("dialog.lb-sheet", { "aria-label": t`One tag over all pictures` },
    h("div.lb-line.lb-sheet-head", {}, h("b", { text: t`Yes or no:` }), field, filter, counts, h("span.lb-grow"), undo, redo,
      h("button.lb-button", { type: "button", text: t`Close`, onclick: () => close() })),
    h("p.lb-muted.lb-sheet-keys", {}, h("kbd", { text: "Y" }), t` yes and on, `, h("kbd", { text: "N" }), t` no and on, `, h("kbd", { text: t`Space` }), t` switch, arrow keys walk, `, h("kbd", { text: "/" }), t` another tag`),
    view, said);
  const helper = attachCompletion(field, { ask: tagAsker(server, () => project), onTake: (taken) => { field.value = taken; look(taken); grid.focus(); }, separator: "" });

  const grid = makeGrid(view, {
    label: t`Pictures with and without the tag`, multiple: true, smallest: 148, tall: (width) => width + 34,
    draw(cell, row) {
      cell.classList.add("lb-sheet-cell");
      cell.title = row.name;
      cell.append(h("img", { src: `/lorabake/thumb/${encodeURIComponent(project)}/${row.sha}`, alt: row.name, decoding: "async", draggable: "false" }), h("div.lb-sheet-foot", {}, h("b"), h("span")));
    },
    mark(cell, row) {
      const yes = has.has(row.id), sure = says[row.id];
      cell.setAttribute("aria-selected", String(yes));
      const [answer, tagger] = cell.lastChild.children;
      say(answer, yes ? t`✓ yes` : t`✗ no`);
      say(tagger, known ? (sure === undefined ? t`tagger: no` : t`tagger: ${Math.round(100 * sure)} %`) : "");
      tagger.classList.toggle("lb-differs", differs(row.id));
    },
    onChoose(index, how) { if (!how.keys) flip(index); },
    onKey(event, index) {
      const key = event.key.toLowerCase();
      if (key === " ") flip(index);
      else if (key === "y" || key === "n") { set(index, key === "y"); grid.step(1); }
      else if (key === "/") { field.focus(); field.select(); }
      else return false;
      return true;
    },
  });

  /** The tagger is of another opinion: it is at least half sure of what is not there, or the reverse. */
  const differs = (id) => known && has.has(id) !== ((says[id] ?? 0) >= 0.5);

  async function open(projectName, wanted = "") {
    project = projectName;
    if (!element.open) element.showModal();
    field.value = wanted;
    if (!wanted) { look(""); field.focus(); return; }
    await look(wanted);
    grid.focus();
    if (shownRows.length) grid.activate(0);
  }

  /** Show which pictures have this tag. */
  async function look(wanted, { keep = false } = {}) {
    await flush();
    const mine = (turn += 1);
    if (wanted !== tag) waiting.clear();
    tag = wanted.trim();
    if (!tag) { has = new Set(); says = {}; known = false; shownRows = []; grid.setRows([]); say(counts, ""); return; }
    let answer;
    try { answer = await ask(server.lb_sheet, { project, tag }); } catch (error) { if (mine === turn) mark("bad", error.message); return; }
    if (mine !== turn) return;
    has = new Set(answer.has);
    for (const [id, yes] of waiting) if (yes) has.add(id); else has.delete(id);
    ({ says, known } = answer);
    const kept = keep ? filter.value : "all";
    replace(filter, ...[["all", t`All pictures`], ["yes", t`With the tag`], ["no", t`Without it`], ...(known ? [["differs", t`Where the tagger differs`]] : [])].map(([value, text]) => h("option", { value, text })));
    filter.value = [...filter.options].some((option) => option.value === kept) ? kept : "all";
    list({ keep });
    if (!keep) mark("", "");
  }

  function list({ keep = false } = {}) {
    const want = filter.value;
    shownRows = rows().filter((row) => want === "all" || (want === "differs" ? differs(row.id) : has.has(row.id) === (want === "yes")));
    grid.setRows(shownRows, { keep });
    count();
  }
  function count() {
    const all = rows(), yes = all.reduce((sum, row) => sum + has.has(row.id), 0);
    say(counts, t`${yes.toLocaleString("en")} yes · ${(all.length - yes).toLocaleString("en")} no`);
  }

  const flip = (index) => set(index, !has.has(shownRows[index]?.id));
  function set(index, yes) {
    const row = shownRows[index];
    if (!row || !tag || has.has(row.id) === yes) return;
    if (yes) has.add(row.id); else has.delete(row.id);
    waiting.set(row.id, yes);
    keeper.keep(project, tag, { changes: [...waiting] });
    grid.refresh(index); // it stays where it is, also when the filter no longer fits, until the list is made anew
    count();
    mark("info", "…");
    clearTimeout(timer);
    timer = setTimeout(flush, PAUSE);
  }

  /** Send what was switched; one sending at a time. */
  function flush() {
    clearTimeout(timer);
    if (!waiting.size) return flight || Promise.resolve();
    flight ??= send().finally(() => { flight = null; });
    return flight;
  }
  async function send() {
    while (waiting.size) {
      const changes = [...waiting], asked = { project, tag, changes };
      mark("info", t`Saving…`);
      let answer;
      try { answer = await ask(server.lb_toggle, asked); } catch (error) {
        mark("bad", t`Not saved: ${error.message} It is kept in this browser and tried again.`);
        timer = setTimeout(flush, error.error ? 10_000 : 2000);
        return;
      }
      for (const [id, yes] of changes) if (waiting.get(id) === yes) waiting.delete(id);
      if (waiting.size) keeper.keep(asked.project, asked.tag, { changes: [...waiting] }); else keeper.drop(asked.project, asked.tag);
      for (const [id] of answer.skipped) { if (has.has(id)) has.delete(id); else has.add(id); }
      if (answer.skipped.length) { grid.refresh(); count(); mark("warn", answer.skipped[0][1]); }
      else mark("ok", t`✓ Saved in ${plural(answer.changed.length, "caption")}`);
      if (answer.changed.length) onChanged(answer.changed);
    }
  }

  /** Switches of a page that is gone before the server had them. */
  async function recover(projectName) {
    let count = 0;
    for (const left of await keeper.abandoned(projectName)) {
      try {
        const answer = await ask(server.lb_toggle, { project: projectName, tag: left.id, changes: left.changes });
        keeper.remove(left.key);
        count += answer.changed.length;
        if (answer.changed.length) onChanged(answer.changed);
      } catch { /* kept for the next time */ }
    }
    return count;
  }

  async function step(work) {
    if (!work || !tag) return;
    await flush();
    if (waiting.size) return; // not saved, and said so
    await work();
    await look(tag, { keep: true });
    mark("ok", t`✓ Shown as it is now`);
  }

  async function close() {
    helper.close();
    element.close();
  }
  element.addEventListener("close", () => { flush(); onClosed(); });
  element.addEventListener("cancel", (event) => { if (helper.isOpen()) { event.preventDefault(); helper.close(); } });
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault();
    look(field.value).then(() => { grid.focus(); if (shownRows.length) grid.activate(0); });
  });
  element.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.target === field) return;
    const key = event.key.toLowerCase();
    if (key === "z") { event.preventDefault(); step(event.shiftKey ? onRedo : onUndo); }
    if (key === "y") { event.preventDefault(); step(onRedo); }
  });

  function mark(tone, text) {
    said.className = `lb-save lb-tone-${tone || "info"}`;
    say(said, text);
  }

  return { element, open, close, flush, recover, get isOpen() { return element.open; }, get waiting() { return waiting.size; } };
}
