/**
 * What is closed to whoever looks does not look as if it were open: each control on or inside of an element
 * with data-needs="lb_…" is disabled, and says why. closed: { sentence: [names of calls] }, of lb_here.
 *
 * The parts draw their controls again and again and know nothing of this, so it is seen to each time.
 */
function closeControls(closed) {
  const CONTROLS = "button, input, select, textarea";
  const why = new Map(Object.entries(closed).flatMap(([text, names]) => names.map((name) => [name, spoken(text)])));
  if (!why.size) return; // the owner's page

  function settle(control) {
    const text = why.get(control.closest("[data-needs]")?.dataset.needs);
    if (!text) return;
    if (!control.disabled) control.disabled = true;
    if (control.title !== text) control.title = text;
  }
  function look(node) {
    if (node.nodeType !== Node.ELEMENT_NODE) return;
    if (node.matches(CONTROLS)) settle(node);
    for (const one of node.querySelectorAll(CONTROLS)) settle(one);
  }

  new MutationObserver((changes) => {
    for (const { type, target, addedNodes } of changes) {
      if (type === "childList") addedNodes.forEach(look);
      else if (target.matches(CONTROLS)) settle(target);
    }
  }).observe(document.body, { subtree: true, childList: true, attributeFilter: ["disabled", "title"] });
  look(document.body);
}
