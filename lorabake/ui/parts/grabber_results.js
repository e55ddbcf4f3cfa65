// What a search found: how many, what was asked of which board, thumbnails to pick, one picture large.
/** onPage(n): another page is wanted; onPick(): other pictures are picked; onStop(): wait no longer. */
function makeGrabResults({ onPage, onPick, onStop }) {
  const VIDEOS = ["mp4", "webm", "swf", "mkv", "mov"];
  let posts = [], picked = new Map(), number = 0, more = false, shownAt = -1, until = 0, timer = null, here = false;

  const heading = h("b.lb-grab-count", { role: "status" });
  const detail = h("span.lb-muted");
  const pickAll = h("button.lb-quiet", { type: "button", text: t`Pick this page`, onclick: () => pickPage(true) });
  const unpick = h("button.lb-quiet", { type: "button", text: t`Unpick all`, onclick: () => { picked.clear(); marks(); onPick(); } });
  const cancel = h("button.lb-quiet.lb-grab-cancel", { type: "button", text: t`Stop`, hidden: true, onclick: () => onStop() });
  const top = h("div.lb-line.lb-grab-top", { hidden: true }, heading, detail, cancel, h("span.lb-grow"), pickAll, unpick);
  const splits = h("div.lb-grab-splits", { hidden: true });
  const notes = h("div", { "aria-live": "polite" });
  const patience = h("div.lb-notice.lb-tone-info", { hidden: true }, h("p", { role: "timer" }), h("button.lb-quiet", { type: "button", text: t`Stop waiting`, onclick: () => onStop() }));
  const grid = h("div.lb-grab-grid", { role: "group", "aria-label": t`Found pictures`, onkeydown: walk });
  const before = h("button.lb-button", { type: "button", text: t`← Page before`, onclick: () => onPage(number - 1) });
  const after = h("button.lb-button", { type: "button", text: t`Next page →`, onclick: () => onPage(number + 1) });
  const where = h("span.lb-mono.lb-muted");
  const pager = h("nav.lb-line.lb-grab-pager", { hidden: true, "aria-label": t`Pages` }, before, where, after);
  const hint = h("div.lb-grab-empty", {}, h("p", {}, h("b", { text: t`Type what you would on a booru.` })),
    h("p.lb-muted", { text: t`Tags with spaces between, a minus in front of what you do not want. Take pictures of one character alone (solo) if you do not want to crop; a tag of clothes, such as shirt, brings more of the same outfit.` }),
    h("p.lb-muted", { text: t`Try for other angles, too: from_side, from_behind, close-up, full_body.` }));
  const root = h("div.lb-grab-results", {}, patience, notes, top, splits, hint, grid, pager);

  // --- one picture large ---------------------------------------------------------------------
  const large = h("img.lb-lightbox-picture", { alt: "" });
  const title = h("b"), about = h("span.lb-muted"), chips = h("div.lb-tagchips.lb-grab-tags");
  const take = h("button.lb-button.lb-primary", { type: "button", onclick: () => toggle(shownAt) });
  const visit = h("a.lb-button", { target: "_blank", rel: "noopener noreferrer", text: t`On the board ↗` });
  const box = h("dialog.lb-lightbox", { "aria-label": t`A found picture`, onkeydown: keys, onclick: (event) => { if (event.target === box) box.close(); } },
    h("div.lb-lightbox-frame", {}, large), h("div.lb-line", {}, title, about, h("span.lb-grow"),
      h("span.lb-grab-deeds", {}, h("button.lb-quiet", { type: "button", text: "←", "aria-label": t`The picture before`, onclick: () => turn(-1) }),
        h("button.lb-quiet", { type: "button", text: "→", "aria-label": t`The next picture`, onclick: () => turn(1) })), take, visit,
      h("button.lb-button", { type: "button", text: t`Close`, onclick: () => box.close() })), chips);
  box.addEventListener("close", () => grid.children[shownAt]?.querySelector("button")?.focus());
  root.append(box);

  const address = (kind, post) => `/lorabake/${kind}/${encodeURIComponent(post.site)}/${post.id}`;
  const facts = (post) => [post.width && post.height ? `${post.width} × ${post.height}` : "", post.rating, post.score !== null ? t`score ${post.score}` : "", post.ext ? post.ext.toUpperCase() : ""].filter(Boolean);
  const blocked = (post) => post.refused || post.have;

  function open(at) {
    shownAt = at;
    const post = posts[at];
    if (!post) return;
    large.src = address("board-large", post);
    large.alt = `${post.label} ${post.id}`;
    say(title, `${post.label} ${post.id}`);
    say(about, [...facts(post), blocked(post)].filter(Boolean).join(" · "));
    visit.hidden = !post.url;
    if (post.url) visit.href = post.url;
    replace(chips, ...post.tags.flatMap(([kind, names]) => names.map((name) => h("span.lb-tagchip", { "data-category": kind, text: name.replaceAll("_", " ") }))));
    marks();
    if (!box.open) box.showModal();
  }
  function turn(by) { const at = shownAt + by; if (posts[at]) open(at); }
  function keys(event) {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by) { event.preventDefault(); turn(by); }
    else if (event.key === " " && event.target === box) { event.preventDefault(); toggle(shownAt); }
  }

  // --- picking -------------------------------------------------------------------------------
  function toggle(at) {
    const post = posts[at];
    if (!post || blocked(post)) return;
    if (!picked.delete(post.key)) picked.set(post.key, post);
    marks();
    onPick();
  }
  function pickPage(yes) {
    for (const post of posts) if (!blocked(post)) { if (yes) picked.set(post.key, post); else picked.delete(post.key); }
    marks();
    onPick();
  }
  function marks() {
    posts.forEach((post, at) => {
      const cell = grid.children[at], on = picked.has(post.key);
      if (!cell) return;
      cell.classList.toggle("lb-on", on);
      cell.firstChild.setAttribute("aria-pressed", String(on));
    });
    unpick.hidden = !picked.size;
    const post = posts[shownAt];
    take.hidden = !post || Boolean(blocked(post));
    if (post) say(take, picked.has(post.key) ? t`Unpick` : t`Pick`);
  }
  /** Arrows walk over the thumbnails. */
  function walk(event) {
    const cells = [...grid.children], at = cells.findIndex((cell) => cell.contains(document.activeElement));
    if (at < 0) return;
    const columns = Math.max(1, cells.filter((cell) => cell.offsetTop === cells[0].offsetTop).length);
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
    if (by && cells[at + by]) { event.preventDefault(); cells[at + by].firstChild.focus(); }
    else if (event.key === "Enter" && document.activeElement.classList.contains("lb-grab-pick")) { event.preventDefault(); open(at); }
  }

  function cell(post, at) {
    const image = post.preview
      ? h("img", { src: address("board", post), alt: "", loading: "lazy", decoding: "async", draggable: "false", onerror: (event) => event.target.replaceWith(h("span.lb-grab-blank", { text: t`no preview` })) })
      : h("span.lb-grab-blank", { text: t`no preview` });
    const why = blocked(post);
    return h("figure.lb-grab-cell", { "data-key": post.key, title: why || undefined },
      h("button.lb-grab-pick", { type: "button", "aria-pressed": "false", "aria-label": `${post.label} ${post.id}, ${facts(post).join(", ")}${why ? `. ${why}` : ""}`, "aria-disabled": why ? "true" : undefined, onclick: () => (why ? open(at) : toggle(at)), ondblclick: () => open(at) }, image, h("i.lb-grab-tick", { text: "✓" }), post.rating !== "general" && h("span.lb-grab-rating", { text: post.rating }), why && h("span.lb-grab-why", { text: VIDEOS.includes(post.ext) ? t`video` : post.refused ? t`cannot be fetched` : post.have.includes("already") ? t`here already` : t`deleted before` })),
      h("figcaption", {}, h("span", { text: post.width ? `${post.width} × ${post.height}` : "" }), h("span.lb-grow"), h("button.lb-grab-zoom", { type: "button", text: "⤢", title: t`Look at it`, "aria-label": t`Look at ${post.label} ${post.id}`, onclick: () => open(at) })));
  }

  // --- what the server says ------------------------------------------------------------------
  function tick() {
    clearTimeout(timer);
    const left = Math.ceil((until - Date.now()) / 1000);
    patience.hidden = left <= 0;
    if (left <= 0) return;
    say(patience.firstChild, t`${patience.dataset.host} asks for patience. Asked again in ${left} s.`);
    timer = setTimeout(tick, 250);
  }
  const plain = (counts) => Object.values(counts).filter((n) => n !== null);

  return {
    root,
    get picked() { return [...picked.keys()]; },
    unpickAll() { picked.clear(); marks(); },
    wait(seconds, host) {
      until = seconds > 0 ? Date.now() + seconds * 1000 : 0;
      patience.dataset.host = host;
      tick();
    },
    /** While no board has answered yet. */
    asking(names) { hint.hidden = true; top.hidden = cancel.hidden = false; pickAll.hidden = unpick.hidden = true; say(heading, t`Asking ${names.join(t` and `) || t`the boards`}…`); say(detail, ""); },
    busy(yes) { if (!yes) cancel.hidden = true; grid.classList.toggle("lb-waiting", yes); before.disabled = yes || number === 0; after.disabled = yes || !more; },
    problem(text, extra = null) { cancel.hidden = true; if (!posts.length) { top.hidden = true; hint.hidden = false; } replace(notes, text && remark("warn", text, { extra: [extra] })); },
    clear() { posts = []; picked = new Map(); number = 0; replace(grid); top.hidden = pager.hidden = splits.hidden = true; hint.hidden = false; replace(notes); until = 0; tick(); },
    /** How many there are: of the board, before what is filtered here. */
    count(counts, labels, filtered) {
      const known = counts ? plain(counts) : [], sum = known.reduce((a, b) => a + b, 0);
      say(heading, !counts ? (posts.length ? plural(posts.length, "picture on this page", "pictures on this page") : t`No results`) : known.length < Object.keys(counts).length ? (known.length ? t`${sum.toLocaleString("en")} results or more` : posts.length ? t`The board does not say how many there are` : t`No results`) : plural(sum, "result"));
      const several = counts && Object.keys(counts).length > 1, sifted = filtered || here;
      const parts = several ? Object.entries(counts).map(([site, n]) => `${labels[site] || site}: ${n === null ? t`not told` : n.toLocaleString("en")}`) : [];
      if (sum && sifted) parts.push(t`before what is filtered here`);
      say(detail, parts.join(" · "));
      return counts && !several && !sifted && known.length ? sum : null;
    },
    set(page, at) {
      posts = page.posts; number = at; more = page.more; shownAt = -1;
      here = page.split.some((one) => one.here.length > 0);
      hint.hidden = cancel.hidden = true;
      top.hidden = false;
      replace(grid, ...posts.map(cell));
      grid.scrollTop = 0;
      pager.hidden = !more && number === 0;
      say(where, t`Page ${number + 1}`);
      pickAll.hidden = !posts.some((post) => !blocked(post));
      replace(notes, ...page.notes.map((text) => remark("info", text)),
        !posts.length && !page.notes.length && remark("info", number ? t`There are no more.` : t`Nothing was found. Check the spelling of the tags, or take one away.`));
      splits.hidden = !page.split.length;
      replace(splits, ...page.split.map((one) => h("p", {}, h("b", { text: `${one.site} ` }),
        h("span", {}, t`was asked for `, h("code.lb-mono", { text: one.sent || t`everything` })),
        one.here.length > 0 && h("span", {}, t`; looked for here: `, ...one.here.map((word) => h("code.lb-mono.lb-grab-here", { text: word }))),
        ...one.notes.map((text) => h("small.lb-muted", { text })))));
      marks();
    },
  };
}
