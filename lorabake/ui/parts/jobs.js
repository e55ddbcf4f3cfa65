/**
 * Jobs as a list: what runs, what waits, what ended lately. Each row stays the same node while its
 * figures change, so that the keyboard and the mouse keep their place.
 *
 * act(call, place, more): ask the server and look again. onSee(row): where its result can be looked
 * at, or null; without it there is no such button.
 */
function makeJobs(server, act, { onSee = null } = {}) {
  const STATES = { running: t`running`, queued: t`waiting`, finished: t`done`, failed: t`failed`, stopped: t`stopped`, interrupted: t`interrupted` };
  const TONES = { running: "info", queued: "info", finished: "ok", failed: "bad", stopped: "warn", interrupted: "warn" };
  const KINDS = { train: t`Bake`, grid: t`Grid`, tag: t`Tags`, enhance: t`Pictures`, grab: t`Download`, verdict: t`Measuring` };
  const root = h("ul.lb-jobs");
  const rows = new Map(); // place → its nodes

  const started = (row) => ["running", "queued"].includes(row.state);
  /** What a running job is at; the last part is when it will be over. */
  function told(row) {
    if (row.state !== "running") return spoken(row.result || row.text || "");
    if (row.stopping) return t`Stopping: what was begun is finished and saved first.`;
    if (!row.step) return spoken(row.doing) || t`Getting ready`;
    const parts = [t`${row.kind === "train" ? t`step` : t`picture`} ${row.step} of ${row.steps}`];
    if (row.epochs > 1) parts.unshift(t`Epoch ${row.epoch} of ${row.epochs}`);
    if (row.left !== null) parts.push(row.left < 60 ? t`${span(row.left)} left` : t`ready about ${clock(new Date(Date.now() + 1000 * row.left))}`);
    return parts.join(" · ");
  }

  function buttons(row) {
    const made = [];
    const add = (text, work, needs) => made.push(h("button.lb-quiet", { "data-needs": needs, type: "button", text, "aria-label": `${text}: ${spoken(row.title)}`, onclick: work }));
    if (row.position) add(t`Earlier`, () => act(server.lb_move, row.place, { position: row.position - 1 }), "lb_move");
    if (row.state === "queued") add(t`Take out`, () => act(server.lb_stop, row.place), "lb_stop");
    if (row.state === "running" && !row.stopping) add(t`Stop`, () => act(server.lb_stop, row.place), "lb_stop");
    if (row.can_resume) add(t`Resume`, () => act(server.lb_resume, row.place), "lb_resume");
    const see = onSee?.(row);
    if (see) add(see.text, see.work);
    if (!started(row)) add(t`Off the list`, () => act(server.lb_remove, row.place), "lb_remove");
    return made;
  }

  function make(row) {
    const state = h("span.lb-job-state"), about = h("span.lb-muted.lb-job-about"), said = h("p.lb-job-said"), place = h("span.lb-job-buttons");
    const meter = h("div.lb-meter", { role: "progressbar", "aria-label": t`Progress: ${spoken(row.title)}`, "aria-valuemin": "0", "aria-valuemax": "100" }, h("i"));
    const node = h("li", {}, h("span.lb-job-kind", { text: KINDS[row.kind] || t`Job` }), h("b", { text: spoken(row.title) }), about, state, place, meter, said);
    return { node, state, about, said, place, meter, key: "" };
  }

  function fill(one, row) {
    one.state.className = `lb-job-state lb-tone-${TONES[row.state] || "info"}`;
    say(one.state, row.stopping ? t`stopping` : STATES[row.state] || row.state);
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
