/**
 * The folders as cards, in the order of their keys: how many pictures, how often, which share of T.
 * Pictures come by drop, by "Move here", or by the key.
 *
 * onShow(folder): "" is the pile, "*" everything; onMove(folder), onRename(folder, trigger),
 * onRepeats(folder, number), onRemove(folder), onNew(trigger): each may return a promise.
 */
function makeCards({ onShow, onMove, onRename, onRepeats, onRemove, onNew }) {
  const DRAGGED = "text/x-lorabake-pictures";
  let movers = [], namers = [], picked = 0, here = "*", renaming = "";
  const list = h("ul.lb-con-cards");
  const fresh = h("input.lb-input", { "data-needs": "lb_concept_folder", type: "text", maxlength: "120", spellcheck: "false", autocomplete: "off", autocapitalize: "off", placeholder: t`trigger, such as zetadef`, "aria-label": t`Trigger of a new folder` });
  const make = h("button.lb-button", { "data-needs": "lb_concept_folder", type: "submit" });
  const form = h("form.lb-con-new", { onsubmit: async (event) => { event.preventDefault(); if (!fresh.value.trim()) { fresh.focus(); return; } if (await onNew(fresh.value.trim())) fresh.value = ""; } }, fresh, make);
  const root = h("div.lb-con-folders", {}, list, form);

  function droppable(node, folder) {
    const ours = (event) => event.dataTransfer?.types.includes(DRAGGED);
    for (const kind of ["dragenter", "dragover"]) node.addEventListener(kind, (event) => { if (!ours(event)) return; event.preventDefault(); event.dataTransfer.dropEffect = "move"; node.classList.add("lb-over"); });
    node.addEventListener("dragleave", (event) => { if (!node.contains(event.relatedTarget)) node.classList.remove("lb-over"); });
    node.addEventListener("drop", (event) => { node.classList.remove("lb-over"); if (ours(event)) { event.preventDefault(); onMove(folder); } });
  }
  function head(folder, key, title, images) {
    const button = h("button.lb-con-name", { type: "button", title: t`Show these pictures`, onclick: () => onShow(folder) },
      key !== "" && h("kbd", { text: key, "aria-label": t`Key ${key}` }), h("b", { text: title }), h("span.lb-muted", { text: plural(images, "picture") }));
    namers.push([button, folder]);
    return button;
  }
  function mover(folder, title) {
    const button = h("button.lb-button.lb-con-move", { "data-needs": "lb_concept_assign", type: "button", "aria-label": "", onclick: () => onMove(folder) });
    movers.push([button, folder, title]);
    return button;
  }
  function card(one, at, total) {
    const seen = one.images * one.repeats, looks = t`${one.images} × ${one.repeats} = ${seen.toLocaleString("en")} seen per epoch; the folder is called ${one.folder}`;
    const repeats = h("input.lb-input.lb-number", { "data-needs": "lb_concept_repeats", type: "number", min: "1", max: "1000", value: String(one.repeats), "aria-label": t`Repeats of ${one.trigger}`, onchange: () => onRepeats(one.folder, Number(repeats.value)) });
    const share = one.reg ? "regularisation" : t`${Math.round((100 * seen) / (total || 1))} % of T`;
    const rename = h("button.lb-quiet", { "data-needs": "lb_concept_rename", type: "button", text: t`Rename`, "aria-label": t`Rename ${one.trigger}`, onclick: () => { renaming = one.folder; swap(); } });
    const name = h("input.lb-input", { type: "text", value: one.trigger, maxlength: "120", spellcheck: "false", "aria-label": t`New trigger of ${one.trigger}` });
    const editing = h("form.lb-con-rename", { hidden: true, onsubmit: async (event) => { event.preventDefault(); if (name.value.trim() === one.trigger || await onRename(one.folder, name.value.trim())) { renaming = ""; swap(); } } },
      name, h("button.lb-button", { text: t`Rename` }), h("button.lb-quiet", { type: "button", text: t`Leave it`, onclick: () => { renaming = ""; swap(); } }));
    name.addEventListener("keydown", (event) => { if (event.key === "Escape") { event.stopPropagation(); renaming = ""; swap(); } });
    function swap() {
      const on = renaming === one.folder;
      editing.hidden = !on;
      rename.hidden = on;
      if (on) { name.value = one.trigger; name.focus(); name.select(); }
    }
    const node = h("li.lb-con-card", { "data-folder": one.folder }, head(one.folder, at < 9 ? String(at + 1) : "", one.trigger, one.images),
      h("div.lb-line.lb-con-often", {}, repeats, h("span.lb-muted", { text: t`repeats · ${share}`, title: looks }), rename),
      h("div.lb-line", {}, mover(one.folder, one.trigger), !one.images && h("button.lb-quiet", { "data-needs": "lb_concept_remove", type: "button", text: t`Remove`, "aria-label": t`Remove the empty folder ${one.trigger}`, onclick: () => onRemove(one.folder) })), editing);
    droppable(node, one.folder);
    node.rename = () => { renaming = one.folder; swap(); };
    return node;
  }

  function set({ folders, pile, all }) {
    const key = JSON.stringify([folders, pile, all]);
    if (list.dataset.key === key) return;
    list.dataset.key = key;
    const active = list.contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") : null;
    movers = [];
    namers = [];
    const total = folders.filter((one) => !one.reg).reduce((sum, one) => sum + one.images * one.repeats, 0);
    const loose = h("li.lb-con-card.lb-con-pile", {}, head("", "0", t`In no folder yet`, pile), h("div.lb-line", {}, mover("", t`no folder`)));
    droppable(loose, "");
    replace(list, loose, ...folders.map((one, at) => card(one, at, total)),
      h("li.lb-con-total", {}, head("*", "", t`All pictures`, all), total > 0 && h("span.lb-muted", {}, "T = ", h("b", { text: total.toLocaleString("en") }), t` seen per epoch`)));
    if (active) [...list.querySelectorAll("[aria-label]")].find((node) => node.getAttribute("aria-label") === active)?.focus();
    drawPicked();
  }
  function drawPicked() {
    for (const [button, folder, title] of movers) {
      button.hidden = !picked || folder === here; // they lie there already
      say(button, folder ? t`Move ${picked.toLocaleString("en")} here` : t`Put ${picked.toLocaleString("en")} here`);
      button.setAttribute("aria-label", t`Move ${plural(picked, "picture")} to ${title}`);
    }
    say(make, picked ? t`New folder with ${plural(picked, "picture")}` : t`New folder`);
  }

  return {
    root, set, DRAGGED,
    picked(n) { picked = n; drawPicked(); },
    showing(folder) { here = folder; drawPicked(); for (const [button, of] of namers) button.setAttribute("aria-pressed", String(of === folder)); },
    focusNew: () => fresh.focus(),
    rename: (folder) => { const node = [...list.children].find((one) => one.dataset.folder === folder); node?.scrollIntoView({ block: "nearest" }); node?.rename(); },
  };
}
