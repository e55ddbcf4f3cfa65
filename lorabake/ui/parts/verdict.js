/**
 * The measured verdict of a grid: a button, one sentence, a heat map on the grid's axes, hints.
 * An extra of the board (see ready_board.js). where(): { project, run }; choose(epoch, weight): a cell
 * of the map was pressed.
 */
function makeVerdict({ server, where, choose }) {
  let grid = "", about = null, record = null, stamp = "", chosen = "", asking = false, seen = "";
  const press = h("button.lb-button", { "data-needs": "lb_measure", type: "button", onclick: () => act(server.lb_measure) });
  const stop = h("button.lb-button.lb-danger", { "data-needs": "lb_stop", type: "button", text: t`Stop measuring`, onclick: () => act(server.lb_stop, { place: about.place }) });
  const hint = h("span.lb-muted", { role: "status" });
  const said = h("div", { "aria-live": "polite" });
  const sentence = h("p.lb-verdict-sentence", { "aria-live": "polite" });
  const choice = h("select.lb-select", { onchange: () => { chosen = choice.value; drawMap(); } });
  const map = h("div.lb-verdict-map");
  const legend = h("p.lb-muted.lb-verdict-legend");
  const aboutIt = h("p.lb-muted");
  const explained = h("details.lb-details", {}, h("summary", { text: t`What this number is` }), aboutIt);
  const hints = h("ul.lb-verdict-hints");
  const rest = h("div.lb-verdict-rest", { hidden: true },
    h("label.lb-field", {}, h("span", { text: t`Show` }), choice), map, legend, explained,
    h("h4.lb-verdict-title", { text: t`Hints, not the truth` }), hints);
  const root = h("section.lb-verdict", { hidden: true, "aria-label": t`Verdict` }, sentence, h("div.lb-line", {}, press, stop, hint), said, rest);

  async function act(call, data = {}) {
    try { await ask(call, { ...where(), grid, ...data }); replace(said); } catch (error) { replace(said, remark("bad", error.message)); }
    await read();
    tell("nudge");
  }

  async function read() {
    if (!grid || asking) return;
    const wanted = grid;
    asking = true;
    const answer = await ask(server.lb_verdict, { ...where(), grid, stamp }).catch(() => null); // the next tick asks again
    asking = false;
    if (!answer || wanted !== grid) return;
    about = answer;
    if (answer.record || !answer.stamp) record = answer.record;
    const fresh = answer.stamp !== stamp;
    stamp = answer.stamp;
    draw(fresh);
  }

  const active = () => Boolean(about) && ["running", "queued"].includes(about.state);

  function draw(fresh) {
    root.hidden = Boolean(about.why) && !record;
    const measured = Boolean(record?.done);
    press.hidden = active() || Boolean(about.why);
    say(press, measured ? t`Measure again` : record ? t`Go on measuring` : t`Measure`);
    press.title = spoken(about.plan);
    stop.hidden = !active();
    const long = about.seconds ? t`about ${span(about.seconds)}, ` : "";
    const ended = about.text && ["failed", "interrupted", "stopped"].includes(about.state) ? spoken(about.text) : "";
    say(hint, active() ? (about.stopping ? t`Stopping…` : about.state === "queued" ? t`Waits in the queue.` : spoken(about.doing) || t`Getting ready`)
      : measured ? t`What was measured is kept; a tagger that came since is asked.` : ended || t`Proposes an epoch and a weight: ${long}${spoken(about.plan)}`);
    sentence.hidden = !record?.sentence;
    say(sentence, record?.sentence ? `${record.done ? "" : t`So far: `}${spoken(record.sentence)}${about.votes ? ` ${spoken(about.votes)}` : ""}` : "");
    sentence.classList.toggle("lb-verdict-warned", Boolean(record) && !record.verdict);
    rest.hidden = !record?.measures.length;
    if (fresh && record) drawRecord();
  }

  function drawRecord() {
    const names = record.measures.map((measure) => measure.name);
    if (!names.includes(chosen)) chosen = names[0] || "";
    replace(choice, ...record.measures.map((measure) => h("option", { value: measure.name, text: spoken(measure.title) })));
    choice.value = chosen;
    const open = [...hints.querySelectorAll("details")].map((node) => node.open);
    replace(hints, ...record.hints.map((one, place) => h(`li.lb-notice.lb-tone-${one.tone}`, {},
      h("details", { open: open[place] || undefined }, h("summary", {}, h("b.lb-word", { text: { ok: t`Fine`, warn: t`Look`, info: t`Hint` }[one.tone] }), " ", h("span", { text: spoken(one.text) })), h("p.lb-muted", { text: spoken(one.why) })))));
    drawMap();
  }

  /** Deeper is better; a sign of overcooking is hatched. Numbers and marks say the same without colour. */
  function drawMap() {
    const measure = record.measures.find((one) => one.name === chosen);
    if (!measure) { replace(map); return; }
    const numbers = measure.values.flat().filter((value) => value !== null);
    const low = Math.min(...numbers), high = Math.max(...numbers), room = high - low || 1;
    const isSign = measure.signs.some((row) => row.some((value) => value !== null));
    const depth = (value) => Math.round(100 * (measure.better === "lower" ? high - value : value - low) / room);
    const here = (epoch, weight, cell) => Boolean(cell) && cell.epoch === epoch && cell.weight === weight;
    const used = new Set();
    const mark = (sign, words) => { used.add(`${sign} ${words}`); return h("b.lb-verdict-mark", { text: sign, title: words }); };
    const column = (value) => (value ? t`weight ${Number.isInteger(value) ? value.toFixed(1) : value}` : t`plain base`);
    const cell = (epoch, y, weight, x) => {
      const value = measure.values[y][x];
      if (value === null) return h("td.lb-verdict-none", { text: "–", "aria-label": t`not measured` });
      const sign = measure.signs[y][x] ?? 0;
      const marks = [
        here(epoch, weight, record.verdict) && mark("★", t`proposed`),
        here(epoch, weight, record.runner_up) && mark("☆", t`next best`),
        measure.near[y][x] && mark("≈", measure.name === "score" ? t`too close to tell apart` : t`within noise of the best`),
        sign > 0 && mark(sign >= 0.5 ? "‼" : "!", sign >= 0.5 ? t`a plain sign of overcooking` : t`a first sign of overcooking`),
      ].filter(Boolean);
      const error = measure.errors[y][x];
      const node = h("td", {}, h("button.lb-verdict-cell", {
        type: "button", "aria-label": [t`epoch ${epoch}`, column(weight), measure.shown[y][x], ...marks.map((one) => one.title)].join(", "),
        title: error ? t`± ${Number(error.toPrecision(2))} (standard error of the difference from the best)` : undefined,
        onclick: () => choose(epoch, weight),
      }, h("span.lb-verdict-number", { text: measure.shown[y][x] }), ...marks));
      node.style.setProperty("--depth", `${isSign ? Math.round(100 * sign) : depth(value)}%`);
      node.classList.toggle("lb-verdict-chosen", here(epoch, weight, record.verdict));
      node.classList.toggle("lb-verdict-sign", isSign && sign > 0);
      return node;
    };
    replace(map, h("table", { class: isSign ? "lb-verdict-signs" : "" }, h("caption.lb-sr", { text: t`${spoken(measure.title)} by epoch and weight` }),
      h("thead", {}, h("tr", {}, h("td"), ...record.weights.map((value) => h("th", { scope: "col", text: column(value) })))),
      h("tbody", {}, ...record.epochs.map((epoch, y) => h("tr", {}, h("th", { scope: "row", text: t`epoch ${epoch}` }), ...record.weights.map((value, x) => cell(epoch, y, value, x)))))));
    say(legend, [isSign ? t`Deeper is more overcooked` : t`Deeper is better (${measure.better === "lower" ? t`lower` : t`higher`} numbers)`, ...used].join(" · "));
    say(aboutIt, spoken(measure.about));
  }

  function clear() {
    grid = ""; about = null; record = null; stamp = ""; seen = "";
    root.hidden = true;
    replace(said);
  }

  return {
    above: root,
    draw(view) {
      if (view.name !== grid) { clear(); grid = view.name; }
      const now = `${view.state}/${view.done}`;
      if (now !== seen || active()) { seen = now; read(); }
    },
    clear,
  };
}
