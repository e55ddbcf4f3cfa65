/**
 * Generated pictures, one by one and large, each with the checklist. Only what has every tick can pass.
 *
 * checklist(): [[name, label, help]]; onChange(): a tick, or a picture that was left out.
 */
function makeReview({ checklist, onChange }) {
  let items = [], at = 0;
  const states = new Map(); // name → { ticks: Set, said: "", "pass" or "out" }
  const state = (name) => { if (!states.has(name)) states.set(name, { ticks: new Set(), said: "" }); return states.get(name); };

  const picture = h("img.lb-again-picture", { alt: "" });
  const where = h("p.lb-again-caption", { role: "status" });
  const checks = h("div.lb-again-checks", { role: "group", "aria-label": t`What this picture must pass` });
  const next = h("button.lb-button.lb-primary", { type: "button", "aria-keyshortcuts": "Enter", onclick: () => decide("pass") });
  const dialog = h("dialog.lb-again-review", { "aria-label": t`Look at each picture` },
    h("div.lb-lightbox-frame", {}, picture), where, checks,
    h("div.lb-line", {},
      h("button.lb-button", { type: "button", text: "←", "aria-label": t`Picture before`, onclick: () => walk(-1) }),
      next,
      h("button.lb-button", { type: "button", text: t`Leave it out (X)`, "aria-keyshortcuts": "x", onclick: () => decide("out") }),
      h("span.lb-grow"),
      h("button.lb-button", { type: "button", text: t`Close`, onclick: () => dialog.close() })));

  const open_ = (name) => checklist().filter(([key]) => !state(name).ticks.has(key));
  const passed = (name) => state(name).said === "pass" && !open_(name).length;

  function tick(key) {
    const { ticks } = state(items[at].name);
    if (!ticks.delete(key)) ticks.add(key);
    draw();
  }
  /** This picture is done with; on to the next, and out after the last. */
  function decide(word) {
    if (word === "pass" && open_(items[at].name).length) return;
    state(items[at].name).said = word;
    onChange();
    if (at + 1 < items.length) walk(1); else dialog.close();
  }
  function walk(by) {
    at = Math.min(items.length - 1, Math.max(0, at + by));
    draw();
  }
  function draw() {
    const { name, label, src } = items[at];
    if (picture.getAttribute("src") !== src) picture.src = src;
    picture.alt = label;
    say(where, t`${label} · ${at + 1} of ${items.length}`);
    const focused = checks.contains(document.activeElement) ? document.activeElement.dataset.check : "";
    replace(checks, ...checklist().map(([key, text, help], i) => h("label.lb-check", {},
      h("input", { type: "checkbox", "data-check": key, checked: state(name).ticks.has(key), "aria-keyshortcuts": String(i + 1), onchange: () => tick(key) }),
      h("span", {}, h("kbd", { text: String(i + 1) }), " ", h("b", { text }), h("span.lb-muted", { text: ` ${help}` })))));
    if (focused) checks.querySelector(`[data-check="${focused}"]`)?.focus();
    say(next, t`It passes (Enter)`);
    next.disabled = open_(name).length > 0;
  }
  dialog.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.toLowerCase(), check = checklist()[Number(key) - 1];
    const pressed = event.target.closest("button"); // Enter and Space press it
    const act = check ? () => tick(check[0]) : { x: () => decide("out"), arrowleft: () => walk(-1), arrowright: () => walk(1), enter: pressed ? null : () => decide("pass") }[key];
    if (!act) return;
    event.preventDefault();
    act();
  });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });

  return {
    root: dialog, passed,
    /** Look at these: [{ name, label, src }], beginning with the first that is not decided. */
    open(list) {
      items = list;
      at = Math.max(0, items.findIndex(({ name }) => !state(name).said));
      draw();
      dialog.showModal();
      checks.querySelector("input")?.focus();
    },
    seen: (name) => Boolean(state(name).said),
    /** In words: "Not looked at yet", "✓ hands, eyes, accuracy", "Left out: eyes". */
    verdict(name) {
      if (!state(name).said) return t`Not looked at yet`;
      const words = (list) => list.map(([, text]) => text.toLowerCase()).join(", ");
      return passed(name) ? `✓ ${words(checklist())}` : [t`Left out`, words(open_(name))].filter(Boolean).join(": ");
    },
    forget: () => states.clear(),
    onClosed: (work) => dialog.addEventListener("close", work),
  };
}
