// "Network dim 8 → 16": a setting before and after, in a piece that is broken across lines only where it must be.
const brief = (text) => (text.length > 40 ? `${text.slice(0, 38)}…` : text);
const piece = (c) => h("span.lb-change", { title: c.after.length > 40 ? `${spoken(c.label)}: ${spoken(c.after)}` : undefined },
  h("span", { text: `${spoken(c.label)} ` }), h("s", { text: brief(spoken(c.before)) }), h("span", { text: " → " }), h("b", { text: brief(spoken(c.after)) }));
