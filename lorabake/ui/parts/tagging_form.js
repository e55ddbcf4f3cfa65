// The settings of a tagging: sliders that are felt at once, and the rest as plain fields.
/**
 * onMove(values): while something is moved or typed. onKeep(key, value): when it is left; gives a
 * promise that fails with a sentence. complete(field): attach the completion of tags.
 */
function makeTagForm({ onMove, onKeep, complete }) {
  const often = h("div.lb-gen-often");
  const rare = h("div.lb-set-grid");
  const usual = h("button.lb-quiet", { type: "button", text: t`Back to the usual values` });
  const moreChanged = h("span.lb-more-changed");
  const more = h("details.lb-more", {}, h("summary", {}, h("b", { text: t`More` }), h("span.lb-muted"), moreChanged), rare);
  const root = h("div.lb-gen-form", { "data-needs": "lb_tag_set" }, often, more, usual);
  let fields = {}, values = {};
  let edits = 0; // how often somebody changed something

  function moved(key, value) {
    values[key] = value;
    edits += 1;
    onMove({ ...values });
  }
  async function keep(field, value) {
    values[field.spec.key] = value;
    edits += 1;
    try {
      await onKeep(field.spec.key, value);
      field.error.hidden = true;
      field.box.classList.remove("lb-unfit");
    } catch (error) {
      say(field.error, error.message);
      field.error.hidden = false;
      field.box.classList.add("lb-unfit");
    }
  }

  // --- kinds of field ---------------------------------------------------------------------------
  const makers = {
    ...makeFieldKinds({ moved, keep }),
    text(spec, id, field) {
      const lines = spec.type === "table";
      const input = lines ? h("textarea.lb-caption.lb-short", { id, rows: "2", spellcheck: "false", maxlength: "2000", placeholder: t`smile = 0.6` })
        : h("input.lb-input", { type: "text", id, maxlength: "2000", autocomplete: "off", spellcheck: "false", inputmode: spec.type === "int" ? "numeric" : undefined });
      input.addEventListener("change", () => keep(field, input.value));
      if (!lines) input.addEventListener("keydown", (event) => { if (event.key === "Enter") keep(field, input.value); });
      if (spec.type === "tags") complete(input);
      field.put = (value) => { if (document.activeElement !== input) input.value = String(value); };
      return { input };
    },
  };
  const kind = (spec) => {
    if (["slider", "bool"].includes(spec.type)) return spec.type;
    if (!spec.choices.length) return "text";
    return spec.choices.every(([, text]) => text.includes(": ")) ? "cards" : "choice";
  };

  function makeField(spec) {
    const id = `lb-tag-${spec.key}`, field = { spec };
    const { input, beside } = makers[kind(spec)](spec, id, field);
    if (spec.help) input.setAttribute("aria-describedby", `${id}-help`);
    field.error = h("small.lb-error", { hidden: true });
    const help = spec.help && h("small.lb-muted", { id: `${id}-help`, text: spoken(spec.help) });
    const label = h(kind(spec) === "cards" ? "span.lb-gen-label" : "label", { for: kind(spec) === "cards" ? undefined : id, text: spec.unit ? `${spoken(spec.label)} (${spoken(spec.unit)})` : spoken(spec.label) });
    field.box = spec.type === "bool"
      ? h("div.lb-set.lb-set-bool", {}, h("div.lb-set-head", {}, input, label), help, field.error)
      : h("div.lb-set", {}, h("div.lb-set-head", {}, label, beside), input, help, field.error);
    return field;
  }

  return {
    root,
    usual,
    build(specs) {
      fields = Object.fromEntries(specs.filter((s) => s.key !== "combine").map((spec) => [spec.key, makeField(spec)]));
      const made = Object.values(fields), rarely = made.filter((f) => f.spec.more);
      replace(often, ...made.filter((f) => !f.spec.more).map((f) => f.box));
      replace(rare, ...rarely.map((f) => f.box));
      const names = rarely.slice(0, 2).map((f) => f.spec.label).join(", ");
      say(more.querySelector(".lb-muted"), t` ${names} and ${rarely.length - 2} others`);
    },
    /** The saved values; a field that holds what does not fit keeps it until it is mended. */
    set(answer, isUsual) {
      values = { ...answer };
      for (const [key, field] of Object.entries(fields)) if (!field.box.classList.contains("lb-unfit")) field.put(answer[key]);
      usual.hidden = isUsual;
    },
    /** Move a threshold from elsewhere (the chart); keep: the hand has left it. */
    move(key, value, done = false) {
      fields[key].put(value);
      if (done) keep(fields[key], value);
      else moved(key, value);
    },
    /** Add to a list of tags, as if it had been typed. */
    add(key, tag) {
      const before = values[key] ? `${values[key].replace(/[,\s]+$/, "")}, ` : "";
      fields[key].put(before + tag);
      return keep(fields[key], before + tag);
    },
    values: () => ({ ...values }),
    ready: () => Object.keys(fields).length > 0,
    edits: () => edits,
  };
}
