// The upscalers: one is chosen; a file of a model can be dropped; where others are to be had.
/** onChoose(name), onResize(): the guide's Resize 1; take(batch): models that were uploaded; again(): look once more. */
function makeUpscalers({ onChoose, onResize, take, again }) {
  const CLEANLY = "https://openmodeldb.info/models/1x-ReFocus-Cleanly", DATABASE = "https://openmodeldb.info";
  const select = h("select.lb-select.lb-imp-model", { "data-needs": "lb_improve_set", id: "lb-improve-upscaler", onchange: () => onChoose(select.value) });
  const facts = h("small.lb-muted"), problem = h("small.lb-error", { hidden: true });
  const files = h("input", { type: "file", multiple: true, hidden: true, "aria-label": t`Model files`, onchange: () => send([...files.files]) });
  const add = h("button.lb-button", { "data-needs": "lb_improve_model", type: "button", text: t`Add a model file`, onclick: () => files.click() });
  const look = h("button.lb-quiet", { "data-needs": "lb_look", type: "button", text: t`Look again`, title: t`Look through the folders of A1111, Forge and ComfyUI once more`, onclick: again });
  const said = h("div", { "aria-live": "polite" });
  const folder = h("code.lb-mono"), endings = h("span");
  const one = h("div.lb-imp-resize", { "data-needs": "lb_improve_set", hidden: true }, h("p", { text: t`This model keeps the size: it only makes clearer.` }), h("button.lb-button", { type: "button", text: t`Set Resize to 1`, onclick: onResize }));
  const away = (text, href) => h("a", { href, target: "_blank", rel: "noopener noreferrer", text });
  const help = h("details.lb-details", {}, h("summary", { text: t`Where models come from` }),
    h("p", {}, t`For an old and blurry anime the guide takes `, away("ReFocus Cleanly", CLEANLY), t` with Resize 1. Use it on blurred pictures only: sharp ones get worse. Its licence forbids commercial use, so it is not shipped; download it from its page.`),
    h("p", {}, away("OpenModelDB", DATABASE), t` lists many others, such as 4x models for drawings.`),
    h("p", {}, t`Put the file (`, endings, t`) here, or drop it onto this part of the page: `, folder),
    h("p.lb-muted", { text: t`Models in the folders of A1111 or Forge (ESRGAN) and ComfyUI (upscale_models) are found by themselves and used where they lie.` }));
  const root = h("div.lb-imp-models", {},
    h("div.lb-set", {}, h("div.lb-set-head", {}, h("label", { for: select.id, text: t`Upscaler` })), select, facts, problem),
    one, h("div.lb-line", {}, add, look, files), said, help);
  let view = null, sending = false, held = []; // held: files that came before their turn

  for (const kind of ["dragover", "dragenter"]) root.addEventListener(kind, (event) => {
    if (![...(event.dataTransfer?.types || [])].includes("Files")) return;
    event.preventDefault();
    root.classList.add("lb-over");
  });
  root.addEventListener("dragleave", (event) => { if (!root.contains(event.relatedTarget)) root.classList.remove("lb-over"); });
  root.addEventListener("drop", (event) => { event.preventDefault(); root.classList.remove("lb-over"); send([...event.dataTransfer.files]); });

  /** Refused here is what would be refused there, before it is sent. */
  async function send(chosen) {
    files.value = "";
    held.push(...chosen);
    if (!held.length || sending || !view) return;
    chosen = held.splice(0);
    const notes = [], fit = chosen.filter((file) => {
      if (!view.endings.some((ending) => file.name.toLowerCase().endsWith(ending))) notes.push(t`${file.name} is no model. Choose a ${view.endings.join(" or ")} file.`);
      else if (file.size > view.largest * 2 ** 20) notes.push(t`${file.name} is larger than ${view.largest} MB. Put it into ${view.folder} yourself, then press Look again.`);
      else return true;
      return false;
    });
    sending = true;
    const batch = `${Date.now()}${Math.floor(Math.random() * 1e6)}`;
    let arrived = 0;
    for (const file of fit) {
      draw(t`Taking in ${file.name}…`);
      try {
        const answer = await fetch(`/lorabake/upload/${batch}?name=${encodeURIComponent(file.name)}`, { method: "PUT", body: file });
        if (!answer.ok) throw new Error(await answer.text());
        arrived += 1;
      } catch (error) { notes.push(t`${file.name} did not arrive (${error.message}).`); }
    }
    let added = [];
    if (arrived) {
      try {
        const answer = await take(batch);
        added = answer.added;
        notes.push(...answer.notes);
      } catch (error) { notes.push(error.message); }
    }
    sending = false;
    draw();
    replace(said, added.length > 0 && remark("ok", t`${added.join(", ")} is here now and can be chosen.`), ...notes.map((text) => remark("warn", text)));
    if (added.length === 1 && !notes.length) onChoose(added[0]);
    send([]);
  }

  function draw(doing = "") {
    add.disabled = sending;
    say(add, sending ? doing || t`Taking it in…` : t`Add a model file`);
    look.disabled = Boolean(view?.looking);
    say(look, view?.looking ? t`Looking…` : t`Look again`);
  }

  return {
    root,
    /** upscalers: as `upscaler_rows` gives them; values: the settings. */
    set(upscalers, values) {
      view = upscalers;
      draw();
      send([]); // what was dropped before the list was there
      const key = JSON.stringify(view.rows.map((row) => [row.name, row.label]));
      if (select.dataset.key !== key) {
        select.dataset.key = key;
        replace(select, ...view.rows.map((row) => h("option", { value: row.name, text: row.label })));
      }
      if (document.activeElement !== select || select.value === "") select.value = values.upscaler;
      const row = view.rows.find((one) => one.name === values.upscaler);
      say(facts, row?.facts || (values.upscaler === "lanczos" ? t`Larger, but no clearer. A model draws sharper lines.` : ""));
      say(problem, spoken(view.problem));
      problem.hidden = !view.problem;
      one.hidden = !(row?.scale === 1 && !(values.fit === "factor" && Number(values.factor) === 1));
      say(folder, view.folder);
      say(endings, view.endings.join(", "));
    },
    clear() { replace(said); },
    get problem() { return view?.problem || ""; },
  };
}
