/**
 * What is trained, as cards; below, what choosing it changes, each with its reason, and one button.
 * onDone(): the settings are others now; onSubject(subject): { name, label, captions } or null.
 */
function makeSubject({ server, project, onDone, onSubject }) {
  let view = null, chosen = "", turn = 0;
  const cards = h("div.lb-con-kinds", { role: "radiogroup", "aria-label": t`What are you training?` });
  const changes = h("div.lb-con-changes", { "aria-live": "polite" });
  const said = h("div", { "aria-live": "polite" });
  const root = h("section.lb-con-subject", { "data-needs": "lb_concept_train", "aria-label": t`What are you training?` }, cards, said, changes);

  function card(one) {
    const box = h("input", { type: "radio", name: "lb-con-kind", value: one.name, checked: one.name === chosen, onchange: () => choose(one.name) });
    return h(`label.lb-con-kind${one.name === chosen ? ".lb-on" : ""}`, {}, box, h("span", {}, h("b", { text: spoken(one.label) }), h("small", { text: spoken(one.help) })));
  }
  const row = (one, box = null) => h("li", {}, h(box ? "label" : "div", {}, box, h("span.lb-change", {}, h("span", { text: `${spoken(one.label)} ` }), h("s", { text: spoken(one.before) }), h("span", { text: " → " }), h("b", { text: spoken(one.after) }))), h("p.lb-muted", { text: spoken(one.why) }));

  function draw() {
    const key = JSON.stringify([view.subjects, chosen]);
    if (cards.dataset.key !== key) {
      const focused = cards.contains(document.activeElement);
      cards.dataset.key = key;
      replace(cards, ...view.subjects.map(card));
      if (focused) cards.querySelector(":checked")?.focus();
    }
    const subject = view.subjects.find((one) => one.name === chosen) || null;
    onSubject(subject);
    if (!subject) { replace(changes, h("p.lb-muted", { text: t`Choose one to see what it changes in the settings. Nothing is changed before you say so.` })); return; }
    const boxes = view.offered.map((one) => h("input", { type: "checkbox", value: one.key, onchange: count }));
    const button = h("button.lb-button", { type: "button", onclick: () => apply(boxes.filter((box) => box.checked).map((box) => box.value)) });
    function count() {
      const n = view.changes.length + boxes.filter((box) => box.checked).length;
      say(button, t`Change ${plural(n, "setting")}`);
      button.hidden = n === 0;
    }
    count();
    replace(changes,
      h("p", {}, h("b", { text: t`Captions: ` }), subject.captions),
      view.changes.length > 0 ? h("ul.lb-con-list", {}, ...view.changes.map((one) => row(one))) : h("p.lb-muted", { text: t`Your settings suit it already.` }),
      view.offered.length > 0 && h("h4", { text: t`If necessary` }),
      view.offered.length > 0 && h("ul.lb-con-list", {}, ...view.offered.map((one, i) => row(one, boxes[i]))),
      button);
  }

  async function read() {
    const of = project(), mine = (turn += 1);
    if (!of) return;
    try {
      const answer = await ask(server.lb_concept_subject, { project: of, subject: chosen });
      if (mine !== turn || of !== project()) return;
      view = answer;
      chosen = answer.subject;
      draw();
    } catch (error) { replace(said, remark("bad", error.message)); }
  }
  async function choose(name) {
    chosen = name;
    replace(said);
    await read();
    ask(server.lb_concept_choose, { project: project(), subject: name }).catch(() => {});
  }
  async function apply(also) {
    try {
      const answer = await ask(server.lb_concept_train, { project: project(), subject: chosen, also });
      replace(said, remark("ok", answer.said, { extra: [h("button.lb-quiet", { type: "button", text: t`Undo`, onclick: back })] }));
      onDone();
    } catch (error) { replace(said, remark("bad", error.message, { word: t`Not changed` })); }
    read();
  }
  async function back() {
    try {
      replace(said, remark("ok", (await ask(server.lb_concept_settings_back, { project: project() })).said));
      onDone();
    } catch (error) { replace(said, remark("bad", error.message)); }
    read();
  }

  return { root, read, clear() { chosen = ""; view = null; replace(said); replace(changes); delete cards.dataset.key; } };
}
