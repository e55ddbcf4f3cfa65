// Which pictures: those that need it are ticked, each with its reason; the person may tick others or none.
/** project(): its name; onTicked(): another choice; onShow(row): look at one closely. */
function makeImproveGrid({ project, onTicked, onShow }) {
  const SMALL = 1, BLURRED = 2;
  const LOOKS = [["need", t`Need it`], ["small", t`Too small`], ["blurred", t`Blurred`], ["ticked", t`Chosen`], ["", t`All`]];
  const is = { need: (row) => row.needs > 0, small: (row) => row.needs & SMALL, blurred: (row) => row.needs & BLURRED, ticked: (row) => ticks.has(row.id), "": () => true };
  const chips = h("div.lb-curate-chips", { role: "group", "aria-label": t`Show` });
  const count = h("span.lb-muted.lb-editor-count", { role: "status" });
  const needed = h("button.lb-quiet", { type: "button", text: t`Choose those that need it`, onclick: () => pick(rows.filter(proposed)) });
  const all = h("button.lb-quiet", { type: "button", text: t`Choose all shown`, onclick: () => pick([...rows.filter((row) => ticks.has(row.id)), ...seen]) });
  const none = h("button.lb-quiet", { type: "button", text: t`Choose none`, onclick: () => pick([]) });
  const view = h("div");
  const nothing = h("p.lb-muted.lb-hint", { hidden: true });
  const root = h("div.lb-imp-which", {}, chips, h("div.lb-line", {}, count, h("span.lb-grow"), needed, all, none), view, nothing);
  let rows = [], seen = [], byId = new Map(), look = null, current = null, anchor = null;
  // What differs from the proposal, by content: it survives a reload and other pictures.
  let differs = { more: new Set(), fewer: new Set() };

  /** Never one that was improved before: it would be done again and again. */
  const proposed = (row) => row.needs > 0 && !row.made;
  const ticks = makeSelection({ order: () => seen.map((row) => row.id), onChange: ticked });

  const grid = makeGrid(view, {
    label: t`Pictures to improve`, multiple: true, smallest: 98, fit: true,
    draw(cell, row) {
      const box = h("span.lb-imp-tick", { "aria-hidden": "true", onclick: (event) => { event.stopPropagation(); grid.activate(Number(cell.dataset.index), { bring: false }); grid.focus(); toggle(row.id); } });
      cell.append(h("img", { src: `/lorabake/thumb/${encodeURIComponent(project())}/${row.sha}`, alt: row.name, decoding: "async", draggable: "false" }), box, h("span.lb-flag"));
    },
    mark(cell, row) {
      const flag = cell.children[2], words = reasons(row), word = words.join(", ");
      flag.hidden = !word;
      say(flag, words.length > 1 ? `${words[0]} +${words.length - 1}` : word);
      flag.classList.toggle("lb-imp-made", Boolean(row.made));
      cell.title = `${row.name}, ${row.width} × ${row.height} px${word ? `: ${word}` : ""}`;
      cell.setAttribute("aria-selected", String(ticks.has(row.id)));
      cell.setAttribute("aria-label", `${row.name}${word ? `, ${word}` : ""}${ticks.has(row.id) ? t`, chosen` : ""}`);
      cell.classList.toggle("lb-current", row.id === current);
    },
    onChoose(index, how) {
      const row = seen[index];
      if (how.range) range(row.id);
      else if (how.toggle) toggle(row.id);
      if (!how.toggle) show(row);
    },
    onOpen(index) { show(seen[index]); },
    onHold(index) { toggle(seen[index].id); },
    onAll: () => pick([...rows.filter((row) => ticks.has(row.id)), ...seen]),
  });

  const reasons = (row) => [row.made && "improved", row.needs & SMALL && t`too small`, row.needs & BLURRED && "blurred"].filter(Boolean);

  function show(row) {
    current = row?.id ?? null;
    grid.refresh();
    onShow(row ?? null);
  }

  let quiet = false;
  const pick = (chosen) => ticks.set(chosen.map((row) => row.id));
  function toggle(id) { anchor = id; ticks.toggle(id); }
  /** From the picture that was ticked last to this one; what was chosen stays. */
  function range(id) {
    const places = [id, anchor ?? id].map((one) => Math.max(0, seen.findIndex((row) => row.id === one)));
    ticks.set([...ticks.ids, ...seen.slice(Math.min(...places), Math.max(...places) + 1).map((row) => row.id)]);
  }

  function ticked() {
    if (quiet) return;
    differs = { more: new Set(), fewer: new Set() };
    for (const row of rows) {
      if (ticks.has(row.id) && !proposed(row)) differs.more.add(row.sha);
      if (!ticks.has(row.id) && proposed(row)) differs.fewer.add(row.sha);
    }
    remember(`improving:${project()}`, { more: [...differs.more].slice(0, 20_000), fewer: [...differs.fewer].slice(0, 20_000) });
    grid.refresh();
    drawChips();
    onTicked();
  }

  function drawChips() {
    const focused = chips.contains(document.activeElement) ? [...chips.children].indexOf(document.activeElement) : -1;
    replace(chips, ...LOOKS.map(([value, text]) => [value, text, rows.filter(is[value]).length])
      .filter(([value, , n]) => n || !value || value === look || value === "need")
      .map(([value, text, n]) => h("button.lb-curate-chip", { type: "button", "aria-pressed": String(look === value), onclick: () => { look = value; choose(); } }, h("span", { text }), h("b", { text: n.toLocaleString("en") }))));
    if (focused >= 0) chips.children[Math.min(focused, chips.children.length - 1)]?.focus();
    say(count, t`${ticks.size.toLocaleString("en")} of ${plural(rows.length, "picture")} chosen`);
    needed.hidden = !rows.some(proposed);
    none.disabled = !ticks.size;
    all.disabled = seen.every((row) => ticks.has(row.id));
  }

  function choose({ keep = false } = {}) {
    seen = rows.filter(is[look ?? ""]);
    grid.setRows(seen, { keep });
    grid.activate(seen.findIndex((row) => row.id === current), { bring: false });
    nothing.hidden = seen.length > 0;
    view.hidden = !seen.length;
    say(nothing, { need: t`No picture needs it: all are large enough for their bucket and sharp. Others can be chosen under All.`, ticked: t`No picture is chosen.` }[look] || t`No picture is like that.`);
    drawChips();
  }

  return {
    root,
    forget() { rows = seen = []; byId = new Map(); current = anchor = look = null; quiet = true; ticks.only(null); quiet = false; differs = { more: new Set(), fewer: new Set() }; grid.setRows([]); },
    /** answer: of `lb_improve_rows`. */
    set(answer) {
      if (look === null) {
        const kept = recall(`improving:${project()}`, {});
        differs = { more: new Set(kept?.more || []), fewer: new Set(kept?.fewer || []) };
      }
      rows = answer.rows.map(([folder, file, sha, width, height, needs, enlarged, blur, made]) => ({ id: `${answer.folders[folder]}/${file}`, name: file, folder: answer.folders[folder], sha, width, height, needs, enlarged, blur, made: Boolean(made) }));
      byId = new Map(rows.map((row) => [row.id, row]));
      if (look === null || (look === "need" && !rows.some(is.need))) look = rows.some(is.need) ? "need" : "";
      quiet = true;
      pick(rows.filter((row) => (proposed(row) ? !differs.fewer.has(row.sha) : differs.more.has(row.sha))));
      quiet = false;
      choose({ keep: true });
      const now = byId.get(current) || seen[0] || rows[0] || null;
      show(now);
      onTicked();
    },
    layout: grid.layout,
    ids: () => rows.filter((row) => ticks.has(row.id)).map((row) => row.id),
    get size() { return ticks.size; },
    get current() { return byId.get(current) || null; },
  };
}
