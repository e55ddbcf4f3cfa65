// Every setting, one field each, saved as it is left. A filter, marks for what differs from the preset.
let project = "", fields = {}, groups = [], only = false;
let sent = Promise.resolve();

const words = h("input.lb-input.lb-find", { type: "search", placeholder: t`Find a setting`, "aria-label": t`Find a setting`, maxlength: "100", oninput: filter });
const count = h("span.lb-muted", { role: "status" });
const onlyBox = h("input", { type: "checkbox", onchange: () => { only = onlyBox.checked; filter(); } });
const trouble = h("div", { "aria-live": "polite" });
const list = h("div.lb-groups");
const none = h("p.lb-muted.lb-hint", { hidden: true, text: t`No setting is called that.` });
const main = h("div.lb-settings", { hidden: true },
  h("div.lb-line.lb-filter", { role: "search" }, words, h("label.lb-check", {}, onlyBox, h("span", { text: t`Only changed ones` })), count),
  trouble, none, list);
replace(element, main);

// --- one field ---------------------------------------------------------------------------------
function makeInput(spec, about) {
  const key = { "data-needs": "lb_set", id: about.id, "aria-describedby": `${about.id}-help` };
  if (spec.type === "bool") return h("input", { type: "checkbox", ...key });
  if (spec.choices.length || spec.found) return h("select.lb-select", key);
  if (spec.lines > 1) return h("textarea.lb-caption.lb-short", { ...key, rows: String(spec.lines), spellcheck: "false" });
  const numbers = ["int", "float"].includes(spec.type);
  return h(`input.lb-input${numbers ? ".lb-mono" : ""}`, { ...key, type: "text", maxlength: "2000", autocomplete: "off", spellcheck: "false", inputmode: spec.type === "int" ? "numeric" : numbers ? "decimal" : undefined });
}

function makeField(spec) {
  const id = `in-${spec.key.replaceAll(".", "-")}`;
  const input = makeInput(spec, { id });
  const reset = h("button.lb-reset", { "data-needs": "lb_set", type: "button", hidden: true, onclick: () => save(field, { reset: true }) });
  const error = h("small.lb-error", { hidden: true });
  const label = h("label", { for: id, text: spec.unit ? `${spoken(spec.label)} (${spoken(spec.unit)})` : spoken(spec.label) });
  const help = h("small.lb-muted", { id: `${id}-help`, text: spoken(spec.help) });
  const box = spec.type === "bool"
    ? h("div.lb-set.lb-set-bool", {}, h("div.lb-set-head", {}, input, label, reset), help, error)
    : h("div.lb-set", {}, h("div.lb-set-head", {}, label, reset), input, help, error);
  box.id = `set-${spec.key.replaceAll(".", "-")}`;
  if (spec.lines > 1) box.classList.add("lb-wide");
  const field = { spec, input, box, reset, error, known: undefined, text: "" };
  input.addEventListener("change", () => save(field, { value: spec.type === "bool" ? input.checked : input.value }));
  if (input.tagName === "INPUT") input.addEventListener("keydown", (event) => { if (event.key === "Enter") input.blur(); });
  return field;
}

const held = (field) => (field.spec.type === "bool" ? field.input.checked : field.input.value);
function put(field, value) {
  if (field.spec.type === "bool") field.input.checked = value;
  else field.input.value = String(value);
  field.known = held(field);
}

/** One after the other, so that the last one typed is the one that stays. */
function save(field, data) {
  const wanted = project;
  sent = sent.then(async () => {
    try {
      await ask(server.lb_set, { project: wanted, key: field.spec.key, ...data });
      field.error.hidden = true;
      field.box.classList.remove("lb-unfit");
      field.known = held(field);
    } catch (error) {
      say(field.error, t`Not saved: ${error.message}`);
      field.error.hidden = false;
      field.box.classList.add("lb-unfit");
      return;
    }
    if (data.reset) field.known = undefined;
    tell("oven", { by: "settings" });
    tell("nudge");
  });
  window.lorabake.saving = sent;
}

// --- all of them ---------------------------------------------------------------------------------
function build(described, found) {
  fields = {};
  groups = described.map((group) => {
    const made = group.fields.map((spec) => makeField({ ...spec, found: spec.key in found }));
    for (const field of made) {
      fields[field.spec.key] = field;
      const s = field.spec;
      field.text = `${[group.title, s.label, s.help].flatMap((one) => [one, spoken(one)]).join(" ")} ${s.key} ${s.choices.flat().join(" ")}`.toLowerCase();
    }
    const grid = (some) => h("div.lb-set-grid", {}, ...some.map((field) => field.box));
    const often = made.filter((f) => !f.spec.more), rarely = made.filter((f) => f.spec.more);
    const names = rarely.slice(0, 4).map((f) => spoken(f.spec.label)).join(", ");
    const more = rarely.length > 0 && h("details.lb-more", {},
      h("summary", {}, h("b", { text: t`More` }), h("span.lb-muted", { text: ` ${names}${rarely.length > 4 ? t` and ${rarely.length - 4} others` : ""}` }), h("span.lb-more-changed")), grid(rarely));
    const facts = group.id === "model" && h("div.lb-facts", { "aria-live": "polite" });
    const first = often.length > 0 && grid(often);
    const node = h("section.lb-group", {}, h("h3.lb-heading", { text: spoken(group.title) }), first, facts, more);
    return { node, fields: made, often: first, more, facts, wasOpen: false };
  });
  replace(list, ...groups.map((group) => group.node));
}

function options(field, choices) {
  const key = JSON.stringify(choices);
  if (field.input.dataset.choices === key) return;
  field.input.dataset.choices = key;
  replace(field.input, ...choices.map(([value, text]) => h("option", { value, text: spoken(text) })));
  field.known = undefined;
}

function draw(answer) {
  if (answer.groups) build(answer.groups, answer.choices);
  for (const [key, field] of Object.entries(fields)) {
    const choices = answer.choices[key] || field.spec.choices;
    if (field.input.tagName === "SELECT") options(field, choices);
    const untouched = field.known === undefined || held(field) === field.known;
    const editing = document.activeElement === field.input && !untouched;
    if (!editing && !field.box.classList.contains("lb-unfit") || field.known === undefined) put(field, answer.values[key]);
    const before = answer.changed[key];
    field.reset.hidden = before === undefined;
    field.box.classList.toggle("lb-changed", before !== undefined);
    if (before !== undefined) {
      say(field.reset, `↺ ${before.length > 18 ? t`preset` : spoken(before)}`);
      field.reset.title = t`Back to the preset's value: ${spoken(before)}`;
      field.reset.setAttribute("aria-label", t`${field.spec.label}: back to the preset's value, ${spoken(before)}`);
    }
  }
  for (const group of groups) {
    if (group.facts) drawFacts(group.facts, answer.base);
    if (group.more) {
      const changed = group.fields.filter((f) => f.spec.more && f.box.classList.contains("lb-changed")).length;
      say(group.more.querySelector(".lb-more-changed"), changed ? t`${changed} changed` : "");
    }
  }
  filter();
}

function drawFacts(node, base) {
  replace(node,
    base.facts.length > 0 && h("dl", {}, ...base.facts.map(([name, value]) => h("div", {}, h("dt", { text: spoken(name) }), h("dd", { text: spoken(value) })))),
    base.problem && remark("bad", base.problem, { word: t`Base model` }),
    h("button.lb-quiet", { type: "button", text: t`Look at the model shelf`, onclick: () => tell("shelf") }));
}

/** Show what matches every word; folded fields come out, and go back in afterwards. */
function filter() {
  const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
  const filtering = wanted.length > 0 || only;
  let shownCount = 0;
  for (const group of groups) {
    let inGroup = 0, inMore = 0;
    for (const field of group.fields) {
      const fits = wanted.every((word) => field.text.includes(word)) && (!only || field.box.classList.contains("lb-changed") || field.box.classList.contains("lb-unfit"));
      field.box.hidden = !fits;
      if (fits) { inGroup += 1; if (field.spec.more) inMore += 1; }
    }
    shownCount += inGroup;
    group.node.hidden = !inGroup;
    if (group.often) group.often.hidden = inGroup === inMore;
    if (!group.more) continue;
    if (filtering && !group.filtered) group.wasOpen = group.more.open;
    if (filtering) group.more.open = inMore > 0;
    else if (group.filtered) group.more.open = group.wasOpen;
    group.filtered = filtering;
    group.more.hidden = !inMore;
  }
  if (groups.length) say(count, filtering ? t`${shownCount} of ${plural(Object.keys(fields).length, "setting")}` : plural(Object.keys(fields).length, "setting"));
  none.hidden = shownCount > 0 || !groups.length;
  say(none, only && !wanted.length ? t`Nothing is changed from the preset.` : t`No setting is called that.`);
}

/** What was typed and does not fit belongs to what was there before. */
function forgetTyped() {
  for (const field of Object.values(fields)) { field.known = undefined; field.error.hidden = true; field.box.classList.remove("lb-unfit"); }
}

async function read() {
  const now = props.value?.project || "";
  if (now !== project) { project = now; forgetTyped(); }
  if (!project) { main.hidden = true; return; }
  try {
    const answer = await ask(server.lb_settings, { project, form: !groups.length });
    if (now !== project) return;
    replace(trouble);
    draw(answer);
  } catch (error) {
    replace(trouble, remark("bad", error.message));
  }
  main.hidden = false;
}
read();
watch("value", read);
hear(element, "oven", (news) => { if (news.by === "choice" || news.by === "plan") forgetTyped(); read(); }, { now: false });
