/**
 * What is not on the server yet, kept in the browser: one entry per thing and tab, so that a reload, a
 * crash or a restart of the server loses nothing, and two tabs do not take each other's.
 *
 * keep(project, id, value): true when it is kept. drop(project, id).
 * abandoned(project, id?): entries that no living tab is at work on, [{ key, id, time, ...value }], newest first.
 */
function makeKeeper(prefix) {
  const ABANDONED = 10_000; // ms without a sign of life, where tabs cannot be seen
  const { name: tab, before } = (window.lorabake.tab ??= tabName());
  const alone = (window.lorabake.tabAlone ??= reloaded());
  const start = `lorabake:${prefix}:`;
  const keyOf = (project, id) => start + JSON.stringify([project, id, tab]);

  // Each load of the page has a name and holds a lock by it, so that others see whether it still lives.
  function tabName() {
    const name = crypto.getRandomValues(new Uint32Array(2)).join("-");
    let before = null;
    try { before = sessionStorage.getItem("lorabake:tab"); sessionStorage.setItem("lorabake:tab", name); } catch { /* private window */ }
    navigator.locks?.request(`lorabake-tab-${name}`, () => new Promise(() => {})).catch(() => {});
    return { name, before };
  }
  async function livingTabs() {
    const found = await navigator.locks?.query().catch(() => null);
    return new Set((found?.held || []).map((lock) => lock.name.replace("lorabake-tab-", "")));
  }
  /** A reloaded page waits a moment until the one before it has let go. */
  async function reloaded(tries = 10) {
    while (before && tries-- && (await livingTabs()).has(before)) await new Promise((done) => setTimeout(done, 100));
  }
  function stored() {
    try { return Object.keys(localStorage).filter((key) => key.startsWith(`${start}[`)); } catch { return []; }
  }

  function keep(project, id, value) {
    try { localStorage.setItem(keyOf(project, id), JSON.stringify({ ...value, time: Date.now() })); return true; } catch { return false; }
  }
  function drop(project, id) {
    try { localStorage.removeItem(keyOf(project, id)); } catch { /* private window */ }
  }
  async function abandoned(project, id = null) {
    const keys = stored().filter((key) => key.startsWith(`${start}[${JSON.stringify(project)},`));
    if (!keys.length) return [];
    await alone;
    const found = [], living = navigator.locks ? await livingTabs() : null;
    for (const key of keys) {
      try {
        const [, itsId, itsTab] = JSON.parse(key.slice(start.length));
        const value = JSON.parse(localStorage.getItem(key));
        // Without locks (a page that is not from this machine) only time can tell.
        const alive = living ? living.has(itsTab) && itsTab !== tab : ![tab, before].includes(itsTab) && Date.now() - value.time < ABANDONED;
        if (!alive && (id === null || itsId === id)) found.push({ ...value, key, id: itsId });
      } catch { /* not one of ours */ }
    }
    return found.sort((one, other) => other.time - one.time);
  }
  return { keep, drop, abandoned, remove: (key) => { try { localStorage.removeItem(key); } catch { /* private window */ } } };
}

/**
 * Captions being edited. An edit carries its own picture and the hash of the text it began with, so a
 * fast click cannot write a caption to another picture, and a file that changed meanwhile is noticed.
 * What is not saved yet also lies in the browser's storage, one entry per picture and tab.
 *
 * edit: { project, id, text, disk, base, note, tags, state, message, conflict, restored }
 *   text: as it is here; disk: as it was last read or written; base: the hash of `disk`.
 *   sent: texts whose saving got no answer; one of them may be on disk, and is no conflict.
 *   tags: [[tag, category, origin]] of what the server knows; conflict: null or { text, hash }.
 *   state: "clean", "typing", "saving", "saved", "failed", "conflict".
 * onState(edit): state, message or conflict changed. onSaved(edit): a text has reached the disk.
 */
function makeDrafts({ server, onState, onSaved }) {
  const PAUSE = 500; // ms from the last key to the save
  const MANY = 20; // texts that may be on their way
  const keeper = makeKeeper("draft");
  const lives = new Map(); // every edit that is open or not yet saved
  const keyOf = (project, id) => JSON.stringify([project, id]);
  const settled = (edit) => edit.text === edit.disk && !edit.flight && !edit.conflict;

  function keep(edit) { edit.kept = keeper.keep(edit.project, edit.id, { base: edit.base, text: edit.text, sent: edit.sent }); }
  function drop(edit) { edit.kept = false; keeper.drop(edit.project, edit.id); }

  const bare = (text) => text.replace(/\r\n?/g, "\n").replace(/\n$/, "");
  const mine = (edit, text) => edit.sent.some((sent) => bare(sent) === bare(text));

  function set(edit, state, message = "") {
    edit.state = state;
    edit.message = message;
    onState(edit);
  }

  /** The edit of a picture: the one that is not saved yet, else what is on disk with its draft. */
  async function open(project, id) {
    const key = keyOf(project, id);
    const live = lives.get(key);
    if (live && !settled(live)) return live;
    const [answer, [draft]] = await Promise.all([ask(server.lb_open, { project, id }), keeper.abandoned(project, id)]);
    const raced = lives.get(key); // opened twice at once: the first one may have been typed in
    if (raced && raced !== live) return raced;
    const edit = { project, id, ...read(answer), sent: [], state: "clean", message: "", conflict: null, flight: null, timer: 0 };
    lives.set(key, edit);
    if (draft) restore(edit, draft, answer);
    return edit;
  }

  const read = (answer) => ({ text: answer.text, disk: answer.text, base: answer.hash, note: answer.note || "", tags: answer.tags || [] });

  function restore(edit, draft, answer) {
    if (typeof draft.text !== "string" || draft.text === answer.text) { keeper.remove(draft.key); return; }
    Object.assign(edit, { text: draft.text, sent: draft.sent || [], restored: true });
    keeper.remove(draft.key);
    keep(edit); // under this tab's name
    if (draft.base === answer.hash || mine(edit, answer.text)) { save(edit); return; }
    edit.conflict = { text: answer.text, hash: answer.hash };
    set(edit, "conflict");
  }

  /** Save what was left behind by a tab that is gone; { saved, waiting } are ids. */
  async function recover(project) {
    const saved = [], waiting = [];
    for (const draft of await keeper.abandoned(project)) {
      const live = lives.get(keyOf(project, draft.id));
      if (live && !settled(live)) continue;
      try {
        const edit = await open(project, draft.id);
        await flush(edit);
        if (edit.restored) (settled(edit) ? saved : waiting).push(draft.id);
      } catch { waiting.push(draft.id); /* the picture is gone, or the server: the draft stays */ }
    }
    return { saved, waiting };
  }

  /** Other text from the person, saved a moment after the last change; now: it is a step of its own. */
  function change(edit, text, { now = false } = {}) {
    if (text === edit.text) return;
    edit.text = text;
    edit.typing = !now;
    lives.set(keyOf(edit.project, edit.id), edit);
    keep(edit);
    if (edit.conflict) { onState(edit); return; }
    set(edit, "typing");
    clearTimeout(edit.timer);
    if (now) save(edit); else edit.timer = setTimeout(() => save(edit), PAUSE);
  }

  function flush(edit) {
    return edit && edit.text !== edit.disk && !edit.conflict ? save(edit) : edit?.flight || Promise.resolve();
  }

  function save(edit) {
    clearTimeout(edit.timer);
    if (edit.conflict) return Promise.resolve();
    edit.flight ??= write(edit).finally(() => { edit.flight = null; });
    return edit.flight;
  }

  async function write(edit) {
    while (edit.text !== edit.disk) {
      const text = edit.text;
      edit.sent = [...edit.sent.filter((other) => other !== text).slice(-MANY), text];
      keep(edit);
      set(edit, "saving");
      let answer;
      try {
        answer = await ask(server.lb_save, { project: edit.project, id: edit.id, text, base_hash: edit.base, typing: Boolean(edit.typing) });
      } catch (error) {
        // A sentence from the server will hardly change by itself; a server that is gone comes back.
        edit.timer = setTimeout(() => save(edit), error.error ? 10_000 : 2000);
        set(edit, "failed", error.message);
        return;
      }
      if (answer.conflict !== undefined && mine(edit, answer.conflict)) { // it was saved, only the answer was lost
        Object.assign(edit, { base: answer.hash, disk: answer.conflict, sent: [] });
        onSaved(edit);
        continue;
      }
      if (answer.conflict !== undefined) {
        edit.conflict = { text: answer.conflict, hash: answer.hash };
        keep(edit);
        set(edit, "conflict");
        return;
      }
      Object.assign(edit, { base: answer.hash, disk: text, sent: [], note: "", tags: answer.tags || edit.tags });
      if (edit.text === text) drop(edit); else keep(edit);
      onSaved(edit);
    }
    drop(edit); // typed and taken back before it was saved
    set(edit, edit.state === "typing" ? "clean" : "saved");
  }

  /** Which of the two texts of a conflict shall stay: "mine", "theirs", or both in `text`. */
  function settle(edit, text) {
    const { text: theirs, hash } = edit.conflict;
    Object.assign(edit, { conflict: null, base: hash, disk: theirs, text, sent: [] });
    if (text === theirs) { drop(edit); set(edit, "saved"); onSaved(edit); return Promise.resolve(); }
    keep(edit);
    return save(edit);
  }

  /** Take an answer of the server as what is on disk, after an undo or when others wrote it. */
  function adopt(edit, answer) {
    Object.assign(edit, read(answer), { restored: false, sent: [] });
    drop(edit);
    onSaved(edit);
  }

  /** Read the file again, unless there is unsaved text: then saving will tell. True when it differs. */
  async function refresh(edit) {
    if (!settled(edit)) return false;
    const answer = await ask(server.lb_open, { project: edit.project, id: edit.id });
    if (!settled(edit)) return false;
    edit.tags = answer.tags; // a tag may have another origin or category now
    if (answer.hash === edit.base) return false;
    Object.assign(edit, read(answer));
    return true;
  }

  /** No longer shown. What is not saved yet goes on trying. */
  function close(edit) {
    flush(edit);
    if (settled(edit)) lives.delete(keyOf(edit.project, edit.id));
  }

  const unsaved = () => [...lives.values()].filter((edit) => !settled(edit));
  // What could be kept nowhere must not be closed by accident; all else is tried once more, and kept.
  window.addEventListener("beforeunload", (event) => {
    for (const edit of unsaved()) { if (edit.text !== edit.disk && !edit.kept) event.preventDefault(); flush(edit); }
  });
  document.addEventListener("visibilitychange", () => { if (document.hidden) for (const edit of unsaved()) flush(edit); });

  return { open, close, change, flush, settle, adopt, refresh, recover, unsaved, settled };
}
