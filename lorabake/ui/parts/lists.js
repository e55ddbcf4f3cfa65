// The tag lists behind completion, categories and implications: what is used, and how to get more.
const MAX = 64 * 2 ** 20;
const ORIGINS = { yours: t`your file`, danbooru: t`fetched from Danbooru`, tagger: t`came with a tagger`, practice: t`shipped with lorabake`, starter: t`shipped with lorabake: the best-known` };
const FETCHED = { tags: "tags", aliases: t`other names of tags`, implications: "implications" };
let view = null, opened = false;

const summary = h("span.lb-muted");
const said = h("div", { "aria-live": "polite" });
const used = h("div.lb-table-frame");
const fetching = h("div");
const files = h("input", { type: "file", accept: ".csv,text/csv", multiple: true, hidden: true, onchange: () => { send([...files.files]); files.value = ""; } });
const drop = h("div.lb-drop.lb-small", {},
  h("span", { text: t`Drop a tag list here: name,category,count,aliases as tagcomplete has it, or tag,implies.` }),
  h("button.lb-button", { "data-needs": "lb_drop_list", type: "button", text: t`Choose a CSV file`, onclick: () => files.click() }), files);
const word = h("input.lb-input", { type: "text", maxlength: "200", spellcheck: "false", placeholder: t`white shirt`, id: "lb-lists-word" });
const known = h("p.lb-lists-implied", { "aria-live": "polite" });
const box = h("details.lb-lists", { ontoggle: () => { opened = box.open; if (opened) again(); } },
  h("summary", {}, h("b", { text: t`Tag lists` }), summary),
  h("div.lb-lists-inside", {}, said, used, fetching, drop,
    h("form.lb-line.lb-end", { onsubmit: (event) => { event.preventDefault(); look(); } },
      h("label.lb-field", {}, h("span", { text: t`What the lists say about a tag` }), word),
      h("button.lb-button", { type: "submit", text: t`Look it up` })), known));
replace(element, box);
attachCompletion(word, { ask: tagAsker(server, () => ""), separator: "" });

async function act(call, data, done) {
  try {
    const answer = await ask(call, data);
    replace(said, ...(done ? done(answer) : []));
  } catch (error) {
    replace(said, remark("bad", error.message, { word: t`Not done` }));
  }
  again();
}

async function send(chosen) {
  const notes = [], batch = `${Date.now()}${Math.floor(Math.random() * 1e9)}`;
  try {
    let sent = 0;
    for (const file of chosen) {
      if (file.size > MAX) { notes.push(remark("warn", t`${file.name} was left out: it is larger than 64 MB.`)); continue; }
      replace(said, remark("info", t`Reading ${file.name}…`));
      const answer = await fetch(`/lorabake/upload/${batch}?name=${encodeURIComponent(file.name)}`, { method: "PUT", body: file });
      if (answer.ok) sent += 1;
      else notes.push(remark("bad", t`${file.name} did not arrive (${await answer.text()}).`));
    }
    if (sent) notes.push(...(await ask(server.lb_drop_list, { batch })).said.map(([level, text]) => remark(level, text)));
  } catch (error) { notes.push(remark("bad", error.message)); }
  replace(said, ...notes);
  again();
}
drop.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("lb-over"); });
drop.addEventListener("dragleave", () => drop.classList.remove("lb-over"));
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("lb-over");
  send([...event.dataTransfer.files]);
});

async function look() {
  const tag = word.value.trim();
  if (!tag) { replace(known); return; }
  try {
    const one = await ask(server.lb_implied, { tag });
    const facts = one.known ? [one.category, one.count > 0 && t`${plural(one.count, "picture")} on the board`].filter(Boolean).join(", ") : t`not in the lists`;
    replace(known, h("b", { text: one.tag }), `: ${facts || t`in the lists`}. `,
      one.implies.length ? t`It implies ${one.implies.join(", ")}.` : t`It implies nothing.`);
  } catch (error) { say(known, error.message); }
}

// --- what is used --------------------------------------------------------------------------------

/** "today", "3 days old", "5 months old". */
function age(seconds) {
  const days = Math.floor((Date.now() / 1000 - seconds) / 86400);
  if (days < 1) return t`from today`;
  if (days < 60) return t`${plural(days, "day")} old`;
  return days < 730 ? t`${Math.floor(days / 30)} months old` : t`${Math.floor(days / 365)} years old`;
}
function row(one, index) {
  const button = (text, needs, done) => h("button.lb-quiet", { "data-needs": needs, type: "button", text, "aria-label": `${text}: ${one.name}`, onclick: () => act(server[needs], { name: one.name }, done) });
  const undo = (answer) => [remark("ok", answer.said, { extra: [h("button.lb-quiet", { type: "button", text: t`Undo`, onclick: () => act(server.lb_restore_list, { removed: answer.removed }) })] })];
  const amount = plural(one.count, one.kind.slice(0, -1));
  return h("tr", {},
    h("th", { scope: "row" }, one.name, h("small.lb-muted", { text: [ORIGINS[one.origin] || "", one.own ? age(one.modified) : ""].filter(Boolean).join(", ") }), one.problem && h("small.lb-error", { text: spoken(one.problem) })),
    h("td", { text: one.problem ? t`not used` : amount }, one.skipped > 0 && h("small.lb-muted", { text: t`${plural(one.skipped, "line")} left out` })),
    h("td", {}, one.own && index > 0 && view.lists[index - 1].own && button(t`Put first`, "lb_first_list"), one.own && button(t`Remove`, "lb_remove_list", undo)));
}
function drawLists() {
  const key = JSON.stringify(view.lists);
  if (used.dataset.key === key) return;
  used.dataset.key = key;
  replace(used, view.lists.length > 0
    ? h("table.lb-table", {}, h("thead", {}, h("tr", {}, h("th", { scope: "col", text: t`List` }), h("th", { scope: "col", text: t`Holds` }), h("th", { scope: "col" }, h("span.lb-sr", { text: t`Change` })))),
      h("tbody", {}, ...view.lists.map(row)))
    : h("p.lb-muted", { text: t`There is no list yet. Fetch the newest one, or drop a file.` }));
}

// --- fetching --------------------------------------------------------------------------------------

const active = () => ["queued", "running"].includes(view?.fetch.state);
function drawFetching() {
  const at = view.fetch, key = JSON.stringify(at);
  if (fetching.dataset.key === key) return;
  fetching.dataset.key = key;
  const button = (text, data) => h("button.lb-button", { "data-needs": "lb_fetch_list", type: "button", text, onclick: () => act(server.lb_fetch_list, data) });
  if (active()) {
    const share = Math.round(100 * at.share);
    const what = FETCHED[at.kind] ? `${FETCHED[at.kind]}: ${at.lines.toLocaleString("en")}` : "starting";
    replace(fetching, h("div.lb-line", {}, h("span", { text: t`Fetching from Danbooru · ${what}` }),
      h("div.lb-lists-meter", { role: "progressbar", "aria-label": t`Fetching tag lists`, "aria-valuemin": "0", "aria-valuemax": "100", "aria-valuenow": String(share) }, h("i", { style: `width:${share}%` })),
      button(t`Stop`, { stop: true })));
    return;
  }
  const goOn = ["failed", "stopped", "interrupted"].includes(at.state);
  replace(fetching,
    h("div.lb-line", {}, button(goOn ? t`Go on fetching from Danbooru` : t`Fetch the newest list from Danbooru`, {}),
      h("span.lb-muted", { text: goOn && at.state === "stopped" ? t`Stopped; what has come is kept.` : t`About 150,000 tags with their other names and implications; 3 to 5 minutes.` })),
    at.error && h("p.lb-error", { text: at.error }));
}

async function read() {
  const before = view?.fetch.state;
  try { view = await ask(server.lb_lists, {}); } catch (error) { replace(said, remark("bad", error.message)); return; }
  say(summary, [plural(view.tags, "tag"), t`${plural(view.implications, "tag")} that imply others`, active() ? t`fetching, ${Math.round(100 * view.fetch.share)} %` : ""].filter(Boolean).join(" · "));
  if (before && before !== "finished" && view.fetch.state === "finished") replace(said, remark("ok", t`The newest list is in use: ${plural(view.tags, "tag")}.`));
  if (!opened) return;
  drawLists(); drawFetching();
}
const again = poll(element, read, () => (active() ? 1000 : 20000));
