// The Grabber's search: the box with completion, the sources, the sliders.
/** onSearch(): Enter or the button; onMove(values): something was changed; onType(); complete(field). */
function makeGrabSearch({ onSearch, onMove, onType, onAccounts, complete }) {
  let form = null, values = {}, known = new Set(), kept = true;
  const box = h("input.lb-input.lb-grab-box", { type: "text", enterkeyhint: "search", id: "lb-grab-query", "aria-label": t`Search for tags`, autocomplete: "off", spellcheck: "false", maxlength: "1000", placeholder: t`solo -rating:explicit -rating:questionable kafka_(honkai:_star_rail) shirt` });
  const button = h("button.lb-button.lb-primary", { type: "button", text: t`Search`, onclick: () => onSearch() });
  const sources = h("div.lb-grab-sources", { role: "group", "aria-label": t`Sources` });
  const keyless = h("p.lb-muted.lb-grab-keyless", { hidden: true });
  const summary = h("span.lb-muted");
  const changed = h("span.lb-more-changed");
  const sliders = h("div.lb-grab-sliders");
  const filters = h("details.lb-more.lb-grab-filters", {}, h("summary", {}, h("b", { text: t`Filters` }), summary, changed), sliders);
  const root = h("div.lb-grab-search", {}, h("form.lb-grab-line", { role: "search", onsubmit: (event) => { event.preventDefault(); completion.close(); onSearch(); } }, box, button), sources, keyless, filters);
  button.type = "submit";
  button.onclick = null;
  const completion = complete(box);

  const move = (change) => { Object.assign(values, change); draw(); onMove(change); };
  box.addEventListener("input", () => { values.text = box.value; onType(); });
  box.addEventListener("change", () => onMove({ text: box.value }));

  /** A slider over stops; `text(stop)` in words. */
  function slider(key, label, stops, text, help) {
    const id = `lb-grab-${key}`, out = h("output.lb-mono.lb-grab-out", { for: id });
    const range = h("input.lb-range", { type: "range", id, min: "0", max: String(stops.length - 1), step: "1" });
    const show = () => {
      const at = Number(range.value);
      say(out, text(stops[at]));
      range.setAttribute("aria-valuetext", text(stops[at]));
      range.style.setProperty("--share", `${(100 * at) / (stops.length - 1)}%`);
    };
    range.addEventListener("input", show);
    range.addEventListener("change", () => move({ [key]: stops[Number(range.value)] }));
    const put = () => { const at = stops.findIndex((stop) => stop === values[key]); range.value = String(at < 0 ? 0 : at); show(); };
    return { put, root: h("div.lb-set", {}, h("div.lb-set-head", {}, h("label", { for: id, text: label }), out), range, help && h("small.lb-muted", { text: help })) };
  }
  /** Several of a few words. */
  function checks(key, label, options, { help = "", word = spoken } = {}) {
    const boxes = options.map((one) => [one, h("input", { type: "checkbox", onchange: () => move({ [key]: boxes.filter(([, node]) => node.checked).map(([name]) => name) }) })]);
    const put = () => { for (const [one, node] of boxes) node.checked = (values[key] || []).includes(one); };
    return { put, root: h("fieldset.lb-set.lb-grab-checks", {}, h("legend", { text: label }), h("div.lb-line", {}, ...boxes.map(([one, node]) => h("label.lb-check", {}, node, word(one)))), help && h("small.lb-muted", { text: help })) };
  }

  const NAMES = { 0.33: "1:3", 0.5: "1:2", 0.56: "9:16", 0.67: "2:3", 0.75: "3:4", 1: "1:1", 1.33: "4:3", 1.5: "3:2", 1.78: "16:9", 2: "2:1", 3: "3:1" };
  const shape = (stop) => (stop ? NAMES[stop] || String(stop) : t`any`);
  let fields = [];
  function build(about) {
    form = about;
    fields = [
      slider("min_side", t`Shorter side at least`, form.sides, (stop) => (stop ? `${stop} px` : t`any`), t`What is smaller than the training resolution has to be enlarged later.`),
      slider("min_score", t`Score at least`, form.scores, (stop) => (stop === null ? t`any` : String(stop)), t`What the board's visitors think of it.`),
      slider("narrow", t`Not narrower than`, [0, ...form.shapes], shape, t`Width : height.`),
      slider("wide", t`Not wider than`, [...form.shapes, 0], shape, t`Very wide or tall pictures lose much at their edges.`),
      checks("ratings", t`Rating`, form.ratings, { help: t`Words as -rating:sensitive in the search do the same.` }),
      checks("types", t`File type`, form.types, { help: t`None checked: any picture. Videos are never fetched.`, word: (one) => one.toUpperCase() }),
    ];
    replace(sliders, ...fields.map((field) => field.root));
    replace(sources, h("span.lb-label", { text: t`Sources` }), ...form.sites.map((site) => {
      const check = h("input", { type: "checkbox", value: site.name, onchange: () => move({ sites: [...sources.querySelectorAll("input")].filter((one) => one.checked).map((one) => one.value) }) });
      return h("label.lb-check.lb-grab-source", { title: site.tags ? t`Takes ${site.tags} tags in a search; further ones are looked for here.` : undefined }, check, site.label);
    }));
  }

  function draw() {
    for (const label of sources.querySelectorAll("label")) {
      const check = label.firstChild;
      check.checked = (values.sites || []).includes(check.value);
      label.classList.toggle("lb-on", check.checked);
    }
    const without = form.sites.filter((site) => site.key === "required" && (values.sites || []).includes(site.name) && !known.has(site.name));
    keyless.hidden = !without.length;
    replace(keyless, t`${without.map((site) => site.label).join(t` and `)} ${without.length > 1 ? t`answer` : t`answers`} nobody without a key. `,
      ...(kept ? [h("button.lb-grab-link", { type: "button", text: t`Add yours under Accounts`, onclick: onAccounts }), t`, or choose another source.`] : [t`Choose another source.`]));
    const said = [];
    if (values.min_side) said.push(t`at least ${values.min_side} px`);
    if (values.min_score !== null && values.min_score !== undefined) said.push(t`score ${values.min_score} or more`);
    if (values.narrow || values.wide) said.push(t`shape ${values.narrow ? shape(values.narrow) : t`any`} to ${values.wide ? shape(values.wide) : t`any`}`);
    said.push((values.ratings || []).length ? values.ratings.map(spoken).join(", ") : t`general, sensitive`);
    if ((values.types || []).length) said.push(values.types.map((one) => one.toUpperCase()).join(", "));
    say(summary, ` ${said.join(" · ")}`);
  }

  return {
    root, box, build,
    ready: () => form !== null,
    /** Do the sliders leave something out that a board counts? */
    filtered: (those) => Boolean(those && (those.min_side || those.narrow || those.wide || (those.types || []).length || ![null, undefined].includes(those.min_score))),
    set(next) {
      values = { ...next };
      if (document.activeElement !== box) box.value = values.text || "";
      if (values.narrow === undefined) values.narrow = 0;
      for (const field of fields) field.put();
      draw();
    },
    accounts(rows) { kept = rows.length > 0; known = new Set(rows.filter((row) => row.known).map((row) => row.site)); if (form) draw(); },
    values: () => ({ text: box.value, sites: values.sites, min_side: values.min_side, min_score: values.min_score, narrow: values.narrow, wide: values.wide, ratings: values.ratings, types: values.types }),
    busy(yes) { say(button, yes ? t`Searching…` : t`Search`); button.disabled = yes; },
  };
}
