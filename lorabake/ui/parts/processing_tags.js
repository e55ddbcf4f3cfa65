// The tags of a project: how often each stands, which hang together, and which exclude each other.
let project = "", rows = [], visible = [], total = 0, chosen = "", stale = true, category = "";
const CATEGORIES = ["general", "character", "copyright", "artist", "meta", "rating", "trigger", ""];
const wordFor = (name) => name || "other", kindWord = (name) => spoken(wordFor(name));
const colour = (name) => `lb-cat-${CATEGORIES.includes(name) && name ? name : "other"}`;

const find = h("input.lb-input.lb-find", { type: "search", placeholder: t`Find a tag`, "aria-label": t`Find a tag`, maxlength: "100", oninput: arrange });
const order = h("select.lb-select", { "aria-label": t`Order of the tags`, onchange: arrange },
  ...[["count", t`Most used first`], ["rare", t`Rarest first`], ["name", t`By name`], ["category", t`By category`]].map(([value, text]) => h("option", { value, text })));
const shape = h("select.lb-select", { "aria-label": t`Table or cloud`, onchange: () => { remember("tags-shape", shape.value); arrange(); } }, h("option", { value: "table", text: t`Table` }), h("option", { value: "cloud", text: t`Cloud` }));
shape.value = recall("tags-shape", "table") === "cloud" ? "cloud" : "table";
const kinds = h("div.lb-line.lb-process-parts", { role: "group", "aria-label": t`Categories` });
const count = h("span.lb-muted", { role: "status" });
const trouble = h("div");
const view = h("div.lb-counts-view", { role: "list", tabindex: "0", "aria-label": t`Tags` });
const list = makeList(view, { draw: row, block: 24, guess: 44 });
const cloud = h("div.lb-cloud", { hidden: true });
const about = h("aside.lb-about", { "aria-live": "polite" });
const tagsBox = h("details.lb-details", { open: recall("process-tags-open", true) }, h("summary", { text: t`Tags of this project` }),
  h("div.lb-counts-inside", {}, h("div.lb-line.lb-tools", {}, find, order, shape, count), kinds, h("div.lb-counts-split", {}, h("div", {}, view, cloud), about)));
const groups = h("div.lb-exclusive");
const groupsBox = h("details.lb-details", { open: recall("process-groups-open", false) }, h("summary", {}, h("span", { text: t`Tags that exclude each other` }), h("span.lb-more-changed")), groups);
const main = h("div.lb-tag-tables", { hidden: true }, trouble, tagsBox, groupsBox);
replace(element, main);
tagsBox.addEventListener("toggle", () => { remember("process-tags-open", tagsBox.open); if (tagsBox.open) { read(); list.refresh(); } });
groupsBox.addEventListener("toggle", () => { remember("process-groups-open", groupsBox.open); if (groupsBox.open) readGroups(); });

// --- the table and the cloud ----------------------------------------------------------------------

/** A tag in the filter language; its own quotes are escaped. */
const expression = (tag) => `tag:"${tag.replace(/(["\\])/g, "\\$1")}"`;
function pictures(tag) {
  go("editor");
  tell("filter", expression(tag));
}
const operate = (field, text) => { tell("process", { field, text }); document.getElementById(`process-${field}`)?.scrollIntoView({ block: "center" }); };

function row(index) {
  const [tag, n, name] = visible[index];
  return h(`div.lb-count-row${tag === chosen ? ".lb-on" : ""}`, { role: "listitem", "aria-setsize": String(visible.length), "aria-posinset": String(index + 1) },
    h(`button.lb-count-name.${colour(name)}`, { type: "button", text: tag, title: t`Show the ${plural(n, "picture")} that have it`, onclick: () => pictures(tag) }),
    h("span.lb-count-kind", { text: spoken(name) }),
    h("span.lb-count-bar", { "aria-hidden": "true" }, h("i", { style: `width:${(100 * n / Math.max(1, total)).toFixed(1)}%` })),
    h("span.lb-count-n", { text: n.toLocaleString("en") }),
    h("button.lb-quiet.lb-count-more", { type: "button", text: t`Look`, "aria-label": t`Look at ${tag}: what it bleeds with`, onclick: () => look(tag) }));
}

function drawCloud() {
  const most = Math.max(1, ...visible.map(([, n]) => n));
  const one = ([tag, n, name]) => h(`button.lb-cloud-tag.${colour(name)}`, { type: "button", style: `font-size:${(13 + 17 * Math.sqrt(n / most)).toFixed(1)}px`, title: t`${plural(n, "picture")}: show them`, onclick: () => pictures(tag) }, h("span", { text: tag }), h("small", { text: n.toLocaleString("en") }));
  const MOST = 120;
  replace(cloud, ...CATEGORIES.filter((name) => visible.some(([, , own]) => own === name)).map((name) => {
    const mine = visible.filter(([, , own]) => own === name).sort((a, b) => b[1] - a[1]);
    return h("section", {}, h("h4", { text: `${kindWord(name)[0].toUpperCase()}${kindWord(name).slice(1)}` }),
      h("div.lb-cloud-tags", {}, ...mine.slice(0, MOST).map(one), mine.length > MOST && h("span.lb-muted", { text: t`and ${mine.length - MOST} rarer ones` })));
  }));
}

const ORDERS = {
  count: (a, b) => b[1] - a[1] || a[0].localeCompare(b[0]),
  rare: (a, b) => a[1] - b[1] || a[0].localeCompare(b[0]),
  name: (a, b) => a[0].localeCompare(b[0]),
  category: (a, b) => CATEGORIES.indexOf(a[2]) - CATEGORIES.indexOf(b[2]) || b[1] - a[1],
};
function arrange() {
  const wanted = find.value.toLowerCase().replaceAll("_", " ").trim();
  visible = rows.filter(([tag, , name]) => (!category || wordFor(name) === category) && (!wanted || tag.toLowerCase().replaceAll("_", " ").includes(wanted))).sort(ORDERS[order.value]);
  say(count, visible.length === rows.length ? plural(rows.length, "tag") : t`${visible.length.toLocaleString("en")} of ${plural(rows.length, "tag")}`);
  const asCloud = shape.value === "cloud";
  view.hidden = asCloud || !visible.length;
  cloud.hidden = !asCloud;
  if (asCloud) drawCloud(); else list.set(visible.length);
}

function drawKinds() {
  const counts = {};
  for (const [, , name] of rows) counts[wordFor(name)] = (counts[wordFor(name)] || 0) + 1;
  const names = CATEGORIES.map(wordFor).filter((name) => counts[name]);
  if (!names.includes(category)) category = "";
  const pill = (name, text) => h("button.lb-pill", { type: "button", "aria-pressed": String(name === category), text, onclick: () => { category = name; drawKinds(); arrange(); } });
  replace(kinds, ...(names.length > 1 ? [pill("", t`All ${rows.length.toLocaleString("en")}`), ...names.map((name) => pill(name, `${spoken(name)} ${counts[name].toLocaleString("en")}`))] : []));
}

// --- one tag ---------------------------------------------------------------------------------------

async function look(tag) {
  chosen = tag;
  list.refresh();
  const found = rows.find(([one]) => one === tag);
  if (!found) { replace(about); return; }
  let together = [];
  try { together = (await ask(server.lb_bleeds, { project, tag })).together; } catch (error) { replace(about, remark("bad", error.message)); return; }
  if (tag !== chosen) return;
  const percent = (share) => `${Math.round(100 * share)} %`;
  replace(about,
    h("div.lb-about-head", {}, h(`b.${colour(found[2])}`, { text: tag }), h("button.lb-quiet", { type: "button", text: t`Close`, onclick: () => { chosen = ""; replace(about); list.refresh(); } })),
    h("p.lb-muted", { text: t`${kindWord(found[2])}, in ${found[1].toLocaleString("en")} of ${plural(total, "picture")}` }),
    h("div.lb-line", {},
      h("button.lb-button", { type: "button", text: t`Show ${plural(found[1], "picture")}`, onclick: () => pictures(tag) }),
      h("button.lb-button", { type: "button", text: t`Remove everywhere…`, title: t`Puts it into “Tags to remove”; nothing is written yet`, onclick: () => operate("tags_to_remove", tag) })),
    h("h4", { text: t`Bleeds with` }),
    together.length
      ? h("div", {}, h("p.lb-muted", { text: t`What stands together in most pictures is learned as one. Vary the pictures, or remove what belongs to the trigger.` }),
        h("div.lb-bleeds-frame", {}, h("table.lb-table.lb-bleeds", {}, h("thead", {}, h("tr", {}, ...[t`Tag`, t`Together`, t`Of its pictures`, t`More than by chance`].map((text) => h("th", { scope: "col", text })))),
          h("tbody", {}, ...together.map((one) => h("tr", {}, h("th", { scope: "row" }, h(`button.lb-count-name.${colour(one.category)}`, { type: "button", text: one.tag, onclick: () => look(one.tag) })),
            h("td", { text: one.together.toLocaleString("en") }), h("td", { text: percent(one.share) }), h("td", { text: `${one.lift.toFixed(1)} ×` })))))))
      : h("p.lb-muted", { text: t`Nothing stands beside it more often than by chance.` }));
}

// --- groups ----------------------------------------------------------------------------------------

/** Two hair colours in one caption: how often, which, and which one shall stay. */
function groupRow(group) {
  const keep = h("select.lb-select", { "aria-label": t`Which ${group.title.toLowerCase()} stays` },
    h("option", { value: "", text: t`Keep one by itself` }), ...group.tags.map(([tag]) => h("option", { value: tag, text: t`Keep ${tag}` })));
  const show = () => { go("editor"); tell("filter", group.filter); };
  return h("div.lb-group-row", {},
    h("b", { text: spoken(group.title) }),
    h("div", {}, h("span", { text: `${plural(group.pictures, "picture")}: ` }), h("span.lb-muted", { text: group.tags.map(([tag, n]) => `${tag} ${n}`).join(", ") })),
    h("div.lb-line", {}, keep,
      h("button.lb-button", { type: "button", text: t`Consolidate…`, title: t`Puts it into “One value for each”; nothing is written yet`, onclick: () => operate("consolidate", keep.value ? `${group.name} = ${keep.value}` : group.name) }),
      h("button.lb-quiet", { type: "button", text: group.shown < group.pictures ? t`Show the first ${group.shown}` : t`Show them`, onclick: show })));
}

async function readGroups() {
  if (!project) return;
  const mine = project;
  try {
    const { groups: found } = await ask(server.lb_exclusive, { project });
    if (mine !== project) return;
    say(groupsBox.querySelector(".lb-more-changed"), found.length ? plural(found.reduce((sum, group) => sum + group.pictures, 0), "conflict") : "");
    replace(groups, found.length
      ? h("div.lb-group-rows", {}, ...found.map(groupRow))
      : h("p.lb-muted", { text: t`No caption has two of a kind, such as two hair colours.` }));
  } catch (error) { replace(groups, remark("bad", error.message)); }
}

// --- reading ---------------------------------------------------------------------------------------

async function read() {
  const now = props.value?.project || "";
  if (now !== project) { project = now; chosen = ""; replace(about); rows = []; stale = true; find.value = ""; }
  main.hidden = !project;
  if (!project || !stale) return;
  if (!shown(element) || !tagsBox.open) { if (groupsBox.open && shown(element)) readGroups(); return; }
  stale = false;
  try {
    const answer = await ask(server.lb_tags, { project });
    if (now !== project) return;
    rows = answer.tags;
    total = answer.pictures;
    replace(trouble);
    drawKinds();
    arrange();
    if (chosen) look(chosen);
    if (groupsBox.open) readGroups();
  } catch (error) {
    stale = true;
    replace(trouble, remark("bad", error.message));
  }
}
hear(element, "captions", () => { stale = true; read(); }, { now: false });
hear(element, "opened", (id) => { if (id === "processing") read(); }, { now: false });
hear(element, "pulse", () => { if (stale && shown(element)) read(); }, { now: false });
read();
watch("value", () => { stale = true; read(); });
