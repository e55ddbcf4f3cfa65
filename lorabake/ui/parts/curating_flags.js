/**
 * Which pictures are shown and in which order: buttons for flags and marks, limits for figures.
 * onChange(): another choice. The expression of the filter box is the server's; this is what is left.
 */
function makeFlags({ onChange }) {
  const LOOKS = [["", t`All`], ["flagged", t`To look at`], ["open", t`Not decided`], ["kept", t`Kept`], ["star", t`★ Starred`], ["cuts", t`With boxes`]];
  const FIGURES = [
    ["mp", t`Size`, (row) => (row.width * row.height) / 1e6, (v) => `${v.toFixed(2)} MP`],
    ["enlarged", t`Enlarged for its bucket`, (row) => row.enlarged, (v) => `${v.toFixed(2)} ×`],
    ["blur", t`Width of edges (blur)`, (row) => row.blur, (v) => `${v.toFixed(2)} px`],
    ["brightness", t`Brightness`, (row) => row.brightness, (v) => `${Math.round(v * 100)} %`],
    ["contrast", t`Contrast`, (row) => row.contrast, (v) => `${Math.round(v * 100)} %`],
  ];
  const SORTS = [["", t`By folder`], ["worst", t`Most flags first`], ["name", t`By name`], ["size", t`Largest first`], ["enlarged", t`Too small first`], ["blur", t`Most blurred first`], ["brightness", t`Brightest first`], ["contrast", t`Most contrast first`], ["saturation", t`Most colourful first`], ["star", t`Starred first`]];
  const bits = (value) => { let n = 0; for (let rest = value; rest; rest &= rest - 1) n += 1; return n; };
  const ORDER = {
    worst: (row) => -bits(row.flags), name: (row) => row.name.toLowerCase(), size: (row) => -row.width * row.height, enlarged: (row) => -row.enlarged,
    blur: (row) => -(row.blur ?? -1), brightness: (row) => -(row.brightness ?? -1), contrast: (row) => -(row.contrast ?? -1), saturation: (row) => -(row.saturation ?? -1), star: (row) => -row.star,
  };
  let kinds = [], rows = [], look = "", kind = -1, limits = {};

  const chips = h("div.lb-curate-chips", { role: "group", "aria-label": t`Show` });
  const sort = h("select.lb-select", { "aria-label": t`Order of the gallery`, onchange: () => { remember("curating-sort", sort.value); onChange(); } }, ...SORTS.map(([value, text]) => h("option", { value, text })));
  sort.value = SORTS.some(([value]) => value === recall("curating-sort")) ? recall("curating-sort") : "";
  const reverse = h("button.lb-button.lb-icon", { type: "button", text: "⇅", "aria-label": t`The other way round`, title: t`The other way round`, "aria-pressed": "false", onclick: () => { reverse.setAttribute("aria-pressed", String(reverse.getAttribute("aria-pressed") !== "true")); onChange(); } });
  const sliders = h("div.lb-curate-figures");
  const free = h("button.lb-quiet", { type: "button", text: t`No limits`, onclick: () => { limits = {}; drawFigures(); onChange(); } });
  const form = h("div.lb-curate-form");

  const is = {
    "": () => true, flagged: (row) => row.flags > 0 && !row.kept, open: (row) => !row.kept, kept: (row) => row.kept,
    star: (row) => row.star, cuts: (row) => row.boxes > 0,
  };

  function chip(text, count, on, work, title) {
    return h("button.lb-curate-chip", { type: "button", "aria-pressed": String(on), title, onclick: work }, h("span", { text }), h("b", { text: count.toLocaleString("en") }));
  }
  function draw() {
    const focused = chips.contains(document.activeElement) ? [...chips.children].indexOf(document.activeElement) : -1;
    replace(chips,
      ...LOOKS.map(([value, text]) => [value, text, rows.filter(is[value]).length]).filter(([value, , count]) => count || !value || value === look)
        .map(([value, text, count]) => chip(text, count, look === value && kind < 0, () => { look = value; kind = -1; draw(); onChange(); })),
      h("i.lb-chip-gap"),
      ...kinds.map(([, title], index) => [title, index, rows.reduce((n, row) => n + ((row.flags >> index) & 1), 0)]).filter(([, index, count]) => count || index === kind)
        .map(([title, index, count]) => chip(spoken(title), count, kind === index, () => { kind = kind === index ? -1 : index; look = ""; draw(); onChange(); })));
    chips.children[focused]?.focus?.();
  }

  function drawFigures() {
    replace(sliders, ...FIGURES.map(([key, title, of, shownAs]) => {
      const values = rows.map(of).filter((value) => value !== null && value !== undefined && Number.isFinite(value));
      if (values.length < 2) return null;
      const low = Math.min(...values), high = Math.max(...values);
      if (high - low < 1e-6) return null;
      const set = limits[key] || [low, high];
      const text = h("span.lb-mono");
      const told = () => { const [a, b] = limits[key] || [low, high]; say(text, t`${shownAs(a)} to ${shownAs(b)}`); };
      const slider = (at, label) => h("input.lb-range", { type: "range", min: "0", max: "1000", value: String(Math.round(((set[at] - low) / (high - low)) * 1000)), "aria-label": `${title}, ${label}`, oninput: (event) => {
        const next = limits[key] ? [...limits[key]] : [low, high], to = event.target.value === "0" ? low : event.target.value === "1000" ? high : low + (high - low) * (event.target.value / 1000);
        next[at] = at ? Math.max(to, next[0]) : Math.min(to, next[1]);
        if (next[0] <= low && next[1] >= high) delete limits[key]; else limits[key] = next;
        told();
        free.hidden = !Object.keys(limits).length;
        clearTimeout(slider.timer);
        slider.timer = setTimeout(onChange, 60);
      } });
      told();
      return h("div.lb-curate-figure", {}, h("div.lb-line", {}, h("b", { text: title }), text), h("label", {}, h("small", { text: t`from` }), slider(0, t`at least`)), h("label", {}, h("small", { text: t`to` }), slider(1, t`at most`)));
    }));
    free.hidden = !Object.keys(limits).length;
  }

  /** The settings of the flags; set(key, value) keeps one. */
  function drawForm(specs, set) {
    if (form.contains(document.activeElement)) return;
    replace(form, ...specs.map((spec) => {
      const id = `lb-curate-${spec.key}`;
      const text = h("span.lb-mono", { text: `${spec.value} ${spoken(spec.unit)}` });
      return h("div.lb-set", {}, h("div.lb-set-head", {}, h("label", { htmlFor: id, text: spoken(spec.label) }), text),
        h("input.lb-range", { "data-needs": "lb_curate_set", id, "aria-describedby": `${id}-help`, type: "range", min: String(spec.low), max: String(Math.min(spec.high, spec.usual * 4)), step: spec.usual < 0.1 ? "0.005" : "0.05", value: String(spec.value), oninput: (event) => say(text, `${event.target.value} ${spoken(spec.unit)}`), onchange: (event) => set(spec.key, event.target.value) }),
        h("small.lb-muted", { id: `${id}-help`, text: spoken(spec.help) }));
    }));
  }

  return {
    chips, sort, reverse, sliders, free, form, drawForm,
    /** Rows that fit, in order. */
    choose(found) {
      let chosen = found.filter(kind >= 0 ? (row) => (row.flags >> kind) & 1 : is[look] || is[""]);
      for (const [key, , of] of FIGURES) if (limits[key]) {
        const [low, high] = limits[key];
        chosen = chosen.filter((row) => { const value = of(row); return value !== null && value >= low - 1e-9 && value <= high + 1e-9; });
      }
      const order = ORDER[sort.value];
      if (order) {
        const keyed = chosen.map((row, index) => [order(row), index, row]);
        keyed.sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : a[1] - b[1]));
        chosen = keyed.map((one) => one[2]);
      }
      if (reverse.getAttribute("aria-pressed") === "true") chosen = [...chosen].reverse();
      return chosen;
    },
    /** Other rows, or other marks on them. */
    set(nextKinds, nextRows, { figures = true } = {}) { kinds = nextKinds; rows = nextRows; draw(); if (figures && !sliders.contains(document.activeElement)) drawFigures(); },
    clear() { look = ""; kind = -1; limits = {}; draw(); drawFigures(); },
    get limited() { return Boolean(look || kind >= 0 || Object.keys(limits).length); },
    titles: (row) => kinds.filter((_, index) => (row.flags >> index) & 1).map(([, title]) => spoken(title)),
  };
}
