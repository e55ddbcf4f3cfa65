// The settings of an improvement: sliders that are felt at once, choices, boxes.
/**
 * onMove(values): while something is moved. onKeep(key, value): when it is left; gives a promise that
 * fails with a sentence.
 */
function makeImproveForm({ onMove, onKeep }) {
  const NEEDS = { "data-needs": "lb_improve_set" };
  const upscaling = h("div.lb-imp-fields", NEEDS), contrast = h("div.lb-imp-fields.lb-imp-contrast", NEEDS);
  const usual = h("button.lb-quiet", { "data-needs": "lb_improve_set", type: "button", text: t`Back to the usual values` });
  let fields = {}, values = {}, edits = 0;

  function moved(key, value) {
    values[key] = value;
    edits += 1;
    show();
    onMove({ ...values });
  }
  async function keep(field, value) {
    values[field.spec.key] = value;
    edits += 1;
    try {
      await onKeep(field.spec.key, value);
      wrong(field, "");
    } catch (error) { wrong(field, error.message); }
  }
  function wrong(field, sentence) {
    say(field.error, sentence);
    field.error.hidden = !sentence;
    field.box.classList.toggle("lb-unfit", Boolean(sentence));
  }

  const makers = makeFieldKinds({ moved, keep, step: (spec) => (spec.high - spec.low > 3 ? "0.05" : "0.01") });
  const kind = (spec) => {
    if (["slider", "bool"].includes(spec.type)) return spec.type;
    return spec.choices.every(([, text]) => text.includes(": ")) ? "cards" : "choice";
  };

  function makeField(spec) {
    const id = `lb-improve-${spec.key}`, field = { spec }, made = kind(spec);
    const { input, beside } = makers[made](spec, id, field);
    if (spec.help) input.setAttribute("aria-describedby", `${id}-help`);
    field.error = h("small.lb-error", { hidden: true });
    const help = spec.help && h("small.lb-muted", { id: `${id}-help`, text: spoken(spec.help) });
    const label = h(made === "cards" ? "span.lb-gen-label" : "label", { for: made === "cards" ? undefined : id, text: spec.unit ? `${spoken(spec.label)} (${spoken(spec.unit)})` : spoken(spec.label) });
    field.box = made === "bool"
      ? h("div.lb-set.lb-set-bool", {}, h("div.lb-set-head", {}, input, label), help, field.error)
      : h("div.lb-set", {}, h("div.lb-set-head", {}, label, beside), input, help, field.error);
    return field;
  }

  /** Only what has an effect now. */
  function show() {
    const enlarges = values.upscaler !== "off", model = enlarges && values.upscaler !== "lanczos";
    const seen = { fit: enlarges, factor: enlarges && values.fit === "factor", strength: model, alpha: enlarges || values.contrast, contrast: true };
    for (const [key, field] of Object.entries(fields)) field.box.hidden = !(field.spec.contrast ? values.contrast : seen[key] ?? true);
  }

  return {
    upscaling, contrast, usual,
    build(specs) {
      fields = Object.fromEntries(specs.map((spec) => [spec.key, makeField(spec)]));
      const made = Object.values(fields), own = (field) => field.spec.contrast || field.spec.key === "contrast";
      replace(upscaling, ...made.filter((f) => !own(f)).map((f) => f.box));
      replace(contrast, ...made.filter(own).map((f) => f.box));
    },
    /** The saved values; a field that holds what does not fit keeps it until it is mended. */
    set(answer, isUsual) {
      values = { ...answer };
      for (const [key, field] of Object.entries(fields)) if (!field.box.classList.contains("lb-unfit")) field.put(answer[key]);
      usual.hidden = isUsual;
      show();
    },
    values: () => ({ ...values }),
    /** Every field again as it was saved, also one that did not fit. */
    clear() { for (const field of Object.values(fields)) wrong(field, ""); },
    ready: () => Object.keys(fields).length > 0,
    edits: () => edits,
    get busy() { return [upscaling, contrast].some((node) => node.contains(document.activeElement)); },
  };
}
