// Sets of operations under a name: kept for every project, loaded, deleted, carried to another project.
function makeRecipes({ project, values, calls, loaded, said, visit }) {
  const list = h("select.lb-select", { "aria-label": t`Saved set of operations`, onchange: marks });
  const load = h("button.lb-button", { "data-needs": "lb_process_load", type: "button", text: t`Load`, onclick: () => act(calls.load, { name: list.value }) });
  const remove = h("button.lb-quiet", { "data-needs": "lb_process_delete", type: "button", text: t`Delete`, onclick: () => act(calls.remove, { name: list.value }) });
  const name = h("input.lb-input", { type: "text", maxlength: "80", placeholder: t`Name`, "aria-label": t`Name of the set`, autocomplete: "off", onkeydown: (event) => { if (event.key === "Enter") keep(); if (event.key === "Escape") close(); } });
  const form = h("span.lb-line", { "data-needs": "lb_process_save", hidden: true }, name, h("button.lb-button", { type: "button", text: t`Save`, onclick: keep }), h("button.lb-quiet", { type: "button", text: t`Cancel`, onclick: close }));
  const save = h("button.lb-button", { "data-needs": "lb_process_save", type: "button", text: t`Save as…`, onclick: () => { form.hidden = false; save.hidden = true; name.value = list.value; name.focus(); } });
  const other = h("select.lb-select", { "data-needs": "lb_process_carry", "aria-label": t`Use these operations in another project`, onchange: carry });
  const usual = h("button.lb-quiet", { "data-needs": "lb_process_clear", type: "button", text: t`Clear all fields`, onclick: clear });
  const node = h("div.lb-line.lb-recipes", {}, h("span.lb-label-inline", { text: t`Sets of operations` }), list, load, save, form, remove, other, h("span.lb-grow"), usual);

  function marks() { load.disabled = remove.disabled = !list.value; }
  function close() { form.hidden = true; save.hidden = false; save.focus(); }

  async function act(call, data) {
    try {
      const answer = await ask(call, { project: project(), ...data });
      if (answer.values) loaded(answer.values);
      show(answer.recipes, answer.name);
      said("ok", answer.said, { undo: answer.deleted ? () => act(calls.restore, { id: answer.deleted }) : null });
      return true;
    } catch (error) {
      said("bad", error.message);
      return false;
    }
  }

  /** What was typed comes back with one click. */
  async function clear() {
    const before = values();
    if (!(await act(calls.clear, {}))) return;
    said("ok", t`All fields are as they were at first.`, { undo: () => { loaded(before); said("ok", t`The fields are filled as before.`); } });
  }

  async function keep() {
    if (await act(calls.save, { name: name.value, values: values() })) close();
  }

  async function carry() {
    const to = other.value;
    other.value = "";
    if (!to) return;
    try {
      const answer = await ask(calls.carry, { project: project(), to, values: values() });
      said("ok", answer.said, { button: [t`Go to ${to}`, () => visit(to)] });
    } catch (error) { said("bad", error.message); }
  }

  /** recipes: { names, projects }; chosen: the name to stand on. */
  function show(recipes, chosen = list.value) {
    const names = recipes.names;
    replace(list, h("option", { value: "", text: names.length ? t`(choose one)` : t`(none saved yet)` }), ...names.map((text) => h("option", { value: text, text })));
    list.value = names.includes(chosen) ? chosen : "";
    list.hidden = load.hidden = remove.hidden = !names.length;
    replace(other, h("option", { value: "", text: t`Use in another project…` }), ...recipes.projects.map((text) => h("option", { value: text, text })));
    other.hidden = !recipes.projects.length;
    marks();
  }

  return { node, show };
}
