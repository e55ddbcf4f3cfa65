/** What a grid is asked for. where(): { project, run }; begun(name): of the grid that was put into the queue. */
function makeRequest({ server, where, begun }) {
  const FORMS = [["epochs", t`Epochs by weights`], ["xyz", t`Any axes (X/Y/Z)`]];
  let counting = null, turn = 0, form = "epochs", specs = [];
  const inputs = {}, labels = {};
  const axes = makeAxes({ changed: later });
  const choices = FORMS.map(([value, text]) => h("button.lb-quiet", { type: "button", text, "data-form": value, onclick: () => { take(value); count(); } }));
  const guide = h("button.lb-button", { type: "button", id: "lb-as-guide", text: t`As the guide does it`, title: t`X looks for the epoch, Y for the weight, in a prompt that names the newest file`, onclick: asGuide });
  const often = h("div.lb-fields"), rarely = h("div.lb-fields"), more = h("summary");
  const render = h("button.lb-button.lb-primary", { "data-needs": "lb_render", type: "button", id: "lb-render", text: t`Render`, disabled: true, onclick: start });
  const hint = h("span.lb-muted", { role: "status" });
  const known = h("div.lb-request-known", { "aria-live": "polite" });
  const said = h("div", { "aria-live": "polite" });
  const root = h("div.lb-request-form", {},
    h("div.lb-line", {}, h("div.lb-switch", { role: "group", "aria-label": t`What is compared` }, ...choices), guide),
    often, h("details.lb-details", {}, more, rarely), known, h("div.lb-line", {}, render, hint), said);

  function field(spec) {
    const common = { "aria-label": spoken(spec.label), id: `lb-grid-${spec.name}`, maxlength: String(spec.longest), "aria-describedby": `lb-grid-${spec.name}-help` };
    const help = () => h("small.lb-muted", { id: common["aria-describedby"] });
    const long = ["prompt", "negative"].includes(spec.name);
    const input = spec.type === "bool" ? h("input", { type: "checkbox", id: common.id, "aria-describedby": common["aria-describedby"] }) : spec.choices.length
      ? h("select.lb-select", { "aria-label": spoken(spec.label), id: common.id, "aria-describedby": common["aria-describedby"] }, ...spec.choices.map((text) => h("option", { value: text, text })))
      : long
        ? h("textarea.lb-caption.lb-short", { ...common, rows: "2", spellcheck: "false" })
        : h("input.lb-input", { ...common, type: "text", inputmode: spec.type === "int" ? "numeric" : undefined });
    if (spec.type === "bool") input.checked = spec.value === "True"; else input.value = spec.value;
    input.addEventListener("input", later);
    inputs[spec.name] = input;
    labels[spec.name] = h(`label.lb-field${long ? ".lb-wide" : ""}`, {}, h("span", { text: spoken(spec.label) }), input, help());
    if (spec.type === "bool") replace(labels[spec.name], h("div.lb-check", {}, input, h("span", { text: spoken(spec.label) })), help());
    return labels[spec.name];
  }

  /** Show one form; what both have keeps its value. */
  function take(now) {
    form = now;
    for (const node of choices) node.setAttribute("aria-pressed", String(node.dataset.form === form));
    for (const spec of specs) {
      const node = labels[spec.name];
      if (!node) continue;
      node.hidden = !(form in spec.forms);
      const help = node.querySelector("small");
      say(help, spoken(spec.forms[form] || ""));
      help.hidden = !help.textContent;
    }
    axes.root.hidden = guide.hidden = form !== "xyz";
    say(more, t`More: steps, CFG scale, sampler, size${form === "xyz" ? t`, clip skip, margin` : ""}`);
  }

  function request() {
    const mine = specs.filter((spec) => form in spec.forms && !spec.axis);
    return { ...Object.fromEntries(mine.map((spec) => [spec.name, spec.type === "bool" ? inputs[spec.name].checked : inputs[spec.name].value])), ...(form === "xyz" ? axes.asked() : {}) };
  }
  const asked = () => ({ ...where(), form, request: request() });

  function later() { clearTimeout(counting); counting = setTimeout(count, 300); }

  async function count() {
    const mine = (turn += 1);
    try {
      const answer = await ask(server.lb_count, asked());
      if (mine !== turn) return;
      say(render, t`Render ${plural(answer.count, "picture")}`);
      render.disabled = false;
      say(hint, answer.seconds ? t`About ${span(answer.seconds)}, as this run's last grid went` : "");
      warn(answer.warnings);
    } catch (error) {
      if (mine !== turn) return;
      say(render, t`Render`);
      render.disabled = true;
      say(hint, error.message);
      warn([]);
    }
  }
  function warn(texts) {
    if (known.dataset.key === JSON.stringify(texts)) return;
    known.dataset.key = JSON.stringify(texts);
    replace(known, ...texts.map((text) => remark("warn", text)));
  }

  async function asGuide() {
    try {
      const answer = await ask(server.lb_as_guide, asked());
      inputs.prompt.value = answer.prompt;
      axes.put(answer);
      replace(said);
      count();
    } catch (error) { replace(said, remark("bad", error.message)); }
  }

  async function start() {
    render.disabled = true;
    try {
      const { grid } = await ask(server.lb_render, asked());
      replace(said);
      await begun(grid);
    } catch (error) { replace(said, remark("bad", error.message)); }
    render.disabled = false;
  }

  return {
    root,
    /** The form for a run; what was typed stays. about: of lb_ready. */
    load(about) {
      axes.kinds(about.axes);
      if (!specs.length) {
        specs = about.fields;
        const plain = specs.filter((one) => !one.axis), first = plain.findIndex((one) => !["prompt", "negative"].includes(one.name));
        const nodes = plain.filter((one) => !one.more).map(field);
        nodes.splice(first, 0, axes.root);
        replace(often, ...nodes);
        replace(rarely, ...plain.filter((one) => one.more).map(field));
        axes.put(Object.fromEntries(specs.filter((one) => one.axis).map((one) => [one.name, one.value])));
        take(about.form);
      }
      inputs.epochs.placeholder = t`all: ${about.epochs.join(", ")}`;
      count();
    },
    /** Another project. */
    clear() {
      for (const record of [inputs, labels]) for (const name of Object.keys(record)) delete record[name];
      specs = [];
      turn += 1;
      axes.clear();
      replace(often);
      replace(rarely);
      replace(said);
      warn([]);
    },
  };
}
