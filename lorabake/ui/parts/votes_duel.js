/** Two pictures of a grid side by side, without labels. address(name, kind): of a picture; closed(): it was left. */
function makeDuel({ server, where, address, closed }) {
  let now = null, busy = false;
  const side = (verdict, words, keys) => {
    const image = h("img", { alt: t`${verdict === "left" ? t`Left` : t`Right`} picture` });
    const node = h("button.lb-duel-side", { type: "button", "aria-keyshortcuts": keys, "data-verdict": verdict, onclick: () => decide(verdict) }, image, h("span", { text: words }));
    return { node, image };
  };
  const left = side("left", t`← This one`, "ArrowLeft"), right = side("right", t`This one →`, "ArrowRight");
  const button = (text, keys, onclick) => h("button.lb-button", { type: "button", text, "aria-keyshortcuts": keys, onclick });
  const undo = button(t`Undo (U)`, "u", takeBack);
  const far = h("p.lb-muted", { role: "status" });
  const meter = h("div.lb-meter", { role: "progressbar", "aria-label": t`Votes`, "aria-valuemin": "0", "aria-valuemax": "100" }, h("i"));
  const said = h("div", { "aria-live": "polite" });
  const root = h("dialog.lb-duel", { "aria-labelledby": "lb-duel-title" },
    h("h3.lb-heading", { id: "lb-duel-title", text: t`Which of the two is better?` }),
    h("div.lb-duel-two", {}, left.node, right.node),
    h("div.lb-line", {}, button(t`↓ No difference`, "ArrowDown", () => decide("tie")), button(t`Both bad (X)`, "x", () => decide("neither")), undo, h("span.lb-grow"), button(t`Close`, "Escape", () => root.close())),
    meter, far, said);

  async function step(call, data = {}) {
    if (busy) return;
    busy = true;
    try { show(await ask(call, { ...where(), ...data })); replace(said); } catch (error) { replace(said, remark("bad", error.message)); }
    busy = false;
  }
  const decide = (verdict) => now && step(server.lb_duel_vote, { left: now.left, right: now.right, verdict });
  function takeBack() { if (now?.own) step(server.lb_duel_undo); }

  function show(answer) {
    now = answer;
    for (const [{ image }, name] of [[left, now.left], [right, now.right]]) image.src = address(name);
    undo.disabled = !now.own;
    const all = now.enough ? now.votes : now.votes + (now.more ?? now.votes + 10);
    const part = Math.round(100 * (all ? now.votes / all : 0));
    meter.firstChild.style.width = `${part}%`;
    meter.setAttribute("aria-valuenow", String(part));
    say(far, now.enough ? t`That is enough. ${spoken(now.sentence)}` : spoken(now.sentence));
  }

  const KEYS = { arrowleft: () => decide("left"), arrowright: () => decide("right"), arrowdown: () => decide("tie"), x: () => decide("neither"), u: takeBack };
  root.addEventListener("keydown", (event) => {
    const act = KEYS[event.key.toLowerCase()];
    if (!act || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  });
  root.addEventListener("click", (event) => { if (event.target === root) root.close(); });
  root.addEventListener("close", () => { now = null; closed(); });

  return {
    root,
    async open() {
      now = null;
      for (const { image } of [left, right]) image.removeAttribute("src");
      replace(said);
      say(far, "");
      root.showModal();
      left.node.focus();
      await step(server.lb_duel);
    },
    close() { if (root.open) root.close(); },
  };
}
