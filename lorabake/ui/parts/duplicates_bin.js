/** The bin: what was taken out of the data set, back again, or away for good after a question. */
function makeBin({ project, done, failed }) {
  let pictures = [], total = { count: 0, size: 0 };
  const count = h("span.lb-muted");
  const view = h("div.lb-dup-bin-view");
  const some = h("button.lb-button", { "data-needs": "lb_bin_restore", type: "button", onclick: () => give({ keys: selection.ids }) });
  const all = h("button.lb-button", { "data-needs": "lb_bin_restore", type: "button", text: t`Restore all`, onclick: () => give({ all: true }) });
  const empty = h("button.lb-button.lb-danger", { "data-needs": "lb_bin_empty", type: "button", text: t`Empty the bin…`, onclick: () => { question.hidden = false; draw(); sure.focus(); } });
  const sure = h("button.lb-button.lb-danger", { "data-needs": "lb_bin_empty", type: "button", onclick: away });
  const no = h("button.lb-button", { type: "button", text: t`Leave them in the bin`, onclick: () => { question.hidden = true; empty.focus(); } });
  const asked = h("p");
  const question = h("div.lb-confirm", { hidden: true, role: "group", "aria-label": t`Empty the bin?` }, asked, sure, no);
  const nothing = h("p.lb-muted", { text: t`Nothing is in the bin. What you take out of the data set comes here first.` });
  const inside = h("div.lb-dup-bin", {}, nothing, view, h("div.lb-line", {}, some, all, h("span.lb-grow"), empty), question);
  const box = h("details.lb-details.lb-dup-bin-box", { ontoggle: () => { if (box.open) read(); } }, h("summary", {}, t`The bin `, count), inside);

  const selection = makeSelection({ order: () => pictures.map((one) => one.key), onChange: () => { grid.refresh(); draw(); } });
  const grid = makeGrid(view, {
    label: t`Pictures in the bin`, multiple: true, smallest: 104, fit: true,
    draw(cell, one) {
      cell.title = `${one.folder ? `${one.folder}/` : ""}${one.name}`;
      const path = one.key.split("/").map(encodeURIComponent).join("/");
      cell.append(h("img", { src: `/lorabake/bin/${encodeURIComponent(project())}/${path}?at=${Math.round(one.time)}`, alt: one.name, decoding: "async", draggable: "false" }), h("span.lb-picked", { text: "✓", "aria-hidden": "true" }));
    },
    mark(cell, one) {
      cell.setAttribute("aria-selected", String(selection.has(one.key)));
      cell.lastChild.hidden = !selection.has(one.key);
    },
    onChoose(index, how) {
      if (how.range) selection.range(pictures[index].key);
      else if (how.keys && !how.toggle) return; // arrows only walk
      else selection.toggle(pictures[index].key);
    },
    onAll: () => selection.all(),
  });

  async function read() {
    const of = project();
    if (!of) return;
    let answer;
    try { answer = await ask(server.lb_bin, { project: of }); } catch { return; }
    if (of !== project()) return;
    total = answer;
    pictures = answer.pictures.map(([key, name, folder, mib, time]) => ({ key, name, folder, mib, time }));
    selection.prune();
    if (!pictures.length) question.hidden = true;
    draw();
    if (box.open) grid.setRows(pictures, { keep: true });
  }
  function draw() {
    say(count, total.count ? `· ${plural(total.count, "picture")}, ${size(total.size)}` : t`· empty`);
    nothing.hidden = total.count > 0;
    view.hidden = all.hidden = empty.hidden = !total.count;
    some.hidden = !total.count;
    some.disabled = !selection.size;
    say(some, selection.size ? t`Restore ${selection.size.toLocaleString("en")}` : t`Restore the selected`);
    say(asked, t`Delete ${plural(total.count, "picture")} (${size(total.size)}) with ${total.count === 1 ? t`its caption` : t`their captions`} for good? This cannot be undone, and steps that put ${total.count === 1 ? t`it` : t`them`} here cannot either.`);
    say(sure, t`Delete ${total.count.toLocaleString("en")} for good`);
  }
  async function give(which) {
    try {
      const answer = await ask(server.lb_bin_restore, { project: project(), ...which });
      selection.only(null);
      done(answer);
    } catch (error) { failed(error); }
    read();
  }
  async function away() {
    sure.disabled = true;
    try {
      const answer = await ask(server.lb_bin_empty, { project: project(), count: total.count });
      question.hidden = true;
      done({ ...answer, operations: [] });
    } catch (error) { failed(error); }
    sure.disabled = false;
    read();
  }
  draw();
  return { root: box, read, clear: () => { pictures = []; total = { count: 0, size: 0 }; selection.only(null); box.open = false; question.hidden = true; draw(); } };
}
