/**
 * "The tagger says, you have not": tags to add with a click, and those that it does not see.
 *
 * onAdd(tags), onRemove(tag). read(project, id, tags): ask about a picture; read(): ask again.
 */
function makeSays({ server, onAdd, onRemove }) {
  const element = h("section.lb-says", { hidden: true, "aria-label": t`What the tagger says` });
  let about = null, turn = 0;

  function clear() { about = null; turn += 1; element.hidden = true; }

  async function read(project = about?.project, id = about?.id) {
    if (!project) return;
    about = { project, id };
    const mine = (turn += 1);
    const answer = await ask(server.lb_says, { project, id }).catch(() => null);
    if (mine !== turn) return;
    draw(answer);
  }

  function draw(answer) {
    const { missing = [], doubted = [] } = answer || {};
    element.hidden = !missing.length && !doubted.length;
    const line = (title, nodes, more) => nodes.length > 0 && h("div.lb-says-line", {}, h("span.lb-muted", { text: title }), ...nodes, more);
    const percent = (p) => `${Math.round(100 * p)} %`;
    replace(element,
      line(t`The tagger says, you have not:`, missing.map(([tag, category, p]) => h(`button.lb-say.lb-tag.lb-tag-${TAG_KINDS.includes(category) ? category : "general"}`, { type: "button", title: t`Add ${tag} (${category || t`general`}, ${percent(p)})`, "aria-label": t`Add ${tag}, ${percent(p)}`, onclick: () => onAdd([tag]) },
        h("span", { text: `+ ${tag}` }), h("small", { text: percent(p) }))),
      missing.length > 1 && h("button.lb-quiet", { type: "button", text: t`Add all ${missing.length}`, onclick: () => onAdd(missing.map(([tag]) => tag)) })),
      line(t`You have, the tagger does not say:`, doubted.map((tag) => h("button.lb-say.lb-tag.lb-doubted", { type: "button", title: t`Delete ${tag}`, "aria-label": t`Delete ${tag}`, onclick: () => onRemove(tag) }, h("span", { text: `− ${tag}` })))));
  }

  return { element, read, clear };
}
