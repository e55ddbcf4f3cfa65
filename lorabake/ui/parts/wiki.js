/** What Danbooru's wiki says about the tag that the person is at. follow(tag): only while it is open. */
function makeWiki({ server }) {
  const body = h("div.lb-wiki-body");
  const title = h("b"), shut = h("button.lb-quiet", { type: "button", text: t`Close`, onclick: () => hide() });
  const element = h("section.lb-wiki", { hidden: true, "aria-label": t`What this tag means` }, h("div.lb-line", {}, title, h("span.lb-grow"), shut), body);
  let wanted = null, timer = 0;

  async function show(tag) {
    const opens = element.hidden;
    element.hidden = false;
    if (wanted === tag) return;
    wanted = tag;
    say(title, tag);
    replace(body, h("p.lb-muted", { text: t`Looking it up…` }));
    let page;
    try { page = await ask(server.lb_wiki, { tag }); } catch (error) { page = { text: "", offline: error.message }; }
    if (wanted !== tag) return;
    const link = /^https:\/\//.test(page.url || "") && h("a", { href: page.url, target: "_blank", rel: "noreferrer noopener", text: t`Read it on Danbooru` });
    say(title, page.title || tag);
    replace(body,
      page.offline && h("p.lb-muted", { text: spoken(page.offline) }),
      ...(page.text || "").split(/\n{2,}/).filter(Boolean).map((text) => h("p", { text })),
      !page.text && !page.offline && h("p.lb-muted", { text: t`The wiki has no page for this tag.` }),
      link && h("p", {}, link));
    if (opens) element.scrollIntoView({ block: "nearest" }); // on a low screen it stands below the window's edge
  }
  function follow(tag) {
    if (element.hidden || !tag) return;
    clearTimeout(timer);
    timer = setTimeout(() => show(tag), 250); // walking over many tags asks for the last one only
  }
  function hide() { element.hidden = true; wanted = null; clearTimeout(timer); }

  return { element, show, follow, hide, toggle: (tag) => { if (element.hidden && tag) show(tag); else hide(); }, get isOpen() { return !element.hidden; } };
}
