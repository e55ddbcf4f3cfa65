/**
 * Undo and redo of the whole data set, and one line that says what was done.
 * before(): what must be saved first; inTurn(work): one thing at a time; after(): all is to be read anew.
 */
function makePast({ server, needs = ["lb_undo", "lb_redo"], project, before, inTurn, after }) {
  const undo = h("button.lb-button", { "data-needs": needs[0], type: "button", text: t`↶ Undo`, disabled: true, onclick: () => step("undo") });
  const redo = h("button.lb-button", { "data-needs": needs[1], type: "button", text: t`↷ Redo`, disabled: true, onclick: () => step("redo") });
  const buttons = h("span.lb-editor-steps", {}, undo, redo);
  const news = h("div.lb-curate-news", { "aria-live": "polite" });

  async function step(which) {
    await before();
    await inTurn(async () => {
      const answer = await ask(which === "undo" ? server.lb_undo : server.lb_redo, { project: project() });
      tellNews("ok", `${which === "undo" ? t`Undone` : t`Done again`}: ${spoken(answer.title) || t`nothing`}.`, { skipped: answer.skipped });
      await after();
    });
  }

  async function read() {
    if (!project()) return;
    const answer = await ask(server.lb_history, { project: project() }).catch(() => null);
    if (!answer) return;
    for (const [button, next, word] of [[undo, answer.undo, t`Undo`], [redo, answer.redo, t`Redo`]]) {
      button.disabled = !next;
      button.title = next ? `${word}: ${spoken(next.title)} (${plural(next.count, "file")})` : t`Nothing to ${word.toLowerCase()}`;
      button.setAttribute("aria-label", button.title);
    }
  }

  /** It stays where it is, so that nothing jumps while one decides. */
  function tellNews(level, text, { undoing = false, skipped = [] } = {}) {
    replace(news, h(`span.lb-tone-${level}`, { text, title: text }), undoing && h("button.lb-quiet", { type: "button", text: t`Undo`, onclick: () => step("undo") }),
      skipped.length > 0 && h("details.lb-details", {}, h("summary", { text: t`${plural(skipped.length, "file")} left as ${skipped.length === 1 ? t`it was` : t`they were`}` }), ...skipped.map(([file, why]) => h("p", { text: `${file}: ${spoken(why)}` }))));
  }

  return { buttons, news, step, read, tellNews, clear: () => replace(news) };
}
