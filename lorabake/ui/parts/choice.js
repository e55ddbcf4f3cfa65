// Preset and overlays with what they change; settings from files and into files (exchange.js).
let project = "", view = null;

const preset = h("select.lb-select", { "data-needs": "lb_preset", id: "lb-preset", "aria-label": t`Preset`, onchange: () => act(server.lb_preset, { preset: preset.value }) });
const back = h("button.lb-button", { "data-needs": "lb_preset", type: "button", text: t`Back to the preset's values`, title: t`Drops your changes; model and overlays stay`, onclick: () => act(server.lb_preset, { preset: view.preset }) });
const about = h("p.lb-muted");
const said = h("div", { "aria-live": "polite" });
const overlays = h("div.lb-overlays");
const changed = h("div");
const exchange = makeExchange({ project: () => project, done: (text, more) => { done(text); if (more.folders) trigger("changed"); } });
const main = h("div.lb-choice", { hidden: true },
  h("div.lb-line.lb-end", {}, h("label.lb-field", {}, h("span", { text: t`Preset` }), preset), back, h("span.lb-grow"), exchange.buttons),
  about, said, exchange.panel,
  h("h3.lb-heading", { text: t`Overlays: changes laid over the preset` }), overlays, changed);
replace(element, main);

async function act(call, data) {
  try {
    const answer = await ask(call, { project, ...data });
    done(answer.said);
    if (answer.folders) trigger("changed");
  } catch (error) {
    replace(said, remark("bad", error.message, { word: t`Not changed` }));
    read();
  }
}

/** Something large was changed: say what, and offer the way back. */
function done(text) {
  const undo = h("button.lb-quiet", { "data-needs": "lb_undo", type: "button", text: t`Undo`, onclick: () => act(server.lb_undo, {}) });
  replace(said, remark("ok", text, { extra: [undo] }));
  tell("oven", { by: "choice" });
  tell("nudge");
}

function overlay(item) {
  const box = h("input", { "data-needs": "lb_overlay", type: "checkbox", id: `lb-overlay-${item.name}`, checked: item.on, onchange: () => act(server.lb_overlay, { overlay: item.name, on: box.checked }) });
  return h(`div.lb-overlay${item.on ? ".lb-on" : ""}`, {},
    h("label", {}, box, h("b", { text: spoken(item.title) })),
    h("p.lb-muted", { text: spoken(item.description) }),
    item.changes.length ? h("details", { open: innerWidth > 640 }, h("summary", { text: t`Changes ${plural(item.changes.length, "setting")}` }), h("p.lb-pieces", {}, ...item.changes.map(piece)))
      : h("p.lb-muted", { text: t`This preset is like that already.` }));
}

function draw() {
  main.hidden = false;
  replace(preset, ...view.presets.map(([value, text]) => h("option", { value, text: spoken(text) })));
  preset.value = view.preset;
  say(about, view.title ? t`${spoken(view.title)}: loaded settings, kept as changes to this preset.` : spoken(view.description));
  back.disabled = !view.changed.length;
  const key = JSON.stringify([view.overlays, view.preset]);
  if (overlays.dataset.key !== key) {
    overlays.dataset.key = key;
    const focused = overlays.contains(document.activeElement) ? document.activeElement.id : "";
    replace(overlays, ...view.overlays.map(overlay));
    if (focused) document.getElementById(focused)?.focus();
  }
  const list = view.changed;
  const open = changed.querySelector("details")?.open ?? false;
  replace(changed, list.length > 0 && h("details.lb-details", { open },
    h("summary", { text: t`${plural(list.length, "setting")} changed from the preset${view.overlays.some((o) => o.on) ? t` and its overlays` : ""}` }),
    h("p.lb-pieces", {}, ...list.map(piece))));
}

async function read() {
  const now = props.value?.project || "";
  if (now !== project) {
    if (project) { replace(said); exchange.leave(); }
    project = now;
  }
  if (!project) { main.hidden = true; return; }
  try {
    const answer = await ask(server.lb_choice, { project });
    if (now === project) { view = answer; draw(); }
  } catch (error) {
    main.hidden = false;
    replace(said, remark("bad", error.message));
  }
}
read();
watch("value", read);
hear(element, "oven", (news) => { if (!["choice", "shelf"].includes(news.by)) replace(said); read(); }, { now: false });
