// What lies beside each downloaded picture, and which files are wanted.
/** onKeep(key, value), onUsual(): give promises that fail with a sentence; complete(field). */
function makeGrabForm({ onKeep, onUsual, complete }) {
  const often = h("div.lb-set-grid"), rare = h("div.lb-set-grid"), names = h("span.lb-muted");
  const usual = h("button.lb-quiet", { type: "button", text: t`Back to the usual values`, hidden: true, onclick: () => onUsual() });
  const more = h("details.lb-more", {}, h("summary", {}, h("b", { text: t`More` }), names), rare);
  const sum = h("span.lb-muted");
  const root = h("details.lb-more.lb-grab-form", {}, h("summary", {}, h("b", { text: t`Captions and files` }), sum), often, more, usual);
  const fields = new Map();

  function make(spec) {
    const id = `lb-grab-set-${spec.key}`, error = h("small.lb-error", { hidden: true });
    const help = spec.help && h("small.lb-muted", { id: `${id}-help`, text: spoken(spec.help) });
    const label = h("label", { for: id, text: spec.unit ? `${spoken(spec.label)} (${spoken(spec.unit)})` : spoken(spec.label) });
    let input, put;
    const keep = async (value) => {
      try { await onKeep(spec.key, value); error.hidden = true; box.classList.remove("lb-unfit"); } catch (problem) { say(error, problem.message); error.hidden = false; box.classList.add("lb-unfit"); }
    };
    if (spec.type === "bool") {
      input = h("input", { type: "checkbox", id, onchange: () => keep(input.checked) });
      put = (value) => { input.checked = value; };
    } else if (spec.choices.length) {
      input = h("select.lb-select", { id, onchange: () => keep(input.value) }, ...spec.choices.map(([value, text]) => h("option", { value, text: spoken(text) })));
      put = (value) => { input.value = value; };
    } else {
      input = h("input.lb-input", { type: "text", id, maxlength: "2000", autocomplete: "off", spellcheck: "false", inputmode: spec.type === "int" ? "numeric" : undefined, onchange: () => keep(input.value) });
      if (spec.type === "tags") complete(input);
      put = (value) => { if (document.activeElement !== input) input.value = String(value); };
    }
    if (help) input.setAttribute("aria-describedby", help.id);
    const box = spec.type === "bool" ? h("div.lb-set.lb-set-bool", {}, h("div.lb-set-head", {}, input, label), help, error) : h("div.lb-set", {}, h("div.lb-set-head", {}, label), input, help, error);
    fields.set(spec.key, { put, box });
    return box;
  }
  return {
    root,
    build(specs) {
      const rarely = specs.filter((spec) => spec.more);
      replace(often, ...specs.filter((spec) => !spec.more).map(make));
      replace(rare, ...rarely.map(make));
      say(names, t` ${rarely.slice(0, 3).map((spec) => spoken(spec.label)).join(", ")} and ${rarely.length - 3} others`);
    },
    set(values, isUsual) {
      say(sum, values.captions ? t` tags of ${values.categories}${values.rating === "off" ? "" : t`, rating ${values.rating}`}` : t` no captions`);
      for (const [key, field] of fields) if (!field.box.classList.contains("lb-unfit")) field.put(values[key]);
      if (isUsual !== undefined) usual.hidden = isUsual;
    },
  };
}
