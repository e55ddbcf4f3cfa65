/**
 * Stars on the pictures of a grid, "Which is better?" two at a time, and what the votes say.
 *
 * where(): { project, run, grid }; board: of makeBoard. Gives what `board.mount` takes.
 */
function makeVotes({ server, where, board }) {
  let about = null, voter = "all", sort = 0, turn = 0, done = 0;
  const starNodes = new Map(); // name → the button over its picture

  const begin = h("button.lb-button", { "data-needs": "lb_duel_vote", type: "button", id: "lb-vote-begin", text: t`Which is better?`, onclick: () => duel.open() });
  const hint = h("span.lb-muted");
  const said = h("div", { "aria-live": "polite" });
  const verdict = h("p.lb-votes-sentence", { role: "status" });
  const stars = h("p.lb-muted");
  const kinds = h("div.lb-line.lb-votes-kinds", { role: "group", "aria-label": t`Ranking` });
  const whose = h("select.lb-select", { id: "lb-vote-whose", "aria-label": t`Whose votes`, onchange: () => { voter = whose.value; read(); } });
  const table = h("div.lb-table-frame");
  const ranking = h("div.lb-votes-ranking", { hidden: true }, h("div.lb-line", {}, kinds, whose), table);
  const friends = makeFriends({ server, where, took: (answer) => { voter = answer.voter; take(answer); }, said });
  const below = h("section.lb-votes", { "aria-label": t`Votes` }, h("div.lb-line", {}, begin, hint), said, verdict, stars, ranking, friends.root);
  const duel = makeDuel({ server, where, address: board.address, closed: () => { if (about) read(); } });
  below.append(duel.root);
  const inLarge = h("button.lb-button", { "data-needs": "lb_star", type: "button", "aria-keyshortcuts": "s", onclick: () => star(board.current()) });

  const bad = (error) => replace(said, remark("bad", error.message));
  const same = (wanted) => JSON.stringify(wanted) === JSON.stringify(where());

  async function read() {
    const wanted = where(), mine = (turn += 1);
    try {
      const answer = await ask(server.lb_votes, { ...wanted, voter });
      if (mine === turn && same(wanted)) take(answer);
    } catch (error) { if (mine === turn) bad(error); }
  }

  function take(answer) {
    about = answer;
    voter = answer.voter;
    begin.disabled = !answer.possible;
    say(hint, !answer.possible ? spoken(answer.why) : answer.votes ? t`${plural(answer.votes, "vote")} so far.` : t`Two pictures without their labels; about ${spoken(answer.usual)} votes tell.`);
    say(verdict, answer.votes ? spoken(answer.sentence) : "");
    say(stars, answer.starred.length ? `★ ${answer.starred.slice(0, 8).map(([label, count]) => (count > 1 ? `${label} (${count})` : label)).join(", ")}${answer.starred.length > 8 ? t` and ${answer.starred.length - 8} more` : ""}` : "");
    friends.draw(answer);
    drawRanking();
    for (const [name, node] of starNodes) mark(name, node);
    markLarge();
  }

  // --- stars -----------------------------------------------------------------------------------
  const has = (name) => Boolean(about?.stars.includes(name));
  async function star(cell) {
    if (cell.state !== "done") return;
    if (!about) await read(); // pressed before the votes were here
    if (!about) return;
    const wanted = where(), mine = (turn += 1);
    try {
      const answer = await ask(server.lb_star, { ...wanted, voter, name: cell.name, on: !has(cell.name) });
      if (mine === turn && same(wanted)) take(answer); else read();
    } catch (error) { bad(error); }
  }
  function inCell(cell) {
    const node = h("button.lb-star", { "data-needs": "lb_star", type: "button", tabindex: "-1", hidden: true, title: t`Star (S)`, onclick: () => star(board.cellOf(cell.name)) });
    starNodes.set(cell.name, node);
    mark(cell.name, node);
    return node;
  }
  function mark(name, node) {
    const cell = board.view() && board.cellOf(name), count = about?.counts[name] || 0;
    node.hidden = cell?.state !== "done";
    say(node, `${has(name) ? "★" : "☆"}${count > 1 ? ` ${count}` : ""}`);
    node.classList.toggle("lb-starred", count > 0);
    node.setAttribute("aria-pressed", String(has(name)));
    node.setAttribute("aria-label", t`Star ${cell?.label || ""}`);
  }
  function markLarge() {
    if (!board.view()) return;
    const cell = board.current();
    inLarge.disabled = cell.state !== "done";
    inLarge.setAttribute("aria-pressed", String(has(cell.name)));
    say(inLarge, has(cell.name) ? t`★ Starred (S)` : t`☆ Star (S)`);
  }
  function key(event) {
    if (event.key.toLowerCase() !== "s" || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input:not([type=checkbox]), textarea, select")) return;
    event.preventDefault();
    star(board.current());
  }
  board.box.addEventListener("keydown", key);
  board.root.addEventListener("keydown", (event) => { if (event.target.closest(".lb-grid-frame")) key(event); });

  // --- the ranking -----------------------------------------------------------------------------
  const percent = (share) => Math.round(100 * share);
  function drawRanking() {
    const names = about.rankings.map(({ axis }) => (axis ? t`By ${axis[0].toLowerCase()}${axis.slice(1)}` : t`By picture`));
    ranking.hidden = !about.votes && voter === "all";
    if (ranking.hidden || !names.length) return;
    sort = Math.min(sort, names.length - 1);
    const held = kinds.contains(document.activeElement);
    replace(kinds, ...names.map((text, number) => h("button.lb-quiet", { type: "button", text, "aria-pressed": String(number === sort), onclick: () => { sort = number; drawRanking(); } })));
    if (held) kinds.children[sort].focus();
    whose.hidden = !about.friends.length;
    replace(whose, h("option", { value: "all", text: t`Everybody's votes` }), h("option", { value: "own", text: t`Mine` }), ...about.friends.map(([id, name]) => h("option", { value: id, text: t`${name}'s` })));
    whose.value = voter;
    const { axis, rows } = about.rankings[sort];
    replace(table, h("table.lb-table.lb-ranking", {},
      h("thead", {}, h("tr", {}, ...[axis || t`Picture`, t`Wins against another (95 % interval)`, t`Best with`, t`Votes`, t`Both bad`].map((text) => h("th", { scope: "col", text })))),
      h("tbody", {}, ...rows.map(([label, share, low, high, chance, votes, neither]) => h("tr", {},
        h("th", { scope: "row", text: label }),
        h("td", {}, h("span.lb-wins", {}, h("span.lb-bar", { "aria-hidden": "true", style: `--share:${percent(share)}%;--low:${percent(low)}%;--high:${percent(high)}%` }, h("i"), h("b")), h("span", { text: `${percent(share)} % (${percent(low)}–${percent(high)})` }))),
        h("td", { text: `${percent(chance)} %` }), h("td", { text: String(votes) }), h("td", { text: neither ? String(neither) : "–" }))))));
  }

  return {
    below, inLarge, inCell,
    draw(view) {
      const now = view.cells.filter((cell) => cell.state === "done").length;
      for (const [name, node] of starNodes) mark(name, node);
      markLarge();
      if (!about || now !== done) { done = now; read(); } // another picture may be voted on
    },
    focused: markLarge,
    clear() {
      about = null; voter = "all"; sort = 0; done = 0; turn += 1;
      starNodes.clear();
      duel.close();
      replace(said);
      for (const node of [verdict, stars, hint]) say(node, "");
      ranking.hidden = true;
      begin.disabled = true;
      friends.clear();
    },
  };
}
