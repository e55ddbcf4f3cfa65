/**
 * Triggers in front of the captions, shown before they are written; and what will bleed, each with
 * what to do. onDone(sentence, answer): captions are others now; onRename(folder), onShow(folder).
 */
function makeTriggers({ server, project, onDone, onRename, onShow }) {
  let turn = 0, subject = null;
  const plan = h("div.lb-con-plan");
  const warnings = h("div.lb-con-bleeds");
  const wrong = h("div", { "aria-live": "polite" });
  const root = h("div.lb-con-triggers", {}, wrong, plan, warnings);

  const example = (one) => h("li", {}, h("img", { src: `/lorabake/thumb/${encodeURIComponent(project())}/${one.sha}`, alt: "", loading: "lazy" }),
    h("p.lb-mono", {}, ...one.gone.flatMap((tag) => [h("s", { text: tag }), " "]), h("b.lb-con-trigger", { text: one.trigger }), one.rest ? `, ${one.rest}` : ""));
  function folder(one) {
    return h("details.lb-details", {}, h("summary", {}, h("b.lb-con-trigger", { text: one.trigger }), h("span.lb-muted", { text: t` goes in front of ${one.changing.toLocaleString("en")} of ${plural(one.captions, "caption")}` })),
      h("ul.lb-con-examples", {}, ...one.examples.map(example)));
  }
  function drawPlan(view) {
    const changing = view.folders.filter((one) => one.changing);
    const text = !view.folders.length ? t`There are no folders yet. Sort pictures into one first.`
      : !changing.length ? t`Every caption begins with the trigger of its folder: ${view.folders.map((one) => one.trigger).join(", ")}.` : "";
    replace(plan,
      subject === "style" && view.folders.length > 0 && remark("info", t`A style needs no trigger: without one, all the user needs to do is call the model.`),
      text && h("p.lb-muted", { text }),
      ...changing.map(folder),
      changing.length > 0 && h("button.lb-button", { "data-needs": "lb_concept_write", type: "button", id: "lb-con-write", text: t`Write the triggers into ${plural(view.changing, "caption")}`, onclick: () => act(server.lb_concept_write, {}, t`Triggers written into`) }));
  }
  function deed(one) {
    if (one.id === "bleed.lacking") return h("button.lb-quiet", { "data-needs": "lb_concept_name", type: "button", text: t`Add to ${plural(one.count, "caption")}`, onclick: () => act(server.lb_concept_name, { folder: one.folder }, t`Tags added to`) });
    if (one.id === "bleed.alike") return h("button.lb-quiet", { type: "button", text: t`Show its pictures`, onclick: () => onShow(one.folder) });
    if (one.id === "bleed.untriggered") return null;
    return h("button.lb-quiet", { "data-needs": "lb_concept_rename", type: "button", text: t`Rename the trigger`, onclick: () => onRename(one.folder) });
  }
  function drawBleeds(view) {
    const rest = view.bleeds.filter((one) => one.id !== "bleed.untriggered");
    replace(warnings, rest.length > 0 && h("h4", { text: t`What will bleed` }),
      ...rest.map((one) => remark("warn", one.text, { extra: [deed(one), h("details.lb-details", {}, h("summary", { text: t`Why` }), h("p.lb-muted", { text: spoken(one.why) }))] })));
  }
  async function read() {
    const asked = project(), mine = (turn += 1);
    if (!asked) return;
    try {
      const answer = await ask(server.lb_concept_triggers, { project: asked });
      if (mine !== turn || asked !== project()) return;
      const key = JSON.stringify([answer, subject]);
      if (root.dataset.key === key) return;
      root.dataset.key = key;
      drawPlan(answer);
      drawBleeds(answer);
    } catch (error) { replace(wrong, remark("bad", error.message)); }
  }
  async function act(call, data, words) {
    replace(wrong);
    try {
      const answer = await ask(call, { project: project(), ...data });
      onDone(`${words} ${plural(answer.changed, "caption")}.`, answer);
    } catch (error) { replace(wrong, remark("bad", error.message)); }
    read();
  }

  return { root, read, about(name) { if (subject !== name) { subject = name; read(); } }, clear() { delete root.dataset.key; replace(plan); replace(warnings); replace(wrong); } };
}
