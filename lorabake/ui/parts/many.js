/**
 * Several pictures at once: the tags that all or some of them have, and one step over all of them.
 * onDone(answer, what): after a step, with `lb_many`'s answer and a sentence; onClear(): nothing selected.
 */
function makeMany({ server, onDone, onClear }) {
  const SHOWN = 120;
  let project = "", ids = [], found = null, open = "", timer = 0, turn = 0, busy = false, waiting = 0, looked = 0;

  const title = h("b");
  const field = h("input.lb-input", { type: "text", id: "lb-many-add", maxlength: "500", spellcheck: "false", autocomplete: "off", placeholder: t`smile, red eyes`, "aria-label": t`Tags to add, with commas between`, "aria-describedby": "lb-many-coming", oninput: () => foresee() });
  const place = h("select.lb-select", { "aria-label": t`Where the tags go`, onchange: () => foresee() }, h("option", { value: "add_end", text: t`at the end` }), h("option", { value: "add_front", text: t`at the front` }));
  const add = h("button.lb-button.lb-primary", { type: "submit", text: t`Add` });
  const coming = h("p.lb-muted.lb-many-coming", { id: "lb-many-coming", role: "status" });
  const words = h("input.lb-input", { type: "search", placeholder: t`Find a tag`, "aria-label": t`Find a tag among theirs`, oninput: () => draw() });
  const list = h("div.lb-many-tags");
  const said = h("p.lb-muted.lb-many-said", { role: "status" });
  const node = h("section.lb-many", { hidden: true, "aria-label": t`The selected pictures` },
    h("div.lb-line", {}, title, h("button.lb-quiet", { type: "button", text: t`Select none`, onclick: onClear })),
    h("form.lb-many-add", { "data-needs": "lb_many", onsubmit: (event) => { event.preventDefault(); const tag = field.value.trim(); if (tag) act(place.value, tag).then((done) => { if (done) { field.value = ""; foresee(); } }); } },
      h("label.lb-label", { htmlFor: "lb-many-add", text: t`Add tags to all of them` }), h("div.lb-line", {}, field, place, add), coming),
    said,
    h("div.lb-line", {}, h("b.lb-label", { text: t`Their tags` }), words), list);
  attachCompletion(field, { ask: tagAsker(server, () => project) });

  /** How many captions a step would change; null when that cannot be said. */
  const counted = (deed, tag, other = "") => ask(server.lb_many_count, { project, ids, do: deed, tag, other }).then(({ count }) => count, () => null);

  /** Say beside the button what it will do, while the tags are typed. */
  function foresee() {
    clearTimeout(waiting);
    const mine = (looked += 1), all = ids.length;
    add.disabled = busy;
    if (!field.value.trim()) { say(add, t`Add to ${all.toLocaleString("en")}`); say(coming, ""); return; }
    waiting = setTimeout(async () => {
      const count = await counted(place.value, field.value);
      if (mine !== looked || count === null) return;
      add.disabled = busy || count === 0;
      say(add, t`Add to ${count.toLocaleString("en")}`);
      say(coming, count === all ? t`All ${all.toLocaleString("en")} captions will change.`
        : count === 0 ? t`All of them have that already.` : t`${plural(count, "caption")} will change; ${(all - count).toLocaleString("en")} ${all - count === 1 ? t`has` : t`have`} that already.`);
    }, 150);
  }

  const captions = (n) => plural(n, "caption");
  const SENTENCES = {
    add_end: (tag, n) => t`Added ${tag} to ${captions(n)}.`, add_front: (tag, n) => t`Added ${tag} in front of ${captions(n)}.`,
    remove: (tag, n) => t`Removed ${tag} from ${captions(n)}.`, front: (tag, n) => t`Moved ${tag} to the front of ${captions(n)}.`,
    replace: (tag, n, other) => t`Replaced ${tag} by ${other} in ${captions(n)}.`,
  };

  async function act(deed, tag, other = "") {
    if (busy) return false;
    busy = true;
    add.disabled = true;
    say(said, t`Saving…`);
    try {
      const answer = await ask(server.lb_many, { project, ids, do: deed, tag, other });
      const sentence = answer.changed ? SENTENCES[deed](`“${tag}”`, answer.changed, `“${other}”`) : t`Nothing to change: the captions are like that already.`;
      say(said, "");
      onDone(answer, sentence);
      await read();
      return true;
    } catch (error) {
      say(said, error.message);
      return false;
    } finally {
      busy = false;
      add.disabled = false;
    }
  }

  function chip([tag, count, category]) {
    const all = count === found.count;
    const box = h("input", { "data-needs": "lb_many", type: "checkbox", checked: all, indeterminate: !all, "aria-label": all ? t`${tag}: all have it. Remove it` : t`${tag}: ${count} of ${found.count} have it. Give it to all`, onchange: () => act(all ? "remove" : "add_end", tag) });
    return h(`span.lb-many-tag.lb-tag-${category || "none"}`, {}, box,
      h("button", { type: "button", "aria-expanded": String(open === tag), title: t`What to do with ${tag}`, onclick: () => { open = open === tag ? "" : tag; draw(); } },
        h("span", { text: tag }), h("small", { text: all ? t`all` : `${count}` })));
  }

  function deeds([tag, count]) {
    const other = h("input.lb-input", { type: "text", maxlength: "500", spellcheck: "false", autocomplete: "off", placeholder: t`another tag`, "aria-label": t`Replace ${tag} by` });
    const button = (text, deed) => h("button.lb-button", { type: "button", text, onclick: () => act(deed, tag) });
    const front = button(t`To the front`, "front");
    counted("front", tag).then((n) => { if (n !== null) { say(front, n ? t`To the front in ${n.toLocaleString("en")}` : t`At the front already`); front.disabled = !n; } });
    attachCompletion(other, { ask: tagAsker(server, () => project) });
    return h("div.lb-many-deeds", { "data-needs": "lb_many" },
      h("div.lb-line", {},
        count < found.count && button(t`Add to ${(found.count - count).toLocaleString("en")} more`, "add_end"),
        button(t`Remove from ${count.toLocaleString("en")}`, "remove"), front),
      h("form.lb-line", { onsubmit: (event) => { event.preventDefault(); if (other.value.trim()) act("replace", tag, other.value.trim()); } },
        other, h("button.lb-button", { type: "submit", text: t`Replace in ${count.toLocaleString("en")}` })));
  }

  function draw() {
    if (!found) return;
    const wanted = words.value.trim().toLowerCase();
    const tags = found.tags.filter(([tag]) => tag.toLowerCase().includes(wanted));
    const shownTags = tags.slice(0, SHOWN);
    const nodes = [];
    for (const entry of shownTags) {
      nodes.push(chip(entry));
      if (entry[0] === open) nodes.push(deeds(entry));
    }
    replace(list, ...nodes,
      !tags.length && h("p.lb-muted", { text: found.tags.length ? t`None of their tags is called that.` : t`They have no tags yet.` }),
      tags.length > SHOWN && h("p.lb-muted", { text: t`… and ${tags.length - SHOWN} rarer ones: look for one above.` }));
  }

  async function read() {
    const mine = (turn += 1);
    try {
      const answer = await ask(server.lb_common, { project, ids });
      if (mine !== turn) return;
      found = answer;
      draw();
      foresee();
    } catch (error) {
      if (mine === turn) say(said, error.message);
    }
  }

  return {
    node,
    /** Show these pictures; none, or one, hides the panel. */
    show(nextProject, nextIds) {
      project = nextProject;
      ids = nextIds;
      node.hidden = ids.length < 2;
      clearTimeout(timer);
      if (node.hidden) { turn += 1; found = null; return; }
      say(title, t`${plural(ids.length, "picture")} selected`);
      foresee();
      say(said, "");
      timer = setTimeout(read, 80); // the Shift key and the arrows select quickly
    },
    read,
  };
}
