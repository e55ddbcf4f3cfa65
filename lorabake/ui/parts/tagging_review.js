// "The tagger says, you have not" and the reverse: tag by tag, for all pictures or for one.
/**
 * find(side, tag): the pictures of a row. accept(side, tag, only): take it over; tag "" is the whole
 * side, only a list of ids or nothing for all. Both give promises. project(): its name.
 */
function makeTagReview({ project, find, accept }) {
  const SIDES = {
    says: { title: t`The tagger says, you have not`, none: t`Every tag that the tagger says is in the captions.`, verb: t`Add`, done: t`Add to`, all: (n) => t`Add all ${plural(n, "tag")}` },
    have: { title: t`You have, the tagger says not`, none: t`The tagger agrees with every tag that it knows.`, verb: t`Remove`, done: t`Remove from`, all: (n) => t`Remove all ${plural(n, "tag")}` },
  };
  const SOME = 12; // rows before "Show all"
  const root = h("div.lb-gen-review");
  let view = null, opened = "", wide = {}, order = {};

  /** Rows stay where they are while somebody works on them, though their counts fall. */
  function steady(side, rows) {
    const places = new Map((order[side] || []).map((tag, i) => [tag, i]));
    const place = ([tag]) => places.get(tag) ?? Infinity;
    const sorted = places.size ? rows.map((row, i) => [place(row), i, row]).sort((a, b) => (a[0] === b[0] ? a[1] - b[1] : a[0] - b[0])).map((one) => one[2]) : rows;
    order[side] = sorted.map(([tag]) => tag);
    return sorted;
  }

  function pictures(side, tag, into) {
    find(side, tag).then((answer) => {
      replace(into, ...answer.pictures.map(([id, sha, name, sure]) => h("button.lb-gen-one", {
        type: "button", title: t`${name}: the tagger is ${Math.round(100 * sure)} % sure`, "aria-label": `${SIDES[side].verb} ${tag}: ${name}`,
        onclick: (event) => { event.currentTarget.disabled = true; accept(side, tag, [id]); },
      },
      h("img", { src: `/lorabake/thumb/${encodeURIComponent(project())}/${sha}`, alt: "", loading: "lazy", decoding: "async" }),
      h("span", { text: `${SIDES[side].verb} · ${sure.toFixed(2)}` }))),
      answer.more > 0 && h("p.lb-muted", { text: t`… and ${plural(answer.more, "more", "more")}.` }));
    }, (error) => replace(into, remark("bad", error.message)));
  }

  function row(side, [tag, category, count, sure], of) {
    const about = SIDES[side], key = `${side}/${tag}`;
    const inside = h("div.lb-gen-ones");
    const box = h("details.lb-gen-row", { "data-tag": tag, ontoggle: () => {
      if (box.open) { opened = key; pictures(side, tag, inside); } else if (opened === key) opened = "";
    } },
    h("summary", {},
      h("span.lb-tagchip", { "data-category": category || undefined, text: tag }),
      h("span.lb-muted.lb-gen-count", { text: `${count === of ? t`all` : t`${count.toLocaleString("en")} of`} ${plural(of, "picture")}${sure === null ? "" : t` · ${sure.toFixed(2)} sure`}` }),
      h("button.lb-button", { "data-needs": "lb_tag_accept", type: "button", text: count === 1 ? about.verb : `${about.done} ${count.toLocaleString("en")}`, "aria-label": `${about.verb} ${tag}: ${plural(count, "picture")}`, onclick: (event) => { event.preventDefault(); event.currentTarget.disabled = true; accept(side, tag); } })),
    inside);
    if (opened === key) box.open = true;
    return box;
  }

  function column(side) {
    const about = SIDES[side], rows = view[side], shown = wide[side] ? rows : rows.slice(0, SOME);
    const total = view[`${side}_tags`], more = view[`${side}_more`];
    return h("section.lb-gen-side", { "aria-label": spoken(about.title) },
      h("div.lb-line", {}, h("h4", { text: spoken(about.title) }), h("span.lb-grow"),
        total > 0 && h("button.lb-quiet", { "data-needs": "lb_tag_accept", type: "button", text: about.all(total), onclick: (event) => { event.currentTarget.disabled = true; accept(side, ""); } })),
      rows.length === 0 && h("p.lb-muted", { text: about.none }),
      ...shown.map((one) => row(side, one, view.of)),
      shown.length < rows.length && h("button.lb-quiet", { type: "button", text: t`Show all ${plural(rows.length, "tag")}`, onclick: () => { wide[side] = true; draw(); } }),
      wide[side] && more > 0 && h("p.lb-muted", { text: t`… and ${plural(more, "rarer tag")}.` }));
  }

  function draw() {
    const key = JSON.stringify([view, wide]);
    if (root.dataset.key === key) return;
    root.dataset.key = key;
    replace(root, column("says"), column("have"));
  }

  return {
    root,
    set(answer) { view = { ...answer, says: steady("says", answer.says), have: steady("have", answer.have) }; draw(); },
    /** From now on the most frequent tags come first again. */
    reorder() { order = {}; },
    redraw() { delete root.dataset.key; if (view) draw(); },
    forget() { view = null; opened = ""; wide = {}; order = {}; delete root.dataset.key; replace(root); },
  };
}
