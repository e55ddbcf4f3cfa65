/**
 * A grid on the page: how far it is, its table, the large view, and what is done with a cell.
 *
 * where(): { project, run }; onAdded(): pictures came into the data set; look(): read the grid again.
 *
 * mount(extra) puts what others make around it; every part of an extra may be left out:
 *   above, below   nodes above and below the table
 *   inLarge        a node in the large view, under its buttons
 *   inCell(cell)   a node over each picture of the table
 *   draw(view)     the grid was read again, each second while it is rendered
 *   focused(cell)  another cell is chosen
 *   clear()        another grid or project: nothing is asked any more
 * A cell is { at: [x, y, z], name, label, state: "done" | "waiting" | "failed", error, epoch, weight, why }.
 */
function makeBoard({ server, where, onAdded, look }) {
  let view = null;
  const extras = [];

  const address = (name, kind = "cell") => `/lorabake/${kind}/${[where().project, where().run, view.name, name].map(encodeURIComponent).join("/")}`;
  const ofGrid = (kind, ...more) => `/lorabake/${kind}/${[where().project, where().run, view.name, ...more].map(encodeURIComponent).join("/")}`;
  const label = (cell) => spoken(cell.label);
  const cellOf = (name) => view.cells.find((cell) => cell.name === name);

  // --- parts -----------------------------------------------------------------------------------
  const stop = h("button.lb-button.lb-danger", { "data-needs": "lb_stop", type: "button", text: t`Stop rendering`, onclick: () => act(server.lb_stop, { place: view.place }) });
  const resume = h("button.lb-button", { "data-needs": "lb_resume", type: "button", text: t`Resume`, onclick: () => act(server.lb_resume, { place: view.place }) });
  const retry = h("button.lb-button", { "data-needs": "lb_grid_retry", type: "button", onclick: () => act(server.lb_grid_retry, { ...where(), grid: view.name }) });
  const sheet = h("a.lb-button", { target: "_blank", rel: "noopener", text: t`Open the sheet as PNG` });
  const subSheet = h("a.lb-button", { target: "_blank", rel: "noopener" });
  const friend = h("button.lb-button", { type: "button", id: "lb-grid-friend", text: t`Page for a friend`, title: t`One HTML file with all pictures: axes to pick, zoom, compare, vote. It needs no lorabake.`, onclick: page });
  const buttons = h("div.lb-line", {}, stop, resume, retry, sheet, subSheet, friend);
  const line = h("p.lb-progress-line", { role: "status" });
  const meter = h("div.lb-meter", { role: "progressbar", "aria-label": t`Pictures rendered`, "aria-valuemin": "0" }, h("i"));
  const trouble = h("div");
  const said = h("div", { "aria-live": "polite" });
  const prompt = h("p.lb-mono.lb-muted.lb-prompt");
  const above = h("div.lb-board-above"), below = h("div.lb-board-below");

  const table = makeGridTable({
    address, open: () => large.open(),
    focused: (cell) => { zSheet(cell.at[2]); useThis.chosen(usable(cell), cell.state === "done" ? cell.why : ""); for (const extra of extras) extra.focused?.(cell); },
    ticked: (names) => bakeAgain.set(names),
    inCell: (cell) => extras.map((extra) => extra.inCell?.(cell)).filter(Boolean),
  });
  const large = makeLarge({ table, view: () => view, address });
  const bakeAgain = makeAgain({
    server, where: () => ({ ...where(), grid: view.name }), picture: address, label: (name) => label(cellOf(name)),
    onUntick: (names) => { table.untick(names); large.refresh(); }, onAdded,
  });
  const useThis = makeHandover({
    server, label: () => table.current().label, onOpen: () => large.close(),
    where: () => { const { name, epoch, weight } = table.current(); return { ...where(), grid: view.name, picture: name, epoch, weight }; },
  });
  const usable = (cell) => cell.state === "done" && !cell.why;
  large.slot.append(useThis.inLarge);
  const root = h("div.lb-board-rest", { hidden: true }, buttons, line, meter, trouble, said, prompt, above, table.root, useThis.root, below, bakeAgain.bar, bakeAgain.root);

  function zSheet(z) {
    say(subSheet, t`Open sheet ${z + 1} alone`);
    subSheet.title = view.sheets[z];
    subSheet.href = ofGrid("sheet", String(z + 1));
  }

  async function act(call, data) {
    try { await ask(call, data); replace(said); } catch (error) { replace(said, remark("bad", error.message)); }
    look();
    tell("nudge");
  }

  /** Written anew each time, so that it shows what there is now. */
  async function page() {
    friend.disabled = true;
    replace(said, remark("info", t`Writing the page…`));
    try {
      const { mib } = await ask(server.lb_grid_page, { ...where(), grid: view.name });
      h("a", { href: ofGrid("grid-page"), download: "" }).click();
      replace(said, remark("ok", t`The page is in your downloads (${size(mib)}). It opens in any browser, without lorabake.`));
    } catch (error) { replace(said, remark("bad", error.message)); }
    friend.disabled = false;
  }

  // --- drawing ---------------------------------------------------------------------------------
  function words(failed) {
    const total = view.cells.length, far = t`${view.done} of ${plural(total, "picture")}`;
    const missing = failed ? t`; ${failed} could not be rendered, ${failed > 1 ? t`their cells say` : t`its cell says`} why` : "";
    return {
      running: view.stopping ? t`Stopping…` : view.done ? `${far}${missing}${view.doing ? ` · ${spoken(view.doing)}` : ""}` : spoken(view.doing) || t`Getting ready`,
      queued: t`Waits in the queue.`,
      finished: failed ? `${far}${missing}.` : t`${plural(total, "picture")}. Click one to see it large; tick the best (T) to bake again with them.`,
      stopped: t`Stopped: ${far}${missing}.`,
      failed: t`Could not be finished: ${far}${missing}.`,
      interrupted: t`Interrupted: ${far}${missing}.`,
      new: `${far}${missing}.`,
    }[view.state];
  }

  function draw(now) {
    if (view?.name !== now.name) forget_();
    view = now;
    root.hidden = false;
    const total = view.cells.length, active = ["running", "queued"].includes(view.state);
    const failed = view.cells.filter((cell) => cell.state === "failed").length;
    say(line, words(failed));
    meter.hidden = !active;
    meter.firstChild.style.width = `${(100 * (view.done + failed)) / total}%`;
    meter.setAttribute("aria-valuemax", String(total));
    meter.setAttribute("aria-valuenow", String(view.done + failed));
    stop.hidden = !active;
    resume.hidden = !view.can_resume;
    retry.hidden = active || view.can_resume || !failed;
    say(retry, t`Try ${failed === 1 ? t`it` : t`the ${failed}`} again`);
    sheet.hidden = !view.sheet;
    sheet.href = ofGrid("sheet");
    subSheet.hidden = !view.sheet || view.sheets.length < 2;
    friend.hidden = !view.done;
    const halted = view.text && view.can_resume;
    replace(trouble, halted && remark(view.state === "stopped" ? "info" : "bad", view.text), ...view.warnings.map((text) => remark("warn", text)));
    say(prompt, `${view.prompt}${view.negative ? t` — not: ${view.negative}` : ""} · ${spoken(view.facts)}`);
    table.draw(view);
    for (const extra of extras) extra.draw?.(view);
    large.refresh();
  }

  function forget_() {
    table.clear();
    bakeAgain.clear();
    useThis.clear();
    replace(said);
    for (const extra of extras) extra.clear?.();
  }

  /** Choose the cell of an epoch and a weight, on the sheet that is shown if it has one, and go to it. */
  function goTo(epoch, weight) {
    const z = table.current().at[2];
    const found = view.cells.filter((cell) => cell.weight === weight && (cell.epoch === epoch || !weight));
    const cell = found.find((one) => one.at[2] === z && one.epoch === epoch) || found.find((one) => one.epoch === epoch) || found[0];
    if (!cell) return;
    table.choose(cell.at);
    table.hold();
  }

  return {
    root, box: large.root, draw, label, address, cellOf,
    view: () => view, cellAt: table.cellAt, current: table.current, move: table.move, goTo,
    active: () => Boolean(view) && ["running", "queued"].includes(view.state),
    mount(extra) {
      extras.push(extra);
      if (extra.above) above.append(extra.above);
      if (extra.below) below.append(extra.below);
      if (extra.inLarge) large.slot.append(extra.inLarge);
    },
    /** No grid is chosen. */
    clear() { forget_(); view = null; root.hidden = true; },
  };
}
