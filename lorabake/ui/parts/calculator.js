// The calculator: a row for each folder and a sum below; every cell is a "what if" until it is used.
/** sums(draft): asks for all figures; use(draft): takes the draft over, and says whether it could. */
function makeCalculator({ sums, use }) {
  const number = (n) => n.toLocaleString("en");
  const body = h("tbody"), foot = h("tfoot");
  const table = h("div.lb-table-frame", { id: "lb-calculator" }, h("table.lb-table.lb-sums", {},
    h("thead", {}, h("tr", {}, ...[t`Folder`, t`Pictures`, t`Repeats`, t`Seen per epoch`, t`Weight in T`].map((text) => h("th", { scope: "col", text })))), body, foot));
  const epochs = cell(t`Epochs`, { max: "1000" }), batch = cell(t`Batch size`, { max: "64" }), wanted = cell(t`Total steps wanted`, { max: "1000000", placeholder: t`any` });
  const seen = h("b"), simple = h("b"), divided = h("span.lb-muted");
  const term = (sign, node) => h("div.lb-signed", {}, h("span.lb-sign", { text: sign, "aria-hidden": "true" }), node);
  const equation = h("div.lb-equation", {},
    h("div.lb-term", {}, h("span", { text: "T" }), seen), term("×", labelled(t`Epochs`, epochs)), term("÷", labelled(t`Batch size`, batch)),
    term("=", h("div.lb-term", {}, h("span", { text: t`The guide's sum` }), simple)), divided,
    h("span.lb-grow"), labelled(t`Total steps wanted`, wanted));
  const ways = h("div.lb-ways", { "aria-live": "polite" });
  const trouble = h("div", { "aria-live": "polite" });
  const facts = h("div.lb-figures");
  const words = h("div.lb-table-words");
  const notes = h("ul.lb-changes.lb-muted");
  const chart = makeSumChart();
  const will = h("p.lb-pieces"), apply = h("button.lb-button.lb-primary", { "data-needs": "lb_use_numbers", type: "button", text: t`Use these numbers`, onclick: take });
  const leave = h("button.lb-button", { type: "button", text: t`Back to what is set`, onclick: () => clear() });
  const bar = h("div.lb-what-if", { hidden: true, role: "region", "aria-label": t`What if` }, h("div.lb-what-if-text", {}, h("b", { text: t`Only tried so far. ` }), h("span", { text: t`Using it changes:` }), will), leave, apply);
  const root = h("div.lb-calculator", { hidden: true }, h("h3.lb-heading", { text: t`Repeats and epochs` }),
    h("p.lb-muted", { text: t`Type into any cell to see what it comes to. Nothing is changed before you use it.` }), table, equation, ways, trouble, bar, facts, h("div.lb-beside", {}, h("div.lb-beside-words", {}, words, notes), chart.root));
  let draft = blank(), view = null, rows = [], asked = 0, timer = 0;

  function blank() { return { repeats: {}, epochs: null, batch_size: null }; }
  function labelled(text, input) { return h("label.lb-term", {}, h("span", { text }), input); }
  function cell(label, more) {
    return h("input.lb-input.lb-number", { type: "number", min: "1", step: "1", inputmode: "numeric", "aria-label": label, ...more });
  }

  /** What was typed: a number, null for nothing typed; anything else is not sent. */
  const typed = (input) => (input.value.trim() === "" ? null : Number(input.value));
  const fits = (value) => value === null || (Number.isInteger(value) && value > 0);

  function later(pause) { clearTimeout(timer); timer = setTimeout(read, pause); }
  /** input: a cell; put(value): into the draft. An empty cell is what is set; Escape brings it back. */
  function watchCell(input, put, now) {
    const changed = (pause) => {
      const value = typed(input);
      input.setAttribute("aria-invalid", String(!fits(value)));
      if (!fits(value)) return;
      put(value);
      later(pause);
    };
    input.addEventListener("input", () => changed(180));
    input.addEventListener("change", () => { if (typed(input) === null || !fits(typed(input))) { input.value = now(); input.removeAttribute("aria-invalid"); put(null); } later(0); });
    input.addEventListener("focus", () => input.select());
    input.addEventListener("keydown", (event) => {
      if (event.key === "Escape") { input.value = now(); changed(0); event.preventDefault(); }
      if (event.key === "Enter") { event.preventDefault(); const cells = order(), next = cells[cells.indexOf(input) + (event.shiftKey ? -1 : 1)]; if (next) next.focus(); else input.blur(); }
    });
  }
  const order = () => [...rows.map((row) => row.input), epochs, batch].filter((input) => !input.disabled);
  watchCell(epochs, (value) => { draft.epochs = value; }, () => String(view?.now.epochs ?? ""));
  watchCell(batch, (value) => { draft.batch_size = value; }, () => String(view?.now.batch_size ?? ""));
  watchCell(wanted, () => {}, () => "");

  function row(folder) {
    const input = cell(t`Repeats of ${folder.name}`, { max: "1000", disabled: folder.fixed, title: folder.fixed ? t`These pictures lie in no folder of their own, so they are shown once` : undefined });
    const seen = h("td"), share = h("td.lb-share");
    const now = { now: folder.now };
    watchCell(input, (value) => { if (value === null) delete draft.repeats[folder.folder]; else draft.repeats[folder.folder] = value; }, () => String(now.now));
    const node = h("tr", {}, h("th", { scope: "row", title: folder.folder }, folder.name, folder.is_reg && h("span.lb-chip", { text: t`regularisation` })), h("td", { text: number(folder.images) }), h("td", {}, input), seen, share);
    return { folder: folder.folder, input, seen, share, node, now };
  }

  const put = (input, value) => { if (document.activeElement !== input || input.value === "") input.value = String(value); };

  function drawTable() {
    const key = JSON.stringify(view.rows.map((one) => [one.folder, one.images, one.is_reg]));
    if (body.dataset.key !== key) {
      body.dataset.key = key;
      rows = view.rows.map(row);
      replace(body, ...rows.map((one) => one.node));
    }
    view.rows.forEach((one, place) => {
      const at = rows[place];
      at.now.now = one.now;
      put(at.input, one.repeats);
      at.input.classList.toggle("lb-tried", one.repeats !== one.now);
      say(at.seen, one.is_reg ? t`to match` : number(one.seen));
      const percent = `${(100 * one.share).toFixed(one.share < 0.1 && one.share > 0 ? 1 : 0)} %`;
      replace(at.share, !one.is_reg && h("span.lb-share-bar", { "aria-hidden": "true", style: `--share:${one.share.toFixed(4)}` }), h("span", { text: one.is_reg ? "–" : percent }));
    });
    const many = view.rows.filter((one) => !one.is_reg).length > 1;
    const pictures = view.rows.filter((one) => !one.is_reg).reduce((sum, one) => sum + one.images, 0);
    replace(foot, many && h("tr", {}, h("th", { scope: "row", text: t`Together (T)` }), h("td", { text: number(pictures) }), h("td"), h("td", { text: number(view.T) }), h("td", { text: "100 %" })));
  }

  function figure(value, label, more) {
    return h("div.lb-figure", {}, h("b", { text: value }), h("span", { text: label }), more && h("small", { text: more }));
  }

  function drawFacts() {
    const different = [t`${number(view.images)} different`, view.reg ? t`${number(view.reg)} for regularisation` : "", view.held_out ? t`${number(view.held_out)} held out` : ""].filter(Boolean).join(", ");
    replace(facts,
      figure(number(view.T), t`seen per epoch (T)`, different),
      figure(number(view.steps_per_epoch), t`steps per epoch`, t`${plural(view.epochs, "epoch")}, batch size ${view.batch_size}`),
      figure(number(view.steps), t`steps in total`, view.steps === view.simple_steps ? t`as the trainer counts, and the guide` : t`as the trainer counts; ${number(view.simple_steps)} by the guide's sum`),
      view.seconds === null ? figure("–", t`time`, spoken(view.pace)) : figure(`≈ ${span(view.seconds)}`, t`time for the steps`, spoken(view.pace)),
      figure(size(view.files.total), plural(view.files.count, "LoRA file"), view.files.count > 1 ? t`${size(view.files.each)} each` : ""),
      view.memory_mib && figure(`≈ ${size(view.memory_mib)}`, t`memory`, t`estimated`));
  }

  function drawTableWords() {
    const several = view.chart.unit === "T", count = several ? `T = ${number(view.chart.here.count)}` : plural(view.chart.here.count, "picture");
    const offer = view.suggestion, tries = Object.keys(view.try).length > 0 && !view.applies;
    const what = several ? plural(offer.epochs, "epoch") : t`${plural(offer.repeats, "repeat")} and ${plural(offer.epochs, "epoch")}`;
    replace(words,
      h("p", {}, h("b", { text: t`The guide's table for ${spoken(view.table.label)}. ` }), view.applies && h("span.lb-muted", { text: spoken(view.applies) })),
      h("p", {}, t`The nearest row: `, h("span.lb-mono", { text: spoken(view.nearest.sentence) }), "."),
      h("p", {}, t`For your ${count} it gives ${what}: about ${plural(offer.steps, "step")} at batch size ${view.batch_size}. `),
      tries && h("button.lb-button", { type: "button", text: t`Try ${what}`, onclick: () => { draft.repeats = { ...view.try.repeats }; draft.epochs = view.try.epochs; fill(); read(); } }));
    replace(notes, ...view.notes.map((text) => h("li", { text: spoken(text) })));
    notes.hidden = !view.notes.length;
  }

  function drawWays() {
    if (!view.ways.length) { replace(ways, wanted.value && h("p.lb-muted", { text: t`There is no way to it with these folders.` })); return; }
    replace(ways, h("p", { text: t`The nearest ways to ${number(Number(wanted.value))} steps:` }),
      ...view.ways.map((way) => h("div.lb-way", {}, h("button.lb-button", { type: "button", text: spoken(way.label), onclick: () => { draft.epochs = way.epochs; draft.repeats = { ...draft.repeats, ...way.repeats }; fill(); read(); } }), h("span.lb-muted", { text: spoken(way.why) }))));
  }

  /** Cells show the draft, also the one that has the focus. */
  function fill() {
    for (const one of rows) one.input.value = String(draft.repeats[one.folder] ?? one.now.now);
    epochs.value = String(draft.epochs ?? view.now.epochs);
    batch.value = String(draft.batch_size ?? view.now.batch_size);
    for (const input of order()) input.removeAttribute("aria-invalid");
  }

  function draw() {
    root.hidden = !view.rows.length;
    drawTable();
    say(seen, number(view.T));
    put(epochs, view.epochs);
    put(batch, view.batch_size);
    epochs.classList.toggle("lb-tried", view.epochs !== view.now.epochs);
    batch.classList.toggle("lb-tried", view.batch_size !== view.now.batch_size);
    say(simple, number(view.simple_steps));
    say(divided, view.reg ? t`with ${number(view.reg)} for regularisation` : "");
    drawFacts();
    drawTableWords();
    drawWays();
    chart.set(view.chart, view.before);
    bar.hidden = !view.changes.length;
    replace(will, ...view.changes.map(piece));
  }

  /** Ask for the sums of the draft. Answers that come late are left. */
  async function read() {
    clearTimeout(timer);
    const mine = ++asked;
    try {
      const answer = await sums({ ...draft, wanted: typed(wanted) });
      if (mine !== asked) return;
      view = answer;
      replace(trouble);
      draw();
    } catch (error) {
      if (mine !== asked) return;
      replace(trouble, remark("bad", error.message, { word: t`Not counted` }));
      bar.hidden = true;
    }
  }

  async function take() {
    apply.disabled = true;
    if (await use({ ...draft })) { draft = blank(); wanted.value = ""; bar.hidden = true; }
    apply.disabled = false;
  }

  /** Forget what was tried. */
  function clear() {
    draft = blank();
    wanted.value = "";
    if (view) fill();
    read();
  }
  return { root, read, forget() { draft = blank(); wanted.value = ""; view = null; root.hidden = true; asked += 1; body.dataset.key = ""; epochs.value = batch.value = ""; rows = []; } };
}
