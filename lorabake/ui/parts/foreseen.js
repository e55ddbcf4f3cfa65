// The captions of one picture as the trainer will see them in its first epochs.
/** look(place): asks for a picture by {folder, number}; project(): its name. */
function makeForeseen({ look, project }) {
  const folder = h("select.lb-select", { "aria-label": t`Folder`, onchange: () => choose(1) });
  const at = h("input.lb-input.lb-number", { type: "number", min: "1", "aria-label": t`Picture`, onchange: () => choose(Number(at.value) || 1) });
  const of = h("span.lb-muted");
  const step = (by, text, label) => h("button.lb-button", { type: "button", text, "aria-label": label, onclick: () => choose(((Number(at.value) - 1 + by + count) % count) + 1) });
  const picture = h("img.lb-foreseen-picture", { alt: "", decoding: "async" });
  const file = h("p.lb-muted.lb-foreseen-file");
  const often = h("p.lb-muted.lb-foreseen-file");
  const looks = h("ol.lb-looks");
  const trouble = h("div", { "aria-live": "polite" });
  const box = h("div.lb-foreseen-inside", {}, h("div.lb-line", {}, folder, step(-1, "‹", t`Picture before`), at, of, step(1, "›", t`Next picture`)), trouble,
    h("div.lb-foreseen-two", {}, picture, h("div", {}, file, often, looks)));
  const root = h("details.lb-details.lb-foreseen", { ontoggle: () => { if (root.open) read(); } }, h("summary", { text: t`Captions as the trainer will see them` }), box);
  let count = 1, asked = 0;

  function choose(number) { at.value = String(number); read(); }

  const chunk = (pieces, place) => [place > 0 && h("span.lb-boundary", { text: String(75 * place), title: t`Here ends token ${75 * place}: a new chunk begins`, role: "separator" }),
    ...pieces.map(([kind, text]) => h(`span.lb-piece-${kind}`, { text }))];

  function row(one, place, all) {
    const first = place === 0 || all[place - 1].epoch !== one.epoch;
    const tokens = plural(one.tokens, "token");
    return h("li", {}, h("p.lb-look-head", {}, first && h("b", { text: t`Epoch ${one.epoch}` }), h("span.lb-muted", { text: t`step ${one.step} · ${tokens}` }),
      one.cut > 0 && h("span.lb-cut-note", { text: t`${plural(one.cut, "token")} not learned` })),
      one.chunks.length ? h("p.lb-look.lb-mono", {}, ...one.chunks.flatMap(chunk)) : h("p.lb-look.lb-muted", { text: t`no words this time` }),
      one.chunks.length > 0 && one.missing.length > 0 && h("p.lb-look-missing.lb-muted", {}, t`left out this time: `, h("s", { text: one.missing.join(", ") })));
  }

  function draw(view) {
    count = view.count;
    const key = JSON.stringify(view.folders);
    if (folder.dataset.key !== key) { folder.dataset.key = key; replace(folder, ...view.folders.map(([name]) => h("option", { value: name, text: name }))); }
    folder.value = view.folder;
    folder.hidden = view.folders.length < 2;
    at.max = String(view.count);
    at.value = String(view.number);
    say(of, t`of ${view.count.toLocaleString("en")}`);
    const source = `/lorabake/thumb/${encodeURIComponent(project())}/${view.sha}`;
    if (picture.getAttribute("src") !== source) picture.src = source;
    picture.alt = view.name;
    say(file, view.file ? t`${view.name} · its caption file has ${plural(view.file_tokens, "token")}; ${view.limit} are learned, in chunks of 75` : t`${view.name} has no caption.`);
    say(often, view.times > view.told ? t`It is shown ${view.times.toLocaleString("en")} times an epoch; these are the first ${spoken(view.told)} of each.` : "");
    replace(looks, ...view.looks.map(row));
  }

  async function read() {
    if (!root.open) return;
    const mine = ++asked;
    try {
      const view = await look({ folder: folder.value || "", number: Number(at.value) || 1 });
      if (mine !== asked) return;
      replace(trouble);
      draw(view);
    } catch (error) {
      if (mine === asked) { replace(trouble, remark("bad", error.message)); replace(looks); say(file, ""); }
    }
  }
  return { root, read, clear() { replace(folder); delete folder.dataset.key; at.value = "1"; replace(looks); } };
}
