// What will change, picture by picture: removed tags struck out, new ones marked, each with its reason.
function makeDiff({ project, rows: askRows, onLeft }) {
  const PAGE = 64; // rows asked for at a time
  let preview = "", only = {}, rows = [], asked = new Set(), left = new Set(), open = new Set();

  const view = h("div.lb-diff-view", { role: "list", tabindex: "0", "aria-label": t`Captions that will change` });
  const list = makeList(view, { draw: row, guess: 92 });

  const SIGNS = { "-": ["−", "removed"], "+": ["+", "added"], "~": ["", "respelled"], ">": ["↕", "moved"] };

  function chip([kind, tag, was, why]) {
    if (kind === "n") return h("span.lb-new-line");
    if (kind === "=") return h("span.lb-kept-tag", { text: tag });
    const [sign, word] = SIGNS[kind];
    return h(`span.lb-tag-change.lb-tag-${word}`, { title: why ? `${word}: ${spoken(why)}` : word },
      sign && h("i", { text: sign, "aria-hidden": "true" }),
      h("span.lb-spoken", { text: `${word} ` }),
      kind === "~" && h("s", { text: was }), kind === "~" && h("span.lb-arrow", { text: "→" }),
      kind === "-" ? h("s", { text: tag }) : h("span", { text: tag }));
  }

  /** Long runs of tags that stay are folded; what changes never is. */
  function pieces(parts, wide) {
    const shown = [];
    let folds = 0;
    for (let at = 0; at < parts.length;) {
      let end = at;
      while (end < parts.length && parts[end][0] === "=") end += 1;
      if (end - at > 4 && !wide) {
        shown.push(chip(parts[at]), h("span.lb-kept-run", { text: t`… ${end - at - 2} stay …` }), chip(parts[end - 1]));
        at = end;
        folds += 1;
      } else if (end > at) for (; at < end; at += 1) shown.push(chip(parts[at]));
      else { shown.push(chip(parts[at])); at += 1; }
    }
    return [shown, folds];
  }

  function row(index) {
    const data = rows[index];
    if (!data) {
      fetch(index);
      return h("div.lb-diff-row.lb-waiting", { role: "listitem" });
    }
    const wide = open.has(data.id), stays = left.has(data.id);
    const box = h("input", { type: "checkbox", checked: !stays, "aria-label": t`Change ${data.name}`, onchange: () => {
      if (box.checked) left.delete(data.id); else left.add(data.id);
      list.refresh(index, index + 1);
      onLeft(left.size);
    } });
    const more = h("button.lb-quiet.lb-row-more", { type: "button", "aria-expanded": String(wide), "aria-label": t`The whole caption of ${data.name}`, text: wide ? t`Less` : t`All of it`, onclick: () => {
      if (wide) open.delete(data.id); else open.add(data.id);
      list.refresh(index, index + 1);
    } });
    const told = wide ? data.reasons : data.reasons.filter(([, plain]) => !plain); // what was asked for needs no reason
    const why = told.slice(0, wide ? told.length : 3).map(([text]) => text);
    const [marked, folds] = pieces(data.parts, wide);
    return h(`div.lb-diff-row${stays ? ".lb-left-out" : ""}`, { role: "listitem", "aria-setsize": String(list.length), "aria-posinset": String(index + 1) },
      h("label.lb-diff-take", { title: t`Change this caption` }, box),
      h("img.lb-diff-picture", { src: `/lorabake/thumb/${encodeURIComponent(project())}/${data.sha}`, alt: "", loading: "lazy", decoding: "async" }),
      h("div.lb-diff-text", {},
        h("div.lb-diff-name", {}, h("span", {}, h("b", { text: data.name }), h("span.lb-muted", { text: stays ? t` stays as it is` : ` ${data.folder}` })), (wide || folds > 0 || told.length > why.length) && more),
        h("div.lb-diff-tags", {}, ...marked),
        why.length > 0 && h("p.lb-diff-why", { text: why.join(" · ") + (why.length < told.length ? t` · and ${told.length - why.length} more` : "") })));
  }

  async function fetch(index) {
    const first = Math.floor(index / PAGE) * PAGE;
    if (asked.has(first) || !preview) return;
    asked.add(first);
    const mine = preview, filter = only;
    try {
      const answer = await askRows({ preview: mine, first, count: PAGE, ...filter });
      if (mine !== preview || filter !== only) return;
      answer.rows.forEach((data, number) => { rows[first + number] = data; });
      list.refresh(first, first + answer.rows.length);
    } catch { asked.delete(first); }
  }

  /** Show a preview of `count` changes, of which those of the pictures `stay` are left out. */
  function show(name, count, first = [], stay = []) {
    preview = name;
    only = {};
    left = new Set(stay);
    fill(count, first);
    onLeft(left.size);
  }

  /** Nothing to show for now; what was left out stays so. */
  function hide() { show("", 0, [], left); }

  function fill(count, first) {
    rows = [...first];
    asked = new Set(first.length ? [0] : []);
    view.hidden = !count;
    list.set(count);
  }

  /** Only the rows in which one operation or one tag had a part. */
  async function filter(wanted) {
    only = wanted;
    const mine = preview;
    const answer = await askRows({ preview, first: 0, count: PAGE, ...wanted });
    if (mine === preview && only === wanted) fill(answer.count, answer.rows);
  }

  return { view, show, hide, filter, left: () => [...left] };
}
