/**
 * Groups that pictures fall into, with the tags that tell them, each to be taken over as a folder.
 * of(): { folder, count, words } where to look; onTaken(answer): pictures have moved.
 */
function makeGroups({ server, project, of, onTaken }) {
  let view = null, seen = "", names = new Map(), wait = 0;
  const button = h("button.lb-button", { type: "button", onclick: begin });
  const line = h("p.lb-muted", { role: "status", hidden: true });
  const wrong = h("div", { "aria-live": "polite" });
  const list = h("ul.lb-con-groups");
  const all = h("button.lb-button.lb-primary", { type: "button", onclick: () => take(view.groups.map((one) => one.number)) });
  const away = h("button.lb-quiet", { type: "button", text: t`Put the suggestions away`, onclick: async () => { await ask(server.lb_concept_forget, { project: project() }).catch(() => {}); clear(); } });
  const found = h("section.lb-con-found", { hidden: true, "aria-label": t`Suggested groups` }, h("div.lb-line", {}, h("h4", { text: t`Suggested groups` }), h("span.lb-grow"), away), list, h("div.lb-line", {}, all));
  const root = h("div.lb-con-suggest", { "data-needs": "lb_concept_suggest" }, line, wrong, found);

  async function begin() {
    replace(wrong);
    names = new Map();
    try { await ask(server.lb_concept_suggest, { project: project(), of: of().folder }); } catch (error) { replace(wrong, remark("bad", error.message)); return; }
    read();
  }
  async function read() {
    clearTimeout(wait);
    const asked = project();
    if (!asked) return;
    try {
      const answer = await ask(server.lb_concept_groups, { project: asked });
      if (asked !== project()) return;
      view = answer;
      draw();
      if (answer.running) wait = setTimeout(read, 500);
    } catch (error) { replace(wrong, remark("bad", error.message)); }
  }
  function name(group) {
    const input = h("input.lb-input", { type: "text", maxlength: "120", spellcheck: "false", value: names.get(group.number) ?? group.name, "aria-label": t`Trigger for the group of ${plural(group.count, "picture")}`, oninput: () => names.set(group.number, input.value) });
    input.addEventListener("keydown", (event) => { if (event.key === "Enter") take([group.number]); });
    return input;
  }
  const trigger = (group) => (names.get(group.number) ?? group.name).trim();
  function row(group) {
    return h("li.lb-con-group", {},
      h("div.lb-con-thumbs", {}, ...group.pictures.map(([id, sha]) => h("img", { src: `/lorabake/thumb/${encodeURIComponent(project())}/${sha}`, alt: id, loading: "lazy", decoding: "async" }))),
      h("p", {}, h("b", { text: plural(group.count, "picture") }), group.tags.length ? t`, told by ${group.tags.join(", ")}` : t`, by what they look like`),
      h("div.lb-line", {}, name(group), h("button.lb-button", { type: "button", text: t`Take over ${group.count.toLocaleString("en")}`, "aria-label": t`Take over ${plural(group.count, "picture")}`, onclick: () => take([group.number]) })));
  }
  async function take(numbers) {
    const groups = view.groups.filter((one) => numbers.includes(one.number)).map((one) => [one.number, trigger(one)]);
    replace(wrong);
    try {
      const answer = await ask(server.lb_concept_take, { project: project(), groups });
      onTaken(answer);
      await read();
    } catch (error) { replace(wrong, remark("bad", error.message)); }
  }
  function draw() {
    const { running, done, total, problem, groups } = view;
    line.hidden = !running;
    say(line, done < total ? t`Looking at ${done.toLocaleString("en")} of ${plural(total, "picture")} …` : t`Laying together what belongs together …`);
    button.disabled = running;
    if (problem) replace(wrong, remark("bad", problem));
    found.hidden = !groups?.length;
    const key = JSON.stringify((groups || []).map((one) => [one.number, one.name]));
    if (key !== seen) { seen = key; replace(list, ...(groups || []).map(row)); }
    if (groups?.length) {
      all.hidden = groups.length < 2;
      say(all, t`Take over ${plural(groups.reduce((sum, one) => sum + one.count, 0), "picture")} in ${groups.length} groups`);
      if (groups.length === 1 && total === groups[0].count) replace(wrong, remark("info", t`No clear groups: these pictures look like one and the same. Sort them by hand or by the filter.`));
    }
  }
  function clear() { view = null; seen = ""; names = new Map(); found.hidden = line.hidden = true; replace(wrong); replace(list); clearTimeout(wait); }

  return {
    root, button, read, clear,
    label() { const { count, words } = of(); button.hidden = count < 2; say(button, t`Suggest groups for ${words}`); },
  };
}
