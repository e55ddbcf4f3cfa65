// The operations as a form: the guide's fields first, the others folded by what they are about.
function makeForm({ complete, onChange }) {
  const fields = {};
  const node = h("div.lb-process-form");
  let groups = [], edits = 0; // edits: how often somebody changed a field

  function makeInput(spec, id) {
    const about = { id, "aria-describedby": `${id}-help` };
    if (spec.type === "bool") return h("input", { type: "checkbox", ...about });
    if (spec.choices.length) return h("select.lb-select", about, ...spec.choices.map(([value, text]) => h("option", { value, text: spoken(text) })));
    const free = { ...about, autocomplete: "off", autocapitalize: "off", spellcheck: "false", maxlength: String(spec.longest), placeholder: spoken(spec.example) || undefined };
    if (spec.lines > 1) return h("textarea.lb-caption.lb-short", { ...free, rows: String(spec.lines) });
    const numbers = ["int", "float"].includes(spec.type);
    return h(`input.lb-input${numbers ? ".lb-mono" : ""}`, { ...free, type: "text", inputmode: spec.type === "int" ? "numeric" : numbers ? "decimal" : undefined });
  }

  function makeField(spec) {
    const id = `process-${spec.name}`;
    const input = makeInput(spec, id);
    const clear = h("button.lb-reset", { type: "button", hidden: true, text: "↺", title: t`Back to the usual value`, "aria-label": t`${spoken(spec.label)}: back to the usual value`, onclick: () => { set(field, spec.usual); touched(field, true); input.focus(); } });
    const label = h("label", { for: id, text: spec.unit ? `${spoken(spec.label)} (${spoken(spec.unit)})` : spoken(spec.label) });
    const found = h("span.lb-found", { role: "status" });
    const help = h("small.lb-muted", { id: `${id}-help`, text: spoken(spec.help) });
    const error = h("small.lb-error", { hidden: true });
    const box = spec.type === "bool"
      ? h("div.lb-set.lb-set-bool", {}, h("div.lb-set-head", {}, input, label, clear), help, error)
      : h("div.lb-set", {}, h("div.lb-set-head", {}, label, found, clear), input, help, error);
    if (spec.lines > 2) box.classList.add("lb-wide");
    const field = { spec, input, box, clear, error, found, group: null };
    input.addEventListener("input", () => touched(field, false));
    input.addEventListener("change", () => touched(field, true));
    if (spec.tags) attachCompletion(input, { ask: complete, separator: spec.separator });
    return field;
  }

  function touched(field, settled) { edits += 1; mark(field); onChange(settled); }

  const held = (field) => (field.spec.type === "bool" ? field.input.checked : field.input.value);
  function set(field, value) {
    if (field.spec.type === "bool") field.input.checked = value;
    else if (field.input.value !== String(value)) field.input.value = String(value);
  }
  const differs = (field) => String(held(field)).trim() !== String(field.spec.usual).trim();

  function mark(field) {
    const changed = differs(field);
    field.box.classList.toggle("lb-changed", changed);
    field.clear.hidden = !changed || (field.spec.type === "bool");
    const group = field.group;
    if (group?.note) {
      const names = group.fields.filter(differs).map((one) => spoken(one.spec.label));
      say(group.note, names.length > 2 ? t`${names.length} set` : names.join(", "));
    }
  }

  function build(described) {
    groups = described.map((about) => {
      const made = about.fields.map(makeField);
      for (const field of made) fields[field.spec.name] = field;
      const grid = h("div.lb-set-grid", {}, ...made.map((field) => field.box));
      const group = { fields: made, note: null, node: grid };
      if (about.title) {
        group.note = h("span.lb-more-changed");
        group.node = h("details.lb-more", { open: recall(`process-open:${about.title}`, false) },
          h("summary", {}, h("b", { text: spoken(about.title) }), h("span.lb-muted", { text: ` ${about.about.replace("…", "").split(", ").map(spoken).join(", ")}${about.about.endsWith("…") ? "…" : ""}` }), group.note), grid);
        group.node.addEventListener("toggle", () => remember(`process-open:${about.title}`, group.node.open));
      }
      for (const field of made) field.group = group;
      return group;
    });
    replace(node, ...groups.map((group) => group.node));
  }

  /** Show these values; a field in which somebody is typing is left alone unless `all`. True: one differed. */
  function put(values, { all = false } = {}) {
    let different = false;
    for (const [name, value] of Object.entries(values)) {
      const field = fields[name];
      if (!field || String(held(field)) === String(value) || (!all && document.activeElement === field.input)) continue;
      set(field, value);
      different = true;
    }
    for (const field of Object.values(fields)) mark(field);
    return different;
  }

  const values = () => Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, held(field)]));

  /** What does not fit, below its field; a folded field comes out. */
  function errors(told) {
    for (const [name, field] of Object.entries(fields)) {
      const text = told[name] || "";
      field.error.hidden = !text;
      say(field.error, text);
      field.box.classList.toggle("lb-unfit", Boolean(text));
      if (text && field.group?.note) field.group.node.open = true;
    }
  }

  /** The live count beside a field: "in 12 captions". */
  function counts(found) {
    for (const [name, field] of Object.entries(fields)) {
      const text = found[name] || "";
      say(field.found, spoken(text));
      field.found.classList.toggle("lb-nowhere", text === "not found");
    }
  }

  /** Add a tag or a line to a field, as if it had been typed. */
  function append(name, text) {
    const field = fields[name];
    if (!field) return;
    const separator = field.spec.separator === "\n" ? "\n" : ", ";
    const old = field.input.value.replace(/[,\s]+$/, "");
    if (old.split(/[,\n]/).some((one) => one.trim() === text)) return;
    field.input.value = old ? old + separator + text : text;
    if (field.group?.note) field.group.node.open = true;
    touched(field, true);
    field.box.scrollIntoView({ block: "nearest" });
  }

  return { node, build, put, values, errors, counts, append, get ready() { return groups.length > 0; }, get edits() { return edits; } };
}
