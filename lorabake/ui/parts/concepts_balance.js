/**
 * Balance: what each folder keeps and how often it is shown, which pictures would be set aside and
 * why, T and epochs for both families. pictures(folder): its rows; onDone(sentence, { undo }).
 */
function makeBalance({ server, project, pictures, onDone, onSettings }) {
  const SHOWN = 11; // pictures of a folder that would go; a click shows all
  const WAYS = [["guide", t`As the guide does`, t`The largest folder is shown once, every other is cut to what fits into it a whole number of times.`], ["fewest", t`Fewest pictures lost`, t`As many pictures stay as the spread you allow lets stay.`], ["repeats", t`Repeats only`, t`No picture goes; folders are seen as equally as repeats alone can make it.`]];
  let view = null, turn = 0, way = recall("concepts-way", "guide"), keep = new Set(), drop = new Set(), open = "", grid = null;
  const sentence = h("p.lb-muted");
  const ways = h("div.lb-switch", { role: "group", "aria-label": t`How to balance` }, ...WAYS.map(([value, text]) => h("button.lb-quiet", { type: "button", text, "data-way": value, onclick: () => { way = value; remember("concepts-way", value); drawWay(); read(); } })));
  const spread = h("input.lb-range", { type: "range", min: "0", max: "50", step: "1", value: String(recall("concepts-spread", 5)), "aria-label": t`How far apart folders may be seen, in %`, oninput: () => { drawWay(); clearTimeout(spread.timer); spread.timer = setTimeout(() => { remember("concepts-spread", Number(spread.value)); read(); }, 120); } });
  const spreadText = h("span.lb-mono");
  const tolerance = h("label.lb-line.lb-con-spread", { hidden: true }, h("span", { text: t`One folder may be seen more often than another by up to` }), spread, spreadText);
  const wrong = h("div", { "aria-live": "polite" });
  const table = h("div.lb-table-frame");
  const result = h("p.lb-con-result", { role: "status" });
  const epochs = h("div.lb-con-epochs");
  const aside = h("div.lb-con-aside");
  const button = h("button.lb-button.lb-primary", { "data-needs": "lb_concept_apply", type: "button", id: "lb-con-balance", text: t`Balance`, disabled: true, onclick: apply });
  const back = h("button.lb-quiet", { type: "button", text: t`Back to the proposal`, onclick: () => { keep.clear(); drop.clear(); read(); } });
  const note = h("p.lb-muted");
  const looking = h("p.lb-muted", { role: "status", hidden: true, text: t`Looking closer for blurred pictures and near-twins; other pictures may be proposed in a moment.` });
  const body = h("div.lb-con-body", {}, h("div.lb-con-two", {}, h("div", {}, table, result), epochs), looking, aside, h("div.lb-line", {}, button, back, note));
  const nobody = h("p.lb-muted", { text: t`There are no folders yet. When pictures are sorted, this shows how often each folder is seen, and evens it out.` });
  const root = h("div.lb-con-balance", {}, h("div.lb-line", {}, ways), sentence, tolerance, wrong, nobody, body);

  function drawWay() {
    for (const one of ways.children) one.setAttribute("aria-pressed", String(one.dataset.way === way));
    say(sentence, WAYS.find(([value]) => value === way)?.[2] || "");
    tolerance.hidden = way !== "fewest";
    say(spreadText, `${spread.value} %`);
  }
  const question = () => ({ project: project(), way, tolerance: Number(spread.value) / 100, keep: [...keep], drop: [...drop] });
  async function read() {
    const asked = project(), mine = (turn += 1);
    if (!asked) return;
    try {
      const answer = await ask(server.lb_concept_balance, question());
      if (mine !== turn || asked !== project()) return;
      replace(wrong);
      view = answer;
      draw();
      clearTimeout(read.timer);
      if (answer.looking) read.timer = setTimeout(() => shown(root) && read(), 1500);
    } catch (error) { if (mine === turn) replace(wrong, remark("bad", error.message)); }
  }
  const repeatsOf = (folder) => Number(/^(\d{1,4})_/.exec(folder)?.[1] || 1);
  const arrow = (before, after) => (before === after ? [String(after)] : [h("s.lb-muted", { text: String(before) }), " → ", h("b", { text: String(after) })]);
  function draw() {
    const { concepts, T, lost } = view;
    body.hidden = concepts.length === 0;
    nobody.hidden = concepts.length > 0;
    for (const node of [ways, sentence]) node.hidden = concepts.length < 2;
    tolerance.hidden = way !== "fewest" || concepts.length < 2;
    replace(table, h("table.lb-table", {},
      h("thead", {}, h("tr", {}, ...[t`Folder`, t`Pictures`, t`Keep`, t`Repeats`, t`Seen per epoch`].map((text) => h("th", { scope: "col", text })))),
      h("tbody", {}, ...concepts.map((one) => h("tr", {}, h("th", { scope: "row", text: one.trigger }), h("td", { text: String(one.images) }), h("td", { text: String(one.keep) }), h("td", {}, ...arrow(repeatsOf(one.folder), one.repeats)), h("td", { text: one.seen.toLocaleString("en") })))),
      h("tfoot", {}, h("tr", {}, h("th", { scope: "row", text: t`Together (T)` }), h("td", { text: String(view.images + lost) }), h("td", { text: String(view.images) }), h("td"), h("td", { text: T.toLocaleString("en") })))));
    const seen = concepts.filter((one) => one.images).map((one) => one.seen), low = Math.min(...seen), high = Math.max(...seen);
    say(result, concepts.length < 2 ? t`With one folder there is nothing to balance. “Preparing the oven” says which repeats and epochs the guide's table has for it.` : low === high ? t`Every folder is seen ${low} times an epoch.` : t`Folders are seen ${low} to ${high} times an epoch: ${(100 * view.spread).toFixed(view.spread < 0.1 ? 1 : 0)} % apart.`);
    replace(epochs, h("h4", { text: t`Epochs, by the guide's tables` }), ...view.epochs.map((one) => h(`div.lb-con-family${one.mine ? ".lb-on" : ""}`, {}, h("span", { text: spoken(one.label) }), h("b", { text: plural(one.epochs, "epoch") }), h("small.lb-muted", { text: t`nearest row: ${one.row}` }),
      one.mine && (one.epochs === view.now ? h("small.lb-muted", { text: t`as in your settings` }) : h("button.lb-button", { "data-needs": "lb_concept_epochs", type: "button", text: t`Bake ${plural(one.epochs, "epoch")} instead of ${view.now}`, onclick: () => setEpochs(one.epochs) })))));
    looking.hidden = !view.looking || !lost;
    drawAside();
    const deeds = [lost && t`set ${plural(lost, "picture")} aside`, view.changing && t`change the repeats of ${plural(view.changing, "folder")}`].filter(Boolean).join(t` and `);
    say(button, deeds ? deeds[0].toUpperCase() + deeds.slice(1) : t`In balance already`);
    button.disabled = !deeds;
    button.hidden = concepts.length < 2 && !deeds;
    back.hidden = !keep.size && !drop.size;
    say(note, [lost ? t`They go to the bin; nothing is deleted, and one undo brings all back.` : "", view.unsorted ? t`${plural(view.unsorted, "picture")} in no folder ${view.unsorted === 1 ? t`is` : t`are`} not baked.` : ""].filter(Boolean).join(" "));
  }
  const thumb = (sha, alt) => h("img", { src: `/lorabake/thumb/${encodeURIComponent(project())}/${sha}`, alt, loading: "lazy", decoding: "async" });
  function gone(one) {
    const name = one.id.split("/").pop();
    return h("li", {}, thumb(one.sha, name), h("small.lb-con-why", { text: one.why ? spoken(one.why) : t`one too many`, title: name }),
      h("button.lb-quiet", { type: "button", text: t`Keep it`, "aria-label": t`Keep ${name}`, onclick: () => { keep.add(one.id); drop.delete(one.id); read(); } }));
  }
  function drawAside() {
    const losing = view.concepts.filter((one) => one.remove.length);
    const key = JSON.stringify(losing.map((one) => [one.folder, one.remove]));
    if (aside.dataset.key === key) return;
    aside.dataset.key = key;
    if (!losing.some((one) => one.folder === open)) open = "";
    replace(aside, losing.length > 0 && h("h4", { text: t`Would be set aside, the ones least missed first` }), ...losing.map((one) => {
      const area = h("div.lb-con-choose", { hidden: open !== one.folder });
      const choose = h("button.lb-quiet", { type: "button", text: t`Choose yourself`, "aria-expanded": String(open === one.folder), onclick: () => { open = open === one.folder ? "" : one.folder; delete aside.dataset.key; drawAside(); } });
      const some = one.remove.slice(0, SHOWN);
      const row = h("div.lb-con-losing", {}, h("div.lb-line", {}, h("b", { text: one.trigger }), h("span.lb-muted", { text: t`${one.remove.length.toLocaleString("en")} of ${plural(one.images, "picture")}` }), choose),
        open === one.folder ? area : h("ul.lb-con-gone", {}, ...some.map(gone)), open !== one.folder && one.remove.length > some.length && h("p.lb-muted", { text: t`… and ${plural(one.remove.length - some.length, "more picture")}; “Choose yourself” shows all.` }));
      if (open === one.folder) chooser(area, one);
      return row;
    }));
  }
  /** All pictures of a folder; a click exchanges: what goes is kept, what stays goes instead. */
  function chooser(area, one) {
    const going = new Set(one.remove.map((each) => each.id)), box = h("div"), top = grid?.folder === one.folder ? grid.box.scrollTop : 0;
    area.append(h("p.lb-muted", { text: t`A click exchanges: what was to go is kept, and what you mark goes instead.` }), box);
    const made = makeGrid(box, {
      label: t`Pictures of ${one.trigger}, those that would go are marked`, smallest: 88, fit: true, multiple: true,
      draw(cell, row) { cell.append(thumb(row.sha, row.name), h("span.lb-con-out", { text: t`goes` })); },
      mark(cell, row) { cell.lastChild.hidden = !going.has(row.id); cell.title = row.name; cell.setAttribute("aria-selected", String(going.has(row.id))); },
      onChoose(index, how) { if (!how.keys || how.toggle) exchange(one, made.rows[index].id, going); },
    });
    made.setRows(pictures(one.folder));
    grid = { folder: one.folder, box };
    requestAnimationFrame(() => { made.layout(); box.scrollTop = top; });
  }
  function exchange(one, id, going) {
    if (going.has(id)) { keep.add(id); drop.delete(id); } else { drop.add(id); keep.delete(id); }
    read();
  }
  async function setEpochs(n) {
    try {
      const answer = await ask(server.lb_concept_epochs, { project: project(), epochs: n });
      onSettings(answer.said);
    } catch (error) { replace(wrong, remark("bad", error.message)); }
    read();
  }
  async function apply() {
    button.disabled = true;
    try {
      const answer = await ask(server.lb_concept_apply, { ...question(), remove: view.concepts.flatMap((one) => one.remove.map((each) => each.id)) });
      keep.clear();
      drop.clear();
      const parts = [answer.pictures && t`${plural(answer.pictures, "picture")} set aside`, answer.folders && t`repeats of ${plural(answer.folders, "folder")} changed`].filter(Boolean);
      onDone(`${parts.join(", ")}.`, answer);
    } catch (error) { replace(wrong, remark("bad", error.message)); }
    read();
  }
  drawWay();

  return { root, read, clear() { view = null; keep.clear(); drop.clear(); open = ""; delete aside.dataset.key; replace(aside); replace(table); replace(epochs); replace(wrong); } };
}
