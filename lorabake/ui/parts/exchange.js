// "Load settings…": files of other trainers, ours, or a finished LoRA. "Save settings as…": downloads.
function makeExchange({ project, done }) {
  const MAX_TOML = 2 ** 20, MAX_HEADER = 16 * 2 ** 20, MOST = 4;
  let batch = "";

  const input = h("input", { type: "file", multiple: true, accept: ".toml,.safetensors", hidden: true, id: "lb-load-files", onchange: () => load([...input.files]) });
  const panel = h("div.lb-load", { hidden: true, role: "region", "aria-label": t`Settings in a file` });
  const menu = h("div.lb-menu-list");
  const save = h("details.lb-menu", { ontoggle: () => { if (save.open) offer(); } }, h("summary.lb-button", { text: t`Save settings as…` }), menu);
  save.addEventListener("focusout", (event) => { if (!save.contains(event.relatedTarget)) save.open = false; });
  save.addEventListener("keydown", (event) => { if (event.key === "Escape") { save.open = false; save.firstChild.focus(); } });
  const buttons = h("div.lb-line", { "data-needs": "lb_load" },
    h("button.lb-button", { type: "button", text: t`Load settings…`, title: t`LoRA Easy Training Scripts, sd-scripts (both files), lorabake, or a finished LoRA`, onclick: () => input.click() }), save, input);

  function offer() {
    const kinds = [["lorabake", t`lorabake (.toml)`], ["lets", t`LoRA Easy Training Scripts (.toml)`], ["sd-config", t`sd-scripts: config file (.toml)`], ["sd-dataset", t`sd-scripts: dataset file (.toml)`]];
    replace(menu, ...kinds.map(([kind, text]) => h("a", { href: `/lorabake/settings/${encodeURIComponent(project())}/${kind}`, download: "", text, onclick: () => { save.open = false; caution(kind); } })));
  }

  /** What the file that was just saved cannot say. */
  async function caution(kind) {
    const { cautions } = await ask(server.lb_cautions, { project: project(), kind }).catch(() => ({ cautions: [] }));
    if (!cautions.length || batch) return;
    panel.hidden = false;
    replace(panel, list(t`About the saved file`, cautions), h("button.lb-quiet", { type: "button", text: t`Close`, onclick: leave }));
  }

  /** Of a LoRA only its header is sent; its weights stay where they are. */
  async function slice(file) {
    if (!/\.safetensors$/i.test(file.name)) {
      if (file.size > MAX_TOML) throw new Error(t`${file.name} is too large for a settings file (over 1 MB).`);
      return file;
    }
    const start = new DataView(await file.slice(0, 8).arrayBuffer());
    const length = start.byteLength === 8 ? Number(start.getBigUint64(0, true)) : 0;
    if (length < 2 || length > MAX_HEADER || length + 8 > file.size) throw new Error(t`${file.name} is no safetensors file, or it is damaged.`);
    return file.slice(0, 8 + length);
  }

  async function load(files) {
    input.value = "";
    if (!files.length) return;
    await leave();
    panel.hidden = false;
    replace(panel, h("p.lb-muted", { text: t`Reading…` }));
    try {
      if (files.length > MOST) throw new Error(t`Choose one file, or the two of sd-scripts.`);
      const mine = crypto.getRandomValues(new Uint32Array(4)).join("");
      for (const file of files) {
        const body = await slice(file);
        const answer = await fetch(`/lorabake/upload/${mine}?name=${encodeURIComponent(file.name)}`, { method: "PUT", body }).catch(() => null);
        if (!answer?.ok) throw new Error(t`${file.name} did not arrive${answer ? ` (${await answer.text()})` : ""}.`);
      }
      batch = mine;
      show(await ask(server.lb_load, { project: project(), batch }));
    } catch (error) {
      replace(panel, remark("bad", error.message, { word: t`Not read`, extra: [h("button.lb-quiet", { type: "button", text: t`Close`, onclick: leave })] }));
      batch = "";
    }
  }

  const list = (title, items) => items.length > 0 && h("div", {}, h("h4", { text: title }), h("ul.lb-changes", {}, ...items.map((text) => h("li", { text }))));

  function show(found) {
    const folders = h("input", { type: "checkbox", checked: true });
    const use = h("button.lb-button.lb-primary", { "data-needs": "lb_use", type: "button", text: t`Use these settings`, onclick: async () => {
      use.disabled = true;
      try {
        const text = (await ask(server.lb_use, { project: project(), batch, folders: found.matching > 0 && folders.checked })).said;
        batch = "";
        leave();
        done(text, { folders: found.matching > 0 });
      } catch (error) { replace(panel, remark("bad", error.message, { word: t`Not used` })); }
    } });
    replace(panel,
      h("p", {}, h("b", { text: found.name }), h("span", { text: `: ${spoken(found.kind)}` })),
      found.changes.length
        ? h("div", {}, h("h4", { text: t`Changes ${plural(found.changes.length, "setting")}` }), h("div.lb-table-frame", {}, h("table.lb-table.lb-diff", {},
          h("thead", {}, h("tr", {}, ...[t`Setting`, t`Now`, t`In the file`].map((text) => h("th", { scope: "col", text })))),
          h("tbody", {}, ...found.changes.map((c) => h("tr", {}, h("th", { scope: "row", text: spoken(c.label) }), h("td", { text: spoken(c.before) }), h("td", {}, h("b", { text: spoken(c.after) }))))))))
        : h("p.lb-muted", { text: t`All settings are like that already.` }),
      list(t`Cannot be honoured here`, found.not_honoured),
      list(t`Good to know`, found.warnings),
      list(t`Its folders`, found.folders),
      found.matching > 0 && h("label.lb-check", {}, folders, h("span", { text: t`Also take repeats and settings of ${plural(found.matching, "folder")} that this project has too` })),
      h("div.lb-line", {}, use, h("button.lb-button", { type: "button", text: t`Leave everything`, onclick: leave })));
    panel.scrollIntoView({ block: "nearest" });
    use.focus({ preventScroll: true });
  }

  async function leave() {
    panel.hidden = true;
    replace(panel);
    const old = batch;
    batch = "";
    if (old) await ask(server.lb_leave, { batch: old }).catch(() => null);
  }

  return { buttons, panel, leave };
}
