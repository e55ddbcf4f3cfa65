// The model shelf: what was found where, known models to download, other files by name, keys.
let view = null, opened = false;

const summary = h("span.lb-muted");
const said = h("div", { "aria-live": "polite" });
const look = h("button.lb-button", { type: "button", text: t`Look again`, onclick: () => act(server.lb_look, { refresh: true }) });
const place = h("p.lb-muted.lb-models");
const words = h("input.lb-input", { type: "search", placeholder: t`Find a model`, "aria-label": t`Find a model`, oninput: () => drawModels() });
const models = h("div.lb-table-frame.lb-shelf-models");
const fetched = h("div");
const known = h("div.lb-known");
const spec = h("input.lb-input", { type: "text", id: "lb-model-spec", maxlength: "500", spellcheck: "false", autocomplete: "off", placeholder: t`owner/repository/file.safetensors or 290640` });
const get = h("button.lb-button", { type: "submit", text: t`Download` });
const keys = h("div.lb-keys-form");
const box = h("details.lb-shelf", { id: "lb-model-shelf", ontoggle: () => { opened = box.open; if (opened) again(); } },
  h("summary", {}, h("b", { text: t`Model shelf` }), summary),
  h("div.lb-shelf-inside", {},
    said,
    h("div.lb-line", {}, words, look), place, models,
    fetched,
    h("h4", { text: t`Known models` }), known,
    h("h4", { text: t`Any other` }),
    h("form.lb-line", { onsubmit: (event) => { event.preventDefault(); download(spec.value, true); } },
      h("label.lb-field.lb-grow", {}, h("span", { text: t`Hugging Face file, or the number of a Civitai version` }), spec), get),
    h("p.lb-muted", { text: t`The address of the file's page can be pasted as well. Only .safetensors files, and taggers as .onnx, are taken; each is checked by its hash.` }),
    h("details.lb-details", {}, h("summary", { text: t`Keys for sites that want one` }), keys)));
replace(element, box);

async function act(call, data) {
  try {
    const answer = await ask(call, data);
    replace(said);
    again();
    return answer;
  } catch (error) {
    replace(said, remark("bad", error.message, { word: t`Not done` }));
    return null;
  }
}
async function download(text, typed = false) {
  if (await act(server.lb_download, { spec: text }) && typed) spec.value = "";
}

// --- found -------------------------------------------------------------------------------------
function modelRow(m) {
  return h(`tr${m.usable ? "" : ".lb-unusable"}`, { title: m.path },
    h("th", { scope: "row" }, m.name, m.hash && h("small.lb-muted.lb-mono", { text: m.hash }), m.problem && h("small.lb-muted", { text: spoken(m.problem) })),
    h("td", { text: spoken(m.kind) }), h("td", { text: m.family }), h("td", { text: spoken(m.predicts) }),
    h("td", { text: spoken(m.size) }, m.dtype && h("small.lb-muted", { text: ` ${spoken(m.dtype)}` })),
    h("td", { text: spoken(m.where) }));
}
function drawModels() {
  const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
  const rows = view.models.filter((m) => wanted.every((w) => `${m.name} ${m.kind} ${m.family} ${m.predicts} ${m.where}`.toLowerCase().includes(w)));
  const key = JSON.stringify([rows, view.more]);
  if (models.dataset.key === key) return;
  models.dataset.key = key;
  replace(models, rows.length > 0 ? h("table.lb-table", {},
    h("thead", {}, h("tr", {}, ...[t`Name`, t`Kind`, t`Family`, t`Predicts`, t`Size`, t`Place`].map((text) => h("th", { scope: "col", text })))),
    h("tbody", {}, ...rows.map(modelRow)))
    : h("p.lb-muted.lb-hint", { text: view.looking ? t`Looking…` : view.models.length ? t`No model is called that.` : t`No models were found. Download one below, or put a .safetensors file into the folder above.` }),
    view.more > 0 && h("p.lb-muted", { text: t`… and ${spoken(view.more)} more.` }));
}

// --- downloads ------------------------------------------------------------------------------------
const states = { running: t`downloading`, queued: t`starting`, finished: t`done`, failed: t`failed`, stopped: t`stopped`, interrupted: t`interrupted` };
const tones = { running: "info", queued: "info", finished: "ok", failed: "bad", stopped: "warn", interrupted: "warn" };
function downloadRow(d) {
  const active = ["running", "queued"].includes(d.state);
  const small = (text, call) => h("button.lb-quiet", { type: "button", text, "aria-label": `${text}: ${d.spec}`, onclick: () => act(call, { name: d.name }) });
  const share = d.total ? d.done / d.total : 0;
  const amount = d.total ? t`${size(d.done)} of ${size(d.total)}` : d.done ? size(d.done) : "";
  return h("li", {}, h("b", { text: d.file || d.spec }), h(`span.lb-job-state.lb-tone-${tones[d.state] || "info"}`, { text: [states[d.state] || d.state, d.state === "finished" ? "" : amount].filter(Boolean).join(" · ") }),
    h("span.lb-job-buttons", {}, active && small(t`Cancel`, server.lb_download_stop), d.resume && small(t`Resume`, server.lb_download_resume), !active && small(t`Off the list`, server.lb_download_forget)),
    active && h("div.lb-meter", { role: "progressbar", "aria-label": t`Download of ${d.spec}`, "aria-valuemin": "0", "aria-valuemax": "100", "aria-valuenow": String(Math.round(100 * share)) }, h("i", { style: `width:${(100 * share).toFixed(1)}%` })),
    d.error && h("p.lb-error", { text: spoken(d.error) }));
}
function drawDownloads() {
  const key = JSON.stringify(view.downloads);
  if (fetched.dataset.key === key) return;
  fetched.dataset.key = key;
  replace(fetched, view.downloads.length > 0 && h("h4", { text: t`Downloads` }), view.downloads.length > 0 && h("ul.lb-jobs", {}, ...view.downloads.map(downloadRow)));
}

// --- known -------------------------------------------------------------------------------------------
function knownRow(k) {
  const busy = view.downloads.some((d) => d.spec === k.name && ["running", "queued"].includes(d.state));
  return h("li", {},
    h("div", {}, h("b", { text: spoken(k.title) }), h("span.lb-muted", { text: ` ${[spoken(k.family), spoken(k.kind), k.size].filter(Boolean).join(" · ")}` }),
      h("p", { text: spoken(k.help) }),
      h("p.lb-muted", {}, t`Licence: ${k.licence} · `, h("a", { href: k.page, target: "_blank", rel: "noopener noreferrer", text: t`its page` }))),
    k.here ? h("span.lb-here", { text: t`✓ here` })
      : k.can && h("button.lb-button", { type: "button", text: busy ? t`Downloading…` : t`Download`, disabled: busy, "aria-label": t`Download ${spoken(k.title)}${k.size ? `, ${k.size}` : ""}`, onclick: () => download(k.name) }));
}
function drawKnown() {
  const key = JSON.stringify([view.known, view.downloads.map((d) => [d.spec, d.state])]);
  if (known.dataset.key === key) return;
  known.dataset.key = key;
  replace(known, h("ul", {}, ...view.known.map(knownRow)));
}

function drawKeys() {
  const key = JSON.stringify(view.keys);
  if (keys.dataset.key === key) return;
  keys.dataset.key = key;
  replace(keys, h("p.lb-muted", { text: t`A key is kept in a file that only you can read. It is not shown again and goes to its own site only.` }),
    ...Object.entries(view.services).map(([service, label]) => {
      const input = h("input.lb-input", { type: "password", autocomplete: "off", maxlength: "500", id: `lb-key-${service}`, placeholder: view.keys[service] ? t`saved` : "" });
      const store = async (value) => { if (await act(server.lb_key, { service, key: value })) replace(said, remark("ok", value ? t`The key for ${label} is saved.` : t`The key for ${label} is forgotten.`)); input.value = ""; };
      return h("form.lb-line.lb-end", { onsubmit: (event) => { event.preventDefault(); if (input.value) store(input.value); } },
        h("label.lb-field", {}, h("span", { text: `${label}${view.keys[service] ? t` (a key is saved)` : ""}` }), input),
        h("button.lb-button", { type: "submit", text: t`Save the key` }),
        view.keys[service] && h("button.lb-quiet", { type: "button", text: t`Forget it`, onclick: () => store("") }));
    }));
}

function draw() {
  const usable = view.models.filter((m) => m.usable);
  const bases = usable.filter((m) => m.kind === "base model").length;
  const running = view.downloads.filter((d) => d.state === "running").length;
  say(summary, [view.looking && !view.models.length ? t`looking…` : usable.length ? `${plural(bases, "base model")}, ${plural(usable.length - bases, "other")}` : t`nothing found yet; models can be downloaded here`, running ? plural(running, "download") : ""].filter(Boolean).join(" · "));
  look.disabled = view.looking;
  say(look, view.looking ? t`Looking…` : t`Look again`);
  replace(place, t`Your own folder: `, h("code.lb-mono", { text: view.folder }), t`. Models of A1111, Forge, ComfyUI, kohya and Hugging Face are used where they lie.`);
  if (view.problem) replace(said, remark("bad", view.problem));
  if (!opened) return;
  drawModels(); drawDownloads(); drawKnown(); drawKeys();
}

let before = "";
async function read() {
  try { view = await ask(server.lb_shelf, {}); } catch (error) { replace(said, remark("bad", error.message)); return; }
  draw();
  // What can be chosen as a base model is different now.
  const names = view.models.map((m) => `${m.name}${m.size}`).join("\n");
  if (before !== names && before !== "") tell("oven", { by: "shelf" });
  before = names || " ";
  const done = view.downloads.filter((d) => d.state === "finished").length;
  if (done > finished && finished >= 0) act(server.lb_look, {});
  finished = done;
}
let finished = -1;
const active = () => view && (view.looking || view.downloads.some((d) => ["running", "queued"].includes(d.state)));
const again = poll(element, read, () => (active() ? 1000 : opened ? 5000 : 30000));
hear(element, "shelf", () => { box.open = true; box.scrollIntoView({ block: "start" }); box.firstChild.focus(); }, { now: false });
