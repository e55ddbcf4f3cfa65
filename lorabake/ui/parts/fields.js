// Kinds of field that more than one form has: a slider with its number, a box, a choice, cards.
/**
 * Each maker takes (spec, id, field), gives {input, beside} and sets `field.put(value)`.
 * moved(key, value): while it is moved; keep(field, value): when it is left. step(spec): of a slider.
 */
function makeFieldKinds({ moved, keep, step = () => "0.01" }) {
  return {
    slider(spec, id, field) {
      const number = h("input.lb-input.lb-mono.lb-gen-number", { type: "number", id: `${id}-number`, min: String(spec.low), max: String(spec.high), step: step(spec), "aria-label": spoken(spec.label) });
      const range = h("input.lb-range", { type: "range", id, min: String(spec.low), max: String(spec.high), step: step(spec) });
      const put = (value) => {
        range.value = String(value);
        range.style.setProperty("--share", `${(100 * (value - spec.low)) / (spec.high - spec.low)}%`);
      };
      range.addEventListener("input", () => { number.value = Number(range.value).toFixed(2); put(Number(range.value)); moved(spec.key, Number(range.value)); });
      range.addEventListener("change", () => keep(field, Number(range.value)));
      number.addEventListener("input", () => {
        const value = Number(number.value);
        if (number.value && value >= spec.low && value <= spec.high) { put(value); moved(spec.key, value); }
      });
      number.addEventListener("change", () => keep(field, number.value));
      field.put = (value) => { put(value); if (document.activeElement !== number) number.value = Number(value).toFixed(2); };
      return { input: range, beside: number };
    },
    bool(spec, id, field) {
      const box = h("input", { type: "checkbox", id, onchange: () => { moved(spec.key, box.checked); keep(field, box.checked); } });
      field.put = (value) => { box.checked = value; };
      return { input: box };
    },
    choice(spec, id, field) {
      const select = h("select.lb-select", { id, onchange: () => { moved(spec.key, select.value); keep(field, select.value); } }, ...spec.choices.map(([value, text]) => h("option", { value, text: spoken(text) })));
      field.put = (value) => { select.value = value; };
      return { input: select };
    },
    /** Few choices that want a sentence each. */
    cards(spec, id, field) {
      const boxes = spec.choices.map(([value, text]) => {
        const [word, ...rest] = spoken(text).split(/: |：/);
        const radio = h("input", { type: "radio", name: id, value, onchange: () => { field.put(value); moved(spec.key, value); keep(field, value); } });
        return [value, radio, h("label.lb-gen-card", {}, radio, h("span", {}, h("b", { text: word }), h("small.lb-muted", { text: rest.join(": ") })))];
      });
      field.put = (value) => { for (const [name, radio, card] of boxes) { radio.checked = name === value; card.classList.toggle("lb-on", name === value); } };
      return { input: h("div.lb-gen-cards", { role: "radiogroup", "aria-label": spoken(spec.label) }, ...boxes.map(([, , card]) => card)) };
    },
  };
}
