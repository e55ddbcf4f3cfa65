// A few pictures with the tags that they would have. What is new, kept, gone or nearly there is told
// by a sign and a word, never by colour alone.
/** project(): its name. onNever(tag): a tag shall not be written. onOthers(): show other pictures. */
function makeTagExamples({ project, onNever, onOthers }) {
  const SIGNS = { new: "+", kept: "", gone: "−", near: "~" };
  const WORDS = { new: t`new, from the tagger`, kept: t`stays`, gone: t`leaves the caption`, near: t`nearly: a lower threshold would write it` };
  const WHOSE = { board: t`from the board`, tagger: t`from a tagger`, you: t`yours` };
  const others = h("button.lb-quiet", { type: "button", text: t`Other pictures`, onclick: onOthers });
  const legend = h("p.lb-gen-key", {},
    h("span.lb-tagchip.lb-chip-new", { text: t`+ new` }), h("span.lb-tagchip.lb-chip-kept.lb-from-tagger", { text: t`tagger’s` }),
    h("span.lb-tagchip.lb-chip-kept.lb-from-board", { text: t`board’s` }), h("span.lb-tagchip.lb-chip-kept.lb-from-you", { text: t`yours` }), h("span.lb-tagchip.lb-chip-gone", { text: t`− leaves` }),
    h("span.lb-tagchip.lb-chip-near", { text: t`~ nearly` }));
  const cards = h("div.lb-gen-pictures");
  const menu = h("div.lb-gen-menu", { hidden: true, role: "group" });
  const root = h("div.lb-gen-examples", {}, h("div.lb-line", {}, h("h4", { text: t`Examples` }), legend, h("span.lb-grow"), others), cards, menu);
  let open = null;

  function chip([tag, category, origin, state, sure]) {
    const word = [WORDS[state], state === "kept" ? WHOSE[origin] : "", category].filter(Boolean).join(", ");
    const button = h(`button.lb-tagchip.lb-chip-${state}.lb-from-${origin}`, {
      type: "button", "data-category": category || undefined, "data-tag": tag,
      title: `${tag}: ${word}${sure === null ? "" : t`, ${Math.round(100 * sure)} % sure`}`,
      "aria-label": `${tag}, ${word}${sure === null ? "" : t`, ${Math.round(100 * sure)} percent sure`}`,
      onclick: () => ask_(button, tag, state),
    }, SIGNS[state] && h("i", { text: SIGNS[state], "aria-hidden": "true" }), h("span", { text: tag }), sure !== null && sure < 0.95 && state !== "kept" && h("small", { text: (Math.floor(100 * sure) / 100).toFixed(2) }));
    return button;
  }

  /** A small menu beside a chip: the only thing to decide about one tag here. */
  function ask_(button, tag, state) {
    if (open === button) { close(); return; }
    close();
    open = button;
    const mine = state === "new" || state === "near";
    replace(menu, h("b", { text: tag }),
      mine && h("button.lb-button", { "data-needs": "lb_tag_set", type: "button", text: t`Never write this tag`, onclick: () => { close(); onNever(tag); } }),
      h("button.lb-quiet", { type: "button", text: t`Show its pictures in the editor`, onclick: () => { close(); go("editor"); tell("filter", `tag:"${tag.replace(/["\\]/g, "\\$&")}"`); } }));
    menu.hidden = false;
    button.setAttribute("aria-expanded", "true");
    const here = root.getBoundingClientRect(), at = button.getBoundingClientRect();
    menu.style.top = `${at.bottom - here.top + 4}px`;
    menu.style.left = `${Math.max(0, Math.min(at.left - here.left, here.width - menu.offsetWidth))}px`;
    menu.querySelector("button").focus();
  }
  function close(back = false) {
    if (!open) return;
    open.removeAttribute("aria-expanded");
    if (back && open.isConnected) open.focus();
    open = null;
    menu.hidden = true;
  }
  root.addEventListener("keydown", (event) => { if (event.key === "Escape" && open) { close(true); event.stopPropagation(); } });
  root.addEventListener("focusout", (event) => { if (open && event.relatedTarget && !menu.contains(event.relatedTarget) && event.relatedTarget !== open) close(); });

  const made = new Map();
  function card(example) {
    let found = made.get(example.id);
    if (!found) {
      const chips = h("div.lb-tagchips"), facts = h("span.lb-muted");
      const node = h("article.lb-gen-picture", {},
        h("button.lb-gen-thumb", { type: "button", "aria-label": t`Open ${example.name} in the editor`, onclick: () => { go("editor"); tell("edit", example.id); } },
          h("img", { src: `/lorabake/thumb/${encodeURIComponent(project())}/${example.sha}`, alt: "", loading: "lazy", decoding: "async" })),
        h("div", {}, h("p.lb-gen-name", {}, h("b", { text: example.name }), facts), chips));
      found = { node, chips, facts, key: "" };
      made.set(example.id, found);
    }
    const key = JSON.stringify(example.chips);
    if (found.key !== key) { found.key = key; replace(found.chips, ...example.chips.map(chip)); }
    say(found.facts, ` ${plural(example.tags, "tag")}`);
    return found.node;
  }

  return {
    root,
    set(answer) {
      const nodes = answer.examples.map(card);
      if (nodes.length !== cards.children.length || nodes.some((node, i) => cards.children[i] !== node)) { close(); replace(cards, ...nodes); }
      else if (open && !open.isConnected) close();
      others.hidden = !answer.others;
      root.hidden = !nodes.length;
    },
    forget() { made.clear(); close(); replace(cards); root.hidden = true; },
  };
}
