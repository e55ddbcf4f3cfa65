/**
 * The groups, one line a picture, the one to keep first; only the lines in sight are in the document.
 *
 * on: { choose(row), mark(row, wanted), keep(row), key(event) }. A line knows its `group`.
 */
function makeDupList({ project, isKept, isMarked, on }) {
  const view = h("div.lb-dup-list");
  let rows = [], current = null;

  const grid = makeGrid(view, {
    label: t`Groups of duplicates`, smallest: 1e6, gap: 4, tall: () => 78,
    draw(cell, row) {
      cell.append(
        h("img", { src: `/lorabake/thumb/${encodeURIComponent(project())}/${row.sha}`, alt: "", decoding: "async", draggable: "false" }),
        h("span.lb-dup-about", {}, h("b", { text: row.name, title: row.id }), h("span.lb-dup-facts", { text: facts(row) }), h("span.lb-dup-why")),
        h("span.lb-dup-end", {}));
    },
    mark(cell, row) {
      const kept = isKept(row), marked = isMarked(row);
      cell.classList.toggle("lb-kept", kept);
      cell.classList.toggle("lb-marked", marked);
      cell.classList.toggle("lb-first", row.first);
      cell.setAttribute("aria-selected", String(row === current));
      cell.setAttribute("aria-label", t`${row.name}, ${kept ? t`to keep` : `${row.match} %, ${spoken(row.kind)}, ${marked ? t`marked` : t`not marked`}`}, group ${row.group.number}`);
      const [, about, end] = cell.children;
      say(about.lastChild, why(row, kept));
      about.lastChild.title = why(row, kept);
      replace(end, kept
        ? [h("span.lb-dup-keep", { text: t`Keep` }), h("small.lb-muted", { text: t`group ${row.group.number}` })]
        : [h("span.lb-dup-match", { text: row.match === null ? "" : `${row.match} %` }),
          h("button.lb-dup-mark", { "data-needs": "lb_dup_delete", type: "button", tabindex: "-1", role: "checkbox", "aria-checked": String(marked), "aria-label": t`Mark ${row.name}`, title: marked ? t`Marked for the bin; click to leave it` : t`Mark it for the bin`, onclick: (event) => { event.stopPropagation(); on.mark(row, !isMarked(row)); } })]);
    },
    onChoose: (index) => { current = rows[index]; grid.refresh(); on.choose(current); },
    onOpen: (index, event) => { if (!isKept(rows[index])) on.keep(rows[index]); },
    onKey: (event, index) => (index >= 0 ? on.key(event, rows[index]) : false),
  });
  // `replace` takes nodes one by one.
  function replace(node, nodes) { node.replaceChildren(...[nodes].flat()); }

  function set(groups, { keep = false } = {}) {
    const before = current;
    rows = groups.flatMap((group) => group.pictures);
    current = before && (rows.find((row) => row.id === before.id && row.group.key === before.group.key) || rows.find((row) => row.id === before.id));
    grid.setRows(rows, { keep });
    if (!current && rows.length) {
      // The next group stands where the last one was.
      current = rows.find((row) => row.group.number >= (before?.group.number || 1) && row !== row.group.kept) || rows.find((row) => row !== row.group.kept) || rows[0];
    }
    grid.activate(current ? rows.indexOf(current) : -1, { bring: !keep || current?.id !== before?.id });
    grid.refresh();
    on.choose(current || null);
  }

  /** Another line of the same list. */
  function go(row) {
    const index = rows.indexOf(row);
    if (index < 0) return;
    current = row;
    grid.activate(index);
    grid.refresh();
    on.choose(row);
  }
  return { view, set, go, refresh: () => grid.refresh(), layout: () => grid.layout(), focus: () => grid.focus(), get current() { return current; } };
}

/** "2_kafka · 1200 × 1600 · 1.2 MB" */
function facts(row) {
  return `${row.width} × ${row.height} · ${weight(row.size)} · ${row.folder}`;
}
function weight(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1e6 ? `${Math.round(bytes / 1024)} KB` : size(bytes / 2 ** 20);
}
function why(row, kept) {
  const upper = (text) => (text ? text[0].toUpperCase() + text.slice(1) : "");
  if (kept) return row.keptBy === "you" ? t`You keep this one` : upper(row.reason);
  const kind = upper(row.kind);
  return row.reason && row.reason.toLowerCase() !== row.kind ? `${kind}: ${row.reason}` : kind;
}
