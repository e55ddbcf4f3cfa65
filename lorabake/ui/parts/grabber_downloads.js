// Downloads of a project: how far each is, why pictures were left out, pause, resume, undo; updates.
/** onAct(what, row): "pause", "resume" or "undo"; onUpdate(): ask again for what is new. */
function makeGrabDownloads({ onAct, onUpdate }) {
  const list = h("div.lb-grab-jobs"), none = h("p.lb-muted.lb-hint", { text: t`Nothing was downloaded yet. Search, pick some pictures, and press Get.` });
  const update = h("button.lb-button", { type: "button", text: t`Update this dataset`, onclick: () => onUpdate() });
  const searches = h("ul.lb-grab-asked");
  const again = h("div.lb-grab-update", { hidden: true }, h("h3.lb-heading", { text: t`What is new since then` }),
    h("p.lb-muted", { text: t`Every search is asked once more, for posts that are newer than what it has brought.` }), searches, h("div.lb-line", {}, update));
  const root = h("div.lb-grab-downloads", {}, h("h3.lb-heading", { text: t`Downloads` }), none, list, again);
  const cards = new Map();
  let waits = [];

  const mib = (bytes) => (bytes < 2 ** 20 ? `${Math.ceil(bytes / 1024)} kB` : size(bytes / 2 ** 20));
  const title = (row) => (row.query === null ? t`${row.total === null ? t`Pictures` : plural(row.total, "picked picture")} into ${row.folder}` : t`${row.query || t`Everything`}, into ${row.folder}`);
  const active = (row) => ["running", "queued"].includes(row.state);
  function sentence(row) {
    const left = row.left_out ? t` · ${row.left_out.toLocaleString("en")} left out` : "";
    const far = row.total === null ? "" : t`${row.done.toLocaleString("en")} of ${plural(row.total, "picture")}`;
    if (row.state === "queued") return row.position ? t`Waits in the queue, ${plural(row.position, "job")} before it.` : t`Is next in the queue.`;
    if (row.state === "running") {
      if (row.wait) return t`${row.wait.host} asks for patience. Asked again in ${Math.ceil(row.wait.left)} s.`;
      const doing = { searching: t`Searching the boards`, looking: t`Looking at what is here already`, "taking in": t`Taking in what has come` }[row.doing] || "";
      const parts = [row.stopping ? t`Pausing…` : "", row.done ? "" : doing, far, row.bytes ? mib(row.bytes) : "", row.done && row.left !== null ? t`${span(row.left)} left` : ""];
      return parts.filter(Boolean).join(" · ") + left || t`Getting ready`;
    }
    const saved = t`${plural(row.saved, "picture")}${row.bytes ? `, ${mib(row.bytes)},` : ""} in ${row.folder}`;
    if (row.redo) return t`Taken back.`;
    if (row.state === "finished") return row.saved ? t`Saved ${saved}${left}.` : t`Nothing was saved${left}.`;
    const word = { stopped: t`Paused`, interrupted: t`Interrupted`, failed: t`Could not be finished` }[row.state] || row.state;
    return `${word}${far ? t` at ${far}` : ""}${row.saved ? `. ${saved}` : ""}${left}.`;
  }

  function card(row) {
    const heading = h("h4", { text: title(row) }), line = h("p.lb-grab-said"), meter = h("div.lb-meter", { role: "progressbar", "aria-label": title(row), "aria-valuemin": "0", "aria-valuemax": "100" }, h("i"));
    const trouble = h("p.lb-error", { hidden: true }), reasons = h("details.lb-details", { hidden: true }, h("summary"), h("ul.lb-grab-reasons"));
    const button = (what, text, ...classes) => h(["button.lb-button", ...classes].join("."), { type: "button", text, onclick: (event) => { event.target.disabled = true; onAct(what, node.row).finally(() => { event.target.disabled = false; }); } });
    const pause = button("pause", t`Pause`), resume = button("resume", t`Resume`), undo = button("undo", t`Undo`), redo = button("redo", t`Redo`);
    const node = h("article.lb-grab-job", {}, h("div.lb-grab-job-head", {}, h("div", {}, heading, line), h("div.lb-line", {}, pause, resume, undo, redo)), meter, trouble, reasons);
    const me = { root: node, row: null, set(next) {
      node.row = next;
      sayFigures(line, sentence(next));
      const share = next.total ? next.done / next.total : 0;
      meter.hidden = !active(next);
      meter.firstChild.style.width = `${(100 * share).toFixed(1)}%`;
      meter.setAttribute("aria-valuenow", String(Math.round(100 * share)));
      pause.hidden = !active(next);
      say(pause, next.state === "queued" ? t`Take out of the queue` : t`Pause`);
      pause.disabled = next.stopping;
      resume.hidden = !next.can_resume || active(next);
      say(heading, title(next));
      undo.hidden = !next.undo;
      redo.hidden = !next.redo;
      trouble.hidden = !(["failed", "interrupted"].includes(next.state) && next.text);
      say(trouble, spoken(next.text) || "");
      reasons.hidden = !next.left_out;
      say(reasons.firstChild, t`${plural(next.left_out, "picture")} left out, and why`);
      replace(reasons.lastChild, ...next.reasons.map((one) => h("li", {}, h("b", { text: `${one.count.toLocaleString("en")}× ` }), spoken(one.reason), h("small.lb-muted", { text: ` ${one.posts.slice(0, 12).join(", ")}${one.count > 12 ? " …" : ""}` }))));
    } };
    me.set(row);
    return me;
  }

  /** Seconds go down between two answers. */
  setInterval(() => { for (const row of waits) { row.wait.left -= 1; if (row.wait.left > 0) cards.get(row.place)?.set(row); } }, 1000);

  return {
    root, active,
    set(rows, asked) {
      none.hidden = rows.length > 0;
      for (const row of rows) {
        if (cards.has(row.place)) cards.get(row.place).set(row);
        else cards.set(row.place, card(row));
      }
      const order = rows.map((row) => cards.get(row.place).root);
      for (const place of [...cards.keys()]) if (!rows.some((row) => row.place === place)) cards.delete(place);
      if (order.length !== list.children.length || order.some((node, at) => node !== list.children[at])) replace(list, ...order);
      waits = rows.filter((row) => row.wait);
      again.hidden = !asked.length;
      replace(searches, ...asked.map((one) => h("li", {}, h("code.lb-mono", { text: one.text || t`everything` }), h("span.lb-muted", { text: t` on ${one.sites.join(", ")}, into ${one.folder}${one.time ? t`, last on ${new Date(one.time * 1000).toLocaleDateString("en", { day: "numeric", month: "short", year: "numeric" })}` : ""}` }))));
    },
    forget() { cards.clear(); replace(list); waits = []; },
  };
}
