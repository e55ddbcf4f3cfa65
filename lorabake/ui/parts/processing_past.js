// What was done to the captions, with the way back and forth. It is read from the disk, so that it
// is there after a restart too.
function makePast({ project, calls, changed, said }) {
  let state = null, busy = false;

  const undo = h("button.lb-button", { "data-needs": "lb_process_undo", type: "button", id: "lb-process-undo", onclick: () => step(calls.undo, {}) });
  const redo = h("button.lb-button", { "data-needs": "lb_process_redo", type: "button", id: "lb-process-redo", onclick: () => step(calls.redo, {}) });
  const items = h("ol.lb-past-list");
  const list = h("details.lb-details", {}, h("summary", { text: t`What was done last` }), items);
  const node = h("div.lb-past", { hidden: true }, h("div.lb-line", {}, undo, redo), list);

  const files = (n) => plural(n, "file");
  const brief = (text) => (text.length > 60 ? `${text.slice(0, 58)}…` : text);
  const when = (seconds) => {
    const date = new Date(seconds * 1000);
    return date.toDateString() === new Date().toDateString() ? clock(date) : `${date.toLocaleDateString()} ${clock(date)}`;
  };

  async function step(call, data) {
    if (busy) return;
    busy = true;
    draw();
    try {
      const answer = await ask(call, { project: project(), ...data });
      state = answer.past;
      said("ok", answer.said, { skipped: answer.skipped });
      changed();
    } catch (error) {
      said("bad", error.message);
    } finally {
      busy = false;
      draw();
    }
  }

  function button(node, operation, word) {
    node.disabled = busy || !operation;
    say(node, operation ? `${word}: ${brief(operation.title)}` : word);
    node.title = operation ? `${spoken(operation.title)}, ${files(operation.count)}` : t`There is nothing to ${word.toLowerCase()}`;
  }

  function draw() {
    node.hidden = !state || !(state.operations.length || state.undo || state.redo);
    if (node.hidden) return;
    button(undo, state.undo, t`Undo`);
    button(redo, state.redo, t`Redo`);
    replace(items, ...state.operations.map((one) => h(`li${one.undone ? ".lb-undone" : ""}`, {},
      h("b", { text: spoken(one.title) }),
      h("span.lb-muted", { text: ` ${files(one.count)} · ${when(one.time)}${one.undone ? t` · undone` : ""}` }))));
  }

  return {
    node, step,
    show(past) { state = past; draw(); },
    get newest() { return state?.undo?.id; },
    get version() { return state?.version; },
  };
}
