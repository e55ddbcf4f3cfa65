// The bar under the header: one sentence, one button. It also is the page's heartbeat: it asks for
// the state of everything once in a while and tells the other parts.
const text = h("span.lb-next-text");
const button = h("button.lb-button.lb-primary", { type: "button", hidden: true, onclick: act });
const meter = h("div.lb-next-meter", { hidden: true }, h("i"));
const tour = makeTour();
replace(element, h("div.lb-next-bar", {}, text, button), meter, tour.root);

let step = null;
let failures = 0;
let busy = false;

function act() {
  if (!step) return;
  if (step.press) { pressed(step.press); if (step.go !== "project") go(step.go); }
  else go(step.go, { focus: true });
}

/** A button deeper in the page is there only once its section was opened and has read its state. */
function pressed(id, tries = 200) {
  const wanted = step;
  const target = document.getElementById(id);
  if (target && !target.disabled) { target.click(); return; }
  if (!window.lorabake.isOpen(step.go)) go(step.go, { scroll: false });
  if (tries && step.press === wanted.press) setTimeout(() => pressed(id, tries - 1), 50);
}

/**
 * Gradio's accordions are bare buttons: make each one a heading of its section for who goes from
 * heading to heading. The button stays where it is; the heading owns it.
 */
function dress(section, head) {
  const content = section.querySelector(':scope > [data-testid="accordion-content"]');
  head.id ||= `${section.id}-heading`;
  if (!section.querySelector(":scope > [role=heading]")) section.prepend(h("div.lb-sr", { role: "heading", "aria-level": "2", "aria-owns": head.id }));
  head.setAttribute("aria-expanded", String(head.classList.contains("open")));
  content?.setAttribute("role", "region");
  content?.setAttribute("aria-labelledby", head.id);
}

function titles(states) {
  for (const [id, state] of Object.entries(states)) {
    const section = window.lorabake.section(id), head = window.lorabake.heading(section);
    if (!head) continue;
    dress(section, head);
    let note = head.querySelector(".lb-state");
    if (!note) {
      note = h("span.lb-state");
      head.firstElementChild.after(note);
    }
    say(note, state.split(", ").map(spoken).join(", "));
  }
}

function draw(pulse) {
  step = pulse.next;
  sayFigures(text, spoken(step.text));
  say(button, spoken(step.button) || "");
  button.hidden = !step.button;
  const running = pulse.progress !== null && pulse.progress !== undefined;
  meter.hidden = !running;
  if (running) meter.firstChild.style.width = `${(100 * pulse.progress).toFixed(1)}%`;
  document.title = running ? `${Math.round(100 * pulse.progress)} % · lorabake` : "lorabake";
  titles(pulse.titles);
  tour.show(pulse.tour);
}

async function beat() {
  try {
    const pulse = await ask(server.lb_pulse, { project: props.value || "" });
    failures = 0;
    busy = pulse.busy;
    draw(pulse);
    tell("pulse", pulse);
  } catch (error) {
    failures += 1;
    if (failures > 1) sayFigures(text, error.message);
  }
}

// One section is open at a time (Ctrl keeps the others open); which one is remembered.
const sections = () => [...document.querySelectorAll(".lb-section")];
document.addEventListener("click", (event) => {
  const head = event.target.closest?.(".lb-section > button.label-wrap");
  if (!head) return;
  const section = head.parentElement;
  setTimeout(() => {
    const open = head.classList.contains("open");
    if (open) {
      for (const other of sections()) {
        const button = window.lorabake.heading(other);
        if (other !== section && !event.ctrlKey && button.classList.contains("open")) button.click();
      }
      const top = section.getBoundingClientRect().top;
      if (top < 0) window.scrollBy({ top: top - 8 });
      remember("section", section.id.slice(4));
      tell("opened", section.id.slice(4));
    }
    for (const other of sections()) {
      const button = window.lorabake.heading(other);
      button.setAttribute("aria-expanded", String(button.classList.contains("open")));
    }
  }, 0);
});

// Gradio sets the sections up more than once while it starts, so look until one has stayed open.
let touched = false;
document.addEventListener("click", (event) => { if (event.isTrusted) touched = true; }, { capture: true });
(function reopen(steady, tries) {
  if (touched || steady > 5 || !tries) return;
  const all = sections();
  const wanted = `sec-${recall("section", "project")}`;
  const chosen = all.find((node) => node.id === wanted) || all[0];
  const open = all.some((node) => window.lorabake.heading(node)?.classList.contains("open"));
  if (chosen && !open) window.lorabake.heading(chosen)?.click();
  setTimeout(() => reopen(open ? steady + 1 : 0, tries - 1), 150);
})(0, 100);

// While something works the page goes on asking behind other tabs: its title tells how far it is.
const pace = () => (document.hidden ? 5000 : failures ? 3000 : busy ? 1000 : 2500);
const again = poll(element, beat, pace, { always: true, behind: () => busy });
watch("value", () => {
  if (props.value) remember("project", props.value);
  again();
});
hear(element, "nudge", again, { now: false });
