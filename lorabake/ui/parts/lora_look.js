/** "Look at a LoRA file": what any LoRA is, from a web UI's folder or uploaded. project(): its name. */
function makeLoraLook({ server, project }) {
  let job = "", owner = "", batch = "", timer = null, files = [];
  const chosen = h("input.lb-input", { type: "text", id: "lb-look-file", list: "lb-look-files", spellcheck: "false", autocomplete: "off", placeholder: t`Type a part of its name` });
  const list = h("datalist", { id: "lb-look-files" });
  const look = h("button.lb-button", { type: "button", text: t`Look at it`, onclick: () => start() });
  const own = h("input", { type: "file", accept: ".safetensors", hidden: true, onchange: () => { if (own.files[0]) send(own.files[0]); own.value = ""; } });
  const other = h("button.lb-button", { type: "button", text: t`Choose a file`, onclick: () => own.click() });
  const said = h("div", { "aria-live": "polite" });
  const root = h("details.lb-details.lb-lora-look", { "data-needs": "lb_look_into", ontoggle: () => { if (root.open) load(); } }, h("summary", { text: t`Look at a LoRA file` }),
    h("p.lb-muted", { text: t`What somebody else's LoRA (or yours) is: its base model, rank, trigger words, tags, hashes, and whether its weights are sound.` }),
    h("div.lb-line", {}, h("label.lb-field.lb-grow", {}, h("span", { text: t`In your web UI's folders` }), chosen), look, other, own, list), said);

  const bad = (error) => { replace(said, remark("bad", error.message)); busy(false); };
  function busy(is) { look.disabled = other.disabled = is; }

  async function load() {
    try {
      files = (await ask(server.lb_lora_files, { project: project() })).files;
      replace(list, ...files.map(([, label]) => h("option", { value: label })));
      look.hidden = chosen.parentNode.hidden = !files.length;
    } catch (error) { bad(error); }
  }
  async function start() {
    const file = files.find(([, label]) => label === chosen.value)?.[0];
    if (!file) { replace(said, remark("warn", t`Choose one of the list.`)); return; }
    batch = "";
    begin({ file });
  }
  async function send(file) {
    busy(true);
    replace(said, remark("info", t`Reading ${file.name}…`));
    batch = crypto.getRandomValues(new Uint32Array(4)).join("");
    try {
      const answer = await fetch(`/lorabake/upload/${batch}?name=${encodeURIComponent(file.name)}`, { method: "PUT", body: file });
      if (!answer.ok) throw new Error(t`${file.name} did not arrive (${await answer.text()}).`);
      begin({ batch });
    } catch (error) { bad(error); }
  }
  async function begin(what) {
    busy(true);
    replace(said, remark("info", t`Looking at it…`));
    owner = project();
    try { job = (await ask(server.lb_look_into, { project: owner, ...what })).job; wait(); } catch (error) { bad(error); }
  }
  async function wait() {
    clearTimeout(timer);
    if (!root.isConnected) return;
    try {
      const found = await ask(server.lb_looked_into, { project: owner, job, batch });
      if (["new", "queued", "running"].includes(found.state)) { timer = setTimeout(wait, 500); return; }
      if (found.state !== "finished") throw new Error(found.text);
      show(found);
      busy(false);
    } catch (error) { bad(error); }
  }
  function show(found) {
    const more = found.more_tags ? t`, and ${found.more_tags.toLocaleString("en")} more` : "";
    replace(said, h("h3.lb-heading", { text: found.name }), ...found.warnings.map((text) => remark("warn", text)),
      h("table.lb-look-facts", {}, h("tbody", {}, ...found.facts.map(([label, text]) => h("tr", {}, h("th", { scope: "row", text: spoken(label) }), h("td", { text: spoken(text) }))))),
      found.tags.length > 0 && h("p", {}, h("b", { text: t`Tags: ` }), found.tags.map(([tag, count]) => `${tag} ${count}`).join(", ") + more));
  }
  return { root, clear() { files = []; job = ""; clearTimeout(timer); replace(said); busy(false); if (root.open) load(); } };
}
