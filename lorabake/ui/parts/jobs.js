/**
 * Jobs as a list: what runs, what waits, what ended lately. Each row stays the same node while its
 * figures change, so that the keyboard and the mouse keep their place.
 *
 * act(call, place, more): ask the server and look again. onSee(row): where its result can be looked
 * at, or null; without it there is no such button.
 */
function makeJobs(server, act, { onSee = null } = {}) {
  const STATES = { running: "running", queued: "waiting", finished: "done", failed: "failed", stopped: "stopped", interrupted: "interrupted" };
  const TONES = { running: "info", queued: "info", finished: "ok", failed: "bad", stopped: "warn", interrupted: "warn" };
  const KINDS = { train: "Bake", grid: "Grid", tag: "Tags", enhance: "Pictures", grab: "Download", verdict: "Measuring" };
  const root = h("ul.lb-jobs");
  const rows = new Map(); // place → its nodes

  const started = (row) => ["running", "queued"].includes(row.state);
  /** What a running job is at; the last part is when it will be over. */
  function told(row) {
    if (row.state !== "running") return row.result || row.text || "";
    if (row.stopping) return "Stopping: what was begun is finished and saved first.";
    if (!row.step) return row.doing || "Getting ready";
    const parts = [`${row.kind === "train" ? "step" : "picture"} ${row.step} of ${row.steps}`];
    if (row.epochs > 1) parts.unshift(`Epoch ${row.epoch} of ${row.epochs}`);
    if (row.left !== null) parts.push(row.left < 60 ? `${span(row.left)} left` : `ready about ${clock(new Date(Date.now() + 1000 * row.left))}`);
    return parts.join(" · ");
  }

  function buttons(row) {
    const made = [];
    const add = (text, work) => made.push(h("button.lb-quiet", { type: "button", text, "aria-label": `${text}: ${row.title}`, onclick: work }));
    if (row.position) add("Earlier", () => act(server.lb_move, row.place, { position: row.position - 1 }));
    if (row.state === "queued") add("Take out", () => act(server.lb_stop, row.place));
    if (row.state === "running" && !row.stopping) add("Stop", () => act(server.lb_stop, row.place));
    if (row.can_resume) add("Resume", () => act(server.lb_resume, row.place));
    const see = onSee?.(row);
    if (see) add(see.text, see.work);
    if (!started(row)) add("Off the list", () => act(server.lb_remove, row.place));
    return made;
  }

  function make(row) {
    const state = h("span.lb-job-state"), about = h("span.lb-muted.lb-job-about"), said = h("p.lb-job-said"), place = h("span.lb-job-buttons");
    const meter = h("div.lb-meter", { role: "progressbar", "aria-label": `Progress: ${row.title}`, "aria-valuemin": "0", "aria-valuemax": "100" }, h("i"));
    const node = h("li", {}, h("span.lb-job-kind", { text: KINDS[row.kind] || "Job" }), h("b", { text: row.title }), about, state, place, meter, said);
    return { node, state, about, said, place, meter, key: "" };
  }

  function fill(one, row) {
    one.state.className = `lb-job-state lb-tone-${TONES[row.state] || "info"}`;
    say(one.state, row.stopping ? "stopping" : STATES[row.state] || row.state);
    const other = row.project && !row.title.startsWith(row.project) ? row.project : "";
    say(one.about, other);
    one.about.hidden = !other;
    say(one.said, told(row));
    one.said.hidden = !one.said.textContent;
    const share = row.state === "running" && row.steps ? Math.round((100 * row.step) / row.steps) : null;
    one.meter.hidden = share === null;
    if (share !== null) {
      one.meter.firstChild.style.width = `${share}%`;
      one.meter.setAttribute("aria-valuenow", String(share));
    }
    const key = JSON.stringify([row.state, row.position, row.stopping, row.can_resume, Boolean(onSee?.(row))]);
    if (one.key === key) return;
    one.key = key;
    const held = one.place.contains(document.activeElement);
    replace(one.place, ...buttons(row));
    if (held) one.place.querySelector("button")?.focus();
  }

  /** Show these; a row that is still there keeps its node. */
  function draw(listed) {
    for (const [place, one] of rows) {
      if (listed.some((row) => row.place === place)) continue;
      one.node.remove();
      rows.delete(place);
    }
    listed.forEach((row, at) => {
      if (!rows.has(row.place)) rows.set(row.place, make(row));
      const one = rows.get(row.place);
      fill(one, row);
      if (root.children[at] !== one.node) root.insertBefore(one.node, root.children[at] || null);
    });
    root.hidden = !listed.length;
  }

  return { root, draw };
}
