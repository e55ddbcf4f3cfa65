/**
 * Your first LoRA, as a quiet list under the next step. Only for who begins with the sample project;
 * hidden with one click, for good.
 */
function makeTour() {
  const STEPS = [
    ["sample", t`Sample project`, t`24 pictures with captions, and a tiny model that bakes on any computer.`],
    ["bake", t`Bake`, t`The button above starts it, with the numbers as they are.`],
    ["grid", t`Grid`, t`Every epoch left a file. The button above leads to the grid; Render draws the same picture with each.`],
    ["use", t`Use this one`, t`Choose the picture you like best, then Use this one: its file goes to your web UI.`],
  ];
  const list = h("ol"), hint = h("p.lb-muted");
  const root = h("section.lb-tour", { hidden: true, "aria-label": t`Your first LoRA` },
    h("b", { text: t`Your first LoRA` }), list, h("button.lb-quiet", { type: "button", text: t`Hide`, "aria-label": t`Hide the list Your first LoRA`, onclick: hide }), hint);

  function hide() {
    root.hidden = true;
    remember("tour", "hidden");
  }

  /** done: names of steps; null where nobody begins. */
  function show(done) {
    const known = recall("tour");
    const over = done?.length === STEPS.length;
    root.hidden = !done || known === "hidden" || (over && known !== "begun");
    if (root.hidden) return;
    if (known !== "begun") remember("tour", "begun");
    const key = done.join(" ");
    if (root.dataset.key === key) return;
    root.dataset.key = key;
    const next = STEPS.find(([id]) => !done.includes(id));
    replace(list, ...STEPS.map(([id, title]) => {
      const is = done.includes(id);
      return h(`li${is ? ".lb-done" : ""}`, { "aria-current": next?.[0] === id && "step" },
        h("span", { "aria-hidden": "true", text: is ? "✓" : "○" }), title, is && h("span.lb-sr", { text: t`, done` }));
    }));
    say(hint, next ? next[2] : t`That was all of it. Now with pictures of your own: name a project under Project.`);
  }
  return { root, show };
}
