// Downloads of a project: how far each is, why pictures were left out, pause, resume, undo; updates.
/** onAct(what, row): "pause", "resume" or "undo"; onUpdate(): ask again for what is new. */
function makeGrabDownloads({ onAct, onUpdate }) {
  const list = h("div.lb-grab-jobs"), none = h("p.lb-muted.lb-hint", { text: "Nothing was downloaded yet. Search, pick some pictures, and press Get." });
  const update = h("button.lb-button", { type: "button", text: "Update this dataset", onclick: () => onUpdate() });
  const searches = h("ul.lb-grab-asked");
  const again = h("div.lb-grab-update", { hidden: true }, h("h3.lb-heading", { text: "What is new since then" }),
    h("p.lb-muted", { text: "Every search is asked once more, for posts that are newer than what it has brought." }), searches, h("div.lb-line", {}, update));
  const root = h("div.lb-grab-downloads", {}, h("h3.lb-heading", { text: "Downloads" }), none, list, again);
  const cards = new Map();
  let waits = [];

  const mib = (bytes) => (bytes < 2 ** 20 ? `${Math.ceil(bytes / 1024)} kB` : size(bytes / 2 ** 20));
  const title = (row) => (row.query === null ? `${row.total === null ? "Pictures" : plural(row.total, "picked picture")} into ${row.folder}` : `${row.query || "Everything"}, into ${row.folder}`);
  const active = (row) => ["running", "queued"].includes(row.state);
  function sentence(row) {
    const left = row.left_out ? ` · ${row.left_out.toLocaleString("en")} left out` : "";
    const far = row.total === null ? "" : `${row.done.toLocaleString("en")} of ${plural(row.total, "picture")}`;
    if (row.state === "queued") return row.position ? `Waits in the queue, ${plural(row.position, "job")} before it.` : "Is next in the queue.";
    if (row.state === "running") {
      if (row.wait) return `${row.wait.host} asks for patience. Asked again in ${Math.ceil(row.wait.left)} s.`;
      const doing = { searching: "Searching the boards", looking: "Looking at what is here already", "taking in": "Taking in what has come" }[row.doing] || "";
      const parts = [row.stopping ? "Pausing…" : "", row.done ? "" : doing, far, row.bytes ? mib(row.bytes) : "", row.done && row.left !== null ? `${span(row.left)} left` : ""];
      return parts.filter(Boolean).join(" · ") + left || "Getting ready";
    }
    const saved = `${plural(row.saved, "picture")}${row.bytes ? `, ${mib(row.bytes)},` : ""} in ${row.folder}`;
    if (row.redo) return "Taken back.";
    if (row.state === "finished") return row.saved ? `Saved ${saved}${left}.` : `Nothing was saved${left}.`;
    const word = { stopped: "Paused", interrupted: "Interrupted", failed: "Could not be finished" }[row.state] || row.state;
    return `${word}${far ? ` at ${far}` : ""}${row.saved ? `. ${saved}` : ""}${left}.`;
  }

  function card(row) {
    const heading = h("h4", { text: title(row) }), line = h("p.lb-grab-said"), meter = h("div.lb-meter", { role: "progressbar", "aria-label": title(row), "aria-valuemin": "0", "aria-valuemax": "100" }, h("i"));
    const trouble = h("p.lb-error", { hidden: true }), reasons = h("details.lb-details", { hidden: true }, h("summary"), h("ul.lb-grab-reasons"));
    const button = (what, text, ...classes) => h(["button.lb-button", ...classes].join("."), { type: "button", text, onclick: (event) => { event.target.disabled = true; onAct(what, node.row).finally(() => { event.target.disabled = false; }); } });
    const pause = button("pause", "Pause"), resume = button("resume", "Resume"), undo = button("undo", "Undo"), redo = button("redo", "Redo");
    const node = h("article.lb-grab-job", {}, h("div.lb-grab-job-head", {}, h("div", {}, heading, line), h("div.lb-line", {}, pause, resume, undo, redo)), meter, trouble, reasons);
    const me = { root: node, row: null, set(next) {
      node.row = next;
      sayFigures(line, sentence(next));
      const share = next.total ? next.done / next.total : 0;
      meter.hidden = !active(next);
      meter.firstChild.style.width = `${(100 * share).toFixed(1)}%`;
      meter.setAttribute("aria-valuenow", String(Math.round(100 * share)));
      pause.hidden = !active(next);
      say(pause, next.state === "queued" ? "Take out of the queue" : "Pause");
      pause.disabled = next.stopping;
      resume.hidden = !next.can_resume || active(next);
      say(heading, title(next));
      undo.hidden = !next.undo;
      redo.hidden = !next.redo;
      trouble.hidden = !(["failed", "interrupted"].includes(next.state) && next.text);
      say(trouble, next.text || "");
      reasons.hidden = !next.left_out;
      say(reasons.firstChild, `${plural(next.left_out, "picture")} left out, and why`);
      replace(reasons.lastChild, ...next.reasons.map((one) => h("li", {}, h("b", { text: `${one.count.toLocaleString("en")}× ` }), one.reason, h("small.lb-muted", { text: ` ${one.posts.slice(0, 12).join(", ")}${one.count > 12 ? " …" : ""}` }))));
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
      replace(searches, ...asked.map((one) => h("li", {}, h("code.lb-mono", { text: one.text || "everything" }), h("span.lb-muted", { text: ` on ${one.sites.join(", ")}, into ${one.folder}${one.time ? `, last on ${new Date(one.time * 1000).toLocaleDateString("en", { day: "numeric", month: "short", year: "numeric" })}` : ""}` }))));
    },
    forget() { cards.clear(); replace(list); waits = []; },
  };
}
