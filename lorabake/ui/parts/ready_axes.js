/** X, Y and Z of the request: a kind of axis and its values for each, sent as "TYPE=VALUES". */
function makeAxes({ changed }) {
  let kinds = [];
  const rows = ["x", "y", "z"].map((name, index) => {
    const letter = name.toUpperCase();
    const help = h("small.lb-muted", { id: `lb-axis-${name}-help` });
    const type = h("select.lb-select", { id: `lb-axis-${name}`, "aria-label": t`${letter} type`, onchange: () => { label(rows[index]); changed(); } });
    const values = h("textarea.lb-caption.lb-axis-values", { id: `lb-axis-${name}-values`, rows: "1", spellcheck: "false", autocomplete: "off", maxlength: "20000", "aria-label": t`${letter} values`, "aria-describedby": help.id, oninput: changed });
    const fill = h("button.lb-button", { type: "button", text: t`Fill`, onclick: () => { values.value = kind(type.value).fill; changed(); } });
    const swap = index < 2 && h("button.lb-quiet", { type: "button", text: t`⇅ ${letter} and ${"YZ"[index]}`, "aria-label": t`Swap ${letter} and ${"YZ"[index]}`, onclick: () => exchange(index) });
    const node = h("div.lb-axis", {}, h("b", { text: letter }), type, h("div.lb-axis-text", {}, values, help), fill, swap);
    return { name, type, values, fill, help, node };
  });
  const root = h("div.lb-axes", { role: "group", "aria-label": t`Axes` }, ...rows.map((row) => row.node));

  const kind = (name) => kinds.find((one) => one.name === name);

  function label({ type, values, fill, help }) {
    const now = kind(type.value);
    values.parentNode.hidden = !now;
    fill.hidden = !now?.fill;
    say(help, now ? spoken(now.example) : "");
  }
  function exchange(index) {
    const [one, other] = [rows[index], rows[index + 1]];
    for (const key of ["type", "values"]) [one[key].value, other[key].value] = [other[key].value, one[key].value];
    label(one);
    label(other);
    changed();
  }

  return {
    root,
    /** The kinds there are; what is chosen stays. */
    kinds(now) {
      kinds = now;
      for (const row of rows) {
        const chosen = row.type.value;
        replace(row.type, h("option", { value: "", text: t`Nothing` }), ...kinds.map((one) => h("option", { value: one.name, text: spoken(one.name) })));
        row.type.value = kind(chosen) ? chosen : "";
        label(row);
      }
    },
    /** asked: {x, y, z}, each "TYPE=VALUES" or "". */
    put(asked) {
      for (const row of rows) {
        const text = asked[row.name] || "", cut = text.indexOf("=");
        row.type.value = kind(text.slice(0, cut)) ? text.slice(0, cut) : "";
        if (cut > 0) row.values.value = text.slice(cut + 1);
        label(row);
      }
    },
    asked: () => Object.fromEntries(rows.map(({ name, type, values }) => [name, type.value && `${type.value}=${values.value}`])),
    clear() { for (const row of rows) { row.type.value = ""; row.values.value = ""; } },
  };
}
