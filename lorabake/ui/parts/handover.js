/**
 * "Use this one": the chosen cell's file goes to the web UI, with its sidecar and preview.
 *
 * where(): { project, run, grid, picture, epoch, weight } of the chosen cell; label(): it in words.
 * buttons(): a row for the large view and one for the board; onOpen(): the panel opens.
 */
function makeHandover({ server, where, label, onOpen = () => {} }) {
  let asked = null, timer = null, turn = 0, job = "", owner = "";
  const inputs = {};
  const typed = new Map(); // field → what a person wrote; stays when another cell is chosen
  const title = h("h3.lb-heading");
  const often = h("div.lb-fields"), rarely = h("div.lb-fields");
  const folder = h("select.lb-select", { id: "lb-handover-folder" });
  const other = h("input.lb-input", { type: "text", id: "lb-handover-path", maxlength: "1000", spellcheck: "false", autocomplete: "off", placeholder: "/path/to/models/Lora", "aria-label": t`Path of another folder` });
  const take = h("button.lb-button", { type: "button", text: t`Use this folder`, onclick: addFolder });
  const write = h("button.lb-button.lb-primary", { type: "button", id: "lb-handover-write", onclick: start });
  const said = h("div", { "aria-live": "polite" });
  const panel = h("section.lb-handover", { hidden: true, "aria-label": t`Use this one` }, title, often,
    h("label.lb-field", {}, h("span", { text: t`Folder` }), folder, h("small.lb-muted", { text: t`Where your web UI looks for LoRAs. The one you choose is remembered.` })),
    h("details.lb-details", {}, h("summary", { text: t`Another folder` }), h("div.lb-line", {}, h("label.lb-field.lb-grow", {}, h("span", { text: t`Full path` }), other), take)),
    h("details.lb-details", {}, h("summary", { text: t`More: negative prompt, notes, smaller file, average of two epochs` }), rarely),
    h("div.lb-line", {}, write, button(t`Copy prompt`, copyPrompt), button(t`Model card`, showCard), h("button.lb-quiet", { type: "button", text: t`Not now`, onclick: close })));
  const shownText = h("textarea.lb-caption.lb-mono", { rows: "14", readonly: true, spellcheck: "false", "aria-label": t`Model card` });
  const card = h("section.lb-handover", { hidden: true, "aria-label": t`Model card` }, h("h3.lb-heading", { text: t`Model card` }),
    h("p.lb-muted", { text: t`A draft for Civitai or Hugging Face, in Markdown. Put the example picture beside it.` }), shownText,
    h("div.lb-line", {}, button(t`Copy model card`, () => copy(shownText.value, t`Copied the model card.`)), h("button.lb-quiet", { type: "button", text: t`Close`, onclick: () => { card.hidden = true; } })));
  const repo = h("input.lb-input", { type: "text", id: "lb-handover-repo", maxlength: "200", spellcheck: "false", autocomplete: "off", placeholder: "your-name/hsr_kafka" });
  const secret = h("input", { type: "checkbox", checked: true, id: "lb-handover-private" });
  const bring = h("button.lb-button", { type: "button", text: t`Upload to Hugging Face`, onclick: upload });
  card.append(h("details.lb-details", {}, h("summary", { text: t`Upload to Hugging Face` }),
    h("p.lb-muted", { text: t`The LoRA, its picture and this card go there with your own token, which you enter under Model shelf › Keys.` }),
    h("div.lb-line", {}, h("label.lb-field.lb-grow", {}, h("span", { text: t`Owner/name` }), repo), h("label.lb-check", {}, secret, t`Private`), bring)));
  const bar = buttons(), inLarge = buttons();
  const root = h("div.lb-handover-board", { "data-needs": "lb_handover" }, bar, panel, card, said);

  function button(text, onclick) { return h("button.lb-button", { type: "button", text, onclick }); }
  /** The three ways to use a cell. */
  function buttons() {
    return h("div.lb-line.lb-handover-bar", { "data-needs": "lb_handover", role: "group", "aria-label": t`Use the chosen picture's LoRA` },
      button(t`Use this one`, open), button(t`Copy prompt`, copyPrompt), button(t`Model card`, showCard), h("span.lb-muted"));
  }

  /** Which cell the buttons are about, under the grid; in the large view its caption says so. */
  function name(text, large = text) { say(bar.querySelector("span"), text); say(inLarge.querySelector("span"), large); }

  const request = () => Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, input.value]));
  const cell = () => asked || where();
  const bad = (error) => replace(said, remark("bad", error.message));

  function field(spec) {
    const id = `lb-handover-${spec.name}`;
    const input = spec.choices.length
      ? h("select.lb-select", { id }, ...spec.choices.map(([value, text]) => h("option", { value, text: spoken(text) })))
      : spec.long ? h("textarea.lb-caption.lb-short", { id, rows: "2", spellcheck: "false", maxlength: String(spec.longest) })
        : h("input.lb-input", { id, type: "text", inputmode: spec.type === "float" ? "decimal" : undefined, maxlength: String(spec.longest), spellcheck: "false", autocomplete: "off" });
    if (spec.help) input.setAttribute("aria-describedby", `${id}-help`);
    input.value = spec.value;
    input.addEventListener("input", () => { typed.set(spec.name, input.value); draw(); });
    if (typed.has(spec.name)) input.value = typed.get(spec.name);
    inputs[spec.name] = input;
    return h(`label.lb-field${spec.long ? ".lb-wide" : ""}`, {}, h("span", { text: spoken(spec.label) }), input, spec.help && h("small.lb-muted", { id: `${id}-help`, text: spoken(spec.help) }));
  }
  function draw() { say(write, t`Write ${inputs.name?.value.trim() || t`it`}.safetensors`); }

  /** Ask for the form of the chosen cell, unless it is open for this very one. */
  async function fill() {
    const now = where(), mine = (turn += 1);
    if (asked && JSON.stringify(asked) === JSON.stringify(now)) return true;
    try {
      const answer = await ask(server.lb_handover, now);
      if (mine !== turn) return false;
      asked = now;
      typed.delete("weight"); // each cell has its own
      for (const name of Object.keys(inputs)) delete inputs[name];
      replace(often, ...answer.fields.filter((f) => !f.more).map(field));
      replace(rarely, ...answer.fields.filter((f) => f.more).map(field));
      offer(answer.folders);
      say(title, t`Use ${label()}`);
      draw();
      return true;
    } catch (error) { bad(error); return false; }
  }
  function offer(listed) { replace(folder, ...listed.map(([value, text]) => h("option", { value, text }))); folder.value = listed[0]?.[0] || ""; }

  async function open() {
    onOpen();
    replace(said);
    if (!(await fill())) return;
    panel.hidden = false;
    panel.scrollIntoView({ block: "nearest" });
    inputs.name.focus();
  }
  function close() { panel.hidden = true; }

  async function addFolder() {
    try { offer((await ask(server.lb_handover_folder, { path: other.value })).folders); other.value = ""; replace(said, remark("ok", t`This folder is offered first from now on.`)); } catch (error) { bad(error); }
  }

  async function texts() {
    if (!(await fill())) return null;
    try { return await ask(server.lb_handover_words, { ...cell(), request: request() }); } catch (error) { bad(error); return null; }
  }
  async function copyPrompt() {
    const answer = await texts();
    if (answer) copy(answer.prompt, t`Copied: ${answer.prompt}`);
  }
  async function showCard() {
    const answer = await texts();
    if (!answer) return;
    onOpen();
    shownText.value = answer.card;
    card.hidden = false;
    card.scrollIntoView({ block: "nearest" });
  }
  async function copy(text, done) {
    let level = "ok", words = done;
    try { await navigator.clipboard.writeText(text); } catch { level = "info"; words = t`This browser does not let the page copy. Copy it from here: ${text}`; }
    replace(said, remark(level, words));
    name(level === "ok" ? t`✓ Copied` : t`It is below the grid`);
    setTimeout(() => name(spoken(label()), ""), 2500);
  }

  async function start() {
    write.disabled = true;
    replace(said, remark("info", t`Writing…`));
    owner = cell().project;
    try { job = (await ask(server.lb_hand_over, { ...cell(), folder: folder.value, request: request() })).job; look(); } catch (error) { bad(error); write.disabled = false; }
  }
  async function upload() {
    bring.disabled = true;
    replace(said, remark("info", t`Uploading…`));
    owner = cell().project;
    try { job = (await ask(server.lb_handover_upload, { ...cell(), request: request(), repo: repo.value, private: secret.checked })).job; look(); } catch (error) { bad(error); bring.disabled = false; }
  }
  async function look() {
    clearTimeout(timer);
    if (!root.isConnected) return;
    try {
      const state = await ask(server.lb_handover_state, { project: owner, job });
      if (["new", "queued", "running"].includes(state.state)) {
        replace(said, remark("info", state.text ? `${state.text}…` : t`Writing…`));
        timer = setTimeout(look, 500);
        return;
      }
      write.disabled = bring.disabled = false;
      if (state.state === "finished") done(state); else bad(new Error(state.text));
    } catch (error) { bad(error); write.disabled = bring.disabled = false; }
  }
  function done(state) {
    panel.hidden = true;
    if (state.url) { replace(said, remark("ok", t`${state.files.join(", ")} ${state.files.length > 1 ? t`are` : t`is`} at ${state.url} now.`), ...state.said.map((text) => remark("info", text))); return; }
    const undo = state.can_undo && h("button.lb-quiet", { type: "button", text: t`Undo`, onclick: takeBack });
    replace(said, remark("ok", t`${state.files.join(", ")} ${state.files.length > 1 ? t`are` : t`is`} in ${state.folder}. Refresh the LoRAs in your web UI.`, { extra: [undo] }), ...state.said.map((text) => remark("info", text)));
  }
  async function takeBack() {
    try { replace(said, remark("ok", (await ask(server.lb_handover_undo, { project: owner, job })).said)); } catch (error) { bad(error); }
  }

  return {
    root, inLarge,
    /** Another cell is chosen. there: it can be used; why: what keeps it from that. */
    chosen(there, why = "") {
      for (const one of [bar, inLarge]) for (const node of one.querySelectorAll("button")) node.disabled = !there;
      if (!bar.querySelector("span").textContent.startsWith("✓")) name(why ? `${spoken(label())}: ${spoken(why)}` : spoken(label()), spoken(why));
      if (!panel.hidden && there) fill();
    },
    /** Another grid or project: nothing is asked any more. */
    clear() {
      asked = null; turn += 1;
      typed.clear();
      panel.hidden = true; card.hidden = true;
      replace(said);
    },
  };
}
