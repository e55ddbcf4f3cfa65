/**
 * "Bake again": ticked cells of a grid become pictures of the data set, after a look at each.
 *
 * where(): { project, run, grid }; picture(name, kind): its address; label(name): in words;
 * onUntick(names); onAdded(): pictures came or went. bar stays in sight while the grid scrolls.
 */
function makeAgain({ server, where, picture, label, onUntick, onAdded }) {
  let ticked = [], about = null, turn = 0, waiting = null, adding = false, suggested = true;
  const typed = new Map(); // name → caption as a person wrote it
  const review = makeReview({ checklist: () => about?.checklist || [], onChange: () => { draw(); later(0); } });

  const title = h("h3.lb-heading"), begin = h("button.lb-button.lb-primary", { "data-needs": "lb_again", type: "button", id: "lb-again-open", onclick: open });
  const bar = h("div.lb-line.lb-again-bar", { hidden: true, role: "group", "aria-label": t`Ticked pictures` }, begin, h("span.lb-grow"), untick());

  function untick() { return h("button.lb-quiet", { type: "button", text: t`Untick all`, onclick: () => onUntick([...ticked]) }); }
  const rows = h("ul.lb-again-rows");
  const look = h("button.lb-button.lb-primary", { type: "button", id: "lb-again-look", onclick: inspect });
  const field = (text, input, help) => h("label.lb-field", {}, h("span", { text }), input, help && h("small.lb-muted", { text: help }));
  const folder = h("input.lb-input", { type: "text", id: "lb-again-folder", list: "lb-again-folders", maxlength: "200", autocomplete: "off", spellcheck: "false", oninput: () => later() });
  const folders = h("datalist", { id: "lb-again-folders" });
  const repeats = h("input.lb-input.lb-number", { type: "number", id: "lb-again-repeats", min: "1", max: "1000", value: "1", oninput: () => later() });
  const trigger = h("input.lb-input", { type: "text", id: "lb-again-trigger", maxlength: "200", autocomplete: "off", spellcheck: "false", oninput: () => later() });
  const limit = h("input.lb-input.lb-number", { type: "number", id: "lb-again-limit", min: "1", max: "99", oninput: () => later() });
  const share = h("div", { "aria-live": "polite" });
  const add = h("button.lb-button.lb-primary", { type: "button", id: "lb-again-add", onclick: send });
  const why = h("span.lb-blocked", { role: "status" });
  const panel = h("section.lb-again-panel", { hidden: true, "aria-label": t`Bake again` }, title,
    h("p.lb-muted", { text: t`Your best generations can teach the next bake. Look at each one: hands, eyes, accuracy to the character. Mistakes are learned as well.` }),
    h("div.lb-line", {}, look), rows,
    h("div.lb-fields", {},
      field(t`Into the folder`, folder, t`A folder of their own has repeats of its own.`),
      field(t`Repeats`, repeats, t`Few, so that your own pictures lead.`),
      field(t`Trigger in front of each caption`, trigger, t`Empty for a style.`),
      field(t`At most (% of an epoch)`, limit, t`Generated pictures in the whole data set. 30 is our number; the guide has none.`)),
    folders, share, h("div.lb-line", {}, add, h("button.lb-quiet", { type: "button", text: t`Not now`, onclick: close }), untick(), why));
  const said = h("div", { "aria-live": "polite" });
  const root = h("div.lb-again", { "data-needs": "lb_again" }, panel, said, review.root);

  const fresh = () => (about?.cells || []).filter((cell) => !cell.here && ticked.includes(cell.name));
  const passing = () => fresh().filter((cell) => review.passed(cell.name));
  const open_ = () => fresh().filter((cell) => !review.seen(cell.name));
  const out = (name) => review.seen(name) && !review.passed(name);
  const caption = (cell) => typed.get(cell.name) ?? cell.caption;

  // --- asking ----------------------------------------------------------------------------------
  function later(pause = 300) {
    if (panel.hidden) return;
    clearTimeout(waiting);
    waiting = setTimeout(read, pause);
  }
  async function read() {
    const mine = (turn += 1), asked = { ...where(), cells: ticked };
    if (!suggested) Object.assign(asked, { folder: folder.value, trigger: trigger.value, repeats: Number(repeats.value) || 1, limit: Number(limit.value) || undefined });
    if (about) asked.count = ticked.filter((name) => !out(name) && !about.cells.some((cell) => cell.name === name && cell.here)).length;
    try {
      const answer = await ask(server.lb_again_look, asked);
      if (mine !== turn) return;
      about = answer;
      if (suggested) { folder.value = answer.folder; trigger.value = answer.trigger; limit.value = String(answer.limit); suggested = false; }
      replace(folders, ...answer.folders.map((one) => h("option", { value: one.name })));
      if (answer.fixed) repeats.value = String(answer.repeats);
      repeats.disabled = answer.fixed;
      replace(share, remark(answer.share.level, answer.share.said, { word: answer.share.level === "warn" ? t`Many` : "" }));
      drawRows();
      draw();
    } catch (error) {
      if (mine !== turn) return;
      replace(share, remark("bad", error.message));
    }
  }
  function open() {
    panel.hidden = false;
    replace(said);
    draw();
    read();
    panel.scrollIntoView({ block: "nearest" });
  }
  function close() { panel.hidden = true; draw(); begin.focus(); }
  function inspect() {
    review.open(fresh().map((cell) => ({ name: cell.name, label: label(cell.name), src: picture(cell.name, "cell") })));
  }
  review.onClosed(() => (open_().length ? look : add).focus());

  async function send() {
    if (adding) return;
    adding = true;
    draw();
    const names = passing().map((cell) => cell.name);
    try {
      const answer = await ask(server.lb_again, { ...where(), folder: folder.value, repeats: Number(repeats.value) || 1,
        pictures: passing().map((cell) => ({ name: cell.name, caption: caption(cell), checked: about.checklist.map(([name]) => name) })) });
      panel.hidden = true;
      onUntick(names);
      for (const name of names) typed.delete(name);
      done(answer);
      onAdded();
    } catch (error) { replace(said, remark("bad", error.message)); }
    adding = false;
    draw();
  }
  function done(answer) {
    const back = Number.isInteger(answer.operation) && h("button.lb-quiet", { type: "button", text: t`Undo`, onclick: () => turnBack(answer.operation, false) });
    const seen = answer.saved > 0 && h("button.lb-quiet", { type: "button", text: t`Show the generated ones`, onclick: () => { tell("filter", "source:generated"); go("editor"); } });
    replace(said, remark(answer.saved ? "ok" : "warn", [answer.said, answer.share].filter(Boolean).join(" "), { extra: [back, seen] }), ...answer.skipped.map((text) => remark("warn", text)));
  }
  async function turnBack(operation, redo) {
    try {
      const answer = await ask(server.lb_grab_undo, { project: where().project, operation, redo });
      replace(said, remark("ok", answer.said, { extra: [h("button.lb-quiet", { type: "button", text: answer.undone ? t`Redo` : t`Undo`, onclick: () => turnBack(operation, answer.undone) })] }));
      onAdded();
    } catch (error) { replace(said, remark("bad", error.message)); }
  }

  // --- drawing ---------------------------------------------------------------------------------
  function drawRows() {
    const at = rows.contains(document.activeElement) ? document.activeElement.dataset.name : "";
    replace(rows, ...about.cells.map((cell) => {
      const words = h("textarea.lb-caption.lb-short", { rows: "2", spellcheck: "false", maxlength: "8000", "aria-label": t`Caption of ${label(cell.name)}`, "data-name": cell.name, value: caption(cell), oninput: () => typed.set(cell.name, words.value) });
      return h("li", { "data-row": cell.name },
        h("img", { src: picture(cell.name, "small-cell"), alt: "", loading: "lazy", decoding: "async" }),
        h("div.lb-again-row", {},
          h("div.lb-line", {}, h("b", { text: label(cell.name) }), h("span.lb-again-verdict"), h("span.lb-grow"), h("button.lb-quiet", { type: "button", text: t`Untick`, "aria-label": t`Untick ${label(cell.name)}`, onclick: () => onUntick([cell.name]) })),
          cell.here ? h("p.lb-muted", { text: cell.here }) : words));
    }));
    if (at) [...rows.querySelectorAll("textarea")].find((node) => node.dataset.name === at)?.focus();
  }
  function draw() {
    bar.hidden = !ticked.length || !panel.hidden;
    for (const node of [begin, title]) say(node, t`Bake again with ${plural(ticked.length, "picture")}`);
    if (panel.hidden) return;
    const passed = passing().length, left = open_().length;
    look.hidden = !fresh().length;
    look.classList.toggle("lb-primary", left > 0);
    say(look, left ? t`Look at ${plural(left, "picture")}` : t`Look again`);
    for (const row of rows.children) {
      const cell = about.cells.find((one) => one.name === row.dataset.row);
      say(row.querySelector(".lb-again-verdict"), cell.here ? "" : review.verdict(cell.name));
      row.classList.toggle("lb-out", Boolean(cell.here) || out(cell.name));
      row.classList.toggle("lb-passed", !cell.here && review.passed(cell.name));
    }
    say(add, t`Add ${plural(passed, "picture")}${folder.value.trim() ? t` to ${folder.value.trim()}` : ""}`);
    add.disabled = adding || !passed || !folder.value.trim();
    say(why, !about ? "" : !fresh().length ? t`Nothing here is new.` : left ? t`${plural(left, "picture")} not looked at yet.` : !passed ? t`No picture passed.` : !folder.value.trim() ? t`Choose the folder.` : "");
  }

  return {
    bar, root,
    /** These cells are ticked, by name. */
    set(names) {
      ticked = names;
      if (!ticked.length) panel.hidden = true;
      draw();
      later(0);
    },
    /** Another grid or project: nothing is decided. */
    clear() {
      ticked = []; about = null; suggested = true; turn += 1;
      typed.clear();
      review.forget();
      panel.hidden = true;
      replace(said);
      replace(rows);
      draw();
    },
  };
}
