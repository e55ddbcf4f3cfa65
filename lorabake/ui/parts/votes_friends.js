/** Votes that friends gave on the page that was sent to them. took(answer): they came, or were taken out. */
function makeFriends({ server, where, took, said }) {
  const MOST = 2 ** 20; // bytes
  const file = h("input", { type: "file", accept: ".json,application/json", hidden: true, id: "lb-vote-file", onchange: () => { if (file.files[0]) open(file.files[0]); file.value = ""; } });
  const pasted = h("textarea.lb-caption.lb-short", { rows: "2", spellcheck: "false", maxlength: String(MOST), "aria-label": t`Copied votes` });
  const list = h("ul.lb-changes");
  const root = h("details.lb-details.lb-vote-friends", { "data-needs": "lb_friend" }, h("summary", { text: t`Votes of friends` }),
    h("p.lb-muted", { text: t`Page for a friend makes one file to send. Your friend looks, votes, and sends a small file back.` }),
    h("div.lb-line", {}, h("button.lb-button", { type: "button", text: t`Add a friend's votes`, onclick: () => file.click() }), file), list,
    h("details.lb-details", {}, h("summary", { text: t`Paste what was copied` }), pasted,
      h("div.lb-line", {}, h("button.lb-button", { type: "button", text: t`Add these votes`, onclick: () => add(pasted.value) }))));

  async function open(chosen) {
    if (chosen.size > MOST) { replace(said, remark("bad", t`${chosen.name} is too large to hold votes.`)); return; }
    add(await chosen.text());
  }
  async function call(function_, data) {
    try { return await ask(function_, { ...where(), ...data }); } catch (error) { replace(said, remark("bad", error.message)); return null; }
  }
  async function add(text) {
    const answer = await call(server.lb_friend, { text });
    if (!answer) return;
    pasted.value = "";
    tell_(answer, answer.added, false);
  }
  async function turn(friend, back) {
    const answer = await call(server.lb_friend_out, { friend, back });
    if (answer) tell_(answer, friend, !back);
  }
  /** out: they were taken out, so Undo puts them back. */
  function tell_(answer, friend, out) {
    took(answer);
    replace(said, remark("ok", answer.said, { extra: [h("button.lb-quiet", { type: "button", text: t`Undo`, onclick: () => turn(friend, out) })] }));
  }

  return {
    root,
    draw(about) {
      replace(list, ...about.friends.map(([id, name, votes, stars]) => h("li", {}, h("b", { text: name }), ` ${[votes && plural(votes, "vote"), stars && plural(stars, "star")].filter(Boolean).join(", ")} `,
        h("button.lb-quiet", { type: "button", text: t`Take out`, "aria-label": t`Take out the votes of ${name}`, onclick: () => turn(id, false) }))));
    },
    clear() { replace(list); pasted.value = ""; },
  };
}
