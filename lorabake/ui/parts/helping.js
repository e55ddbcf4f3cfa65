// Remote help. The owner makes a link here, sees who is in, answers proposals and ends it; who came in
// by a link sees a strip that says so, and is told when it is over.
const strip = h("div.lb-help-strip", { hidden: true, role: "status" });
const panel = h("section.lb-help", { hidden: true, "aria-label": t`Let a friend help` });
const report = h("div.lb-help-report", { role: "status" });
const body = h("div.lb-help-body");
const shown_code = h("div.lb-help-code", { hidden: true });
replace(element, strip, panel);
replace(panel, h("div.lb-line.lb-help-head", {},
  h("h2", { text: t`Let a friend help` }),
  h("button.lb-quiet", { type: "button", text: t`Close`, onclick: () => { wanted = false; draw(); } })),
  report, shown_code, body);

/** Without anything to show, the part takes no room either. */
const room = () => document.getElementById("lb-helping")?.toggleAttribute("data-quiet", strip.hidden && panel.hidden);
room();

const ROLES = { helper: t`helps`, viewer: t`looks` };
const AGO = (time) => { const s = Date.now() / 1000 - time; return s < 20 ? t`now` : t`${span(s)} ago`; };
let here = null, view = null, wanted = false, drawn = "";

const told = (level, text) => replace(report, text && remark(level, text));
async function act(call, data) {
  try {
    const answer = await ask(call, data);
    told("ok", answer.said);
    tell("nudge");
    await read();
    return answer;
  } catch (error) { told("bad", error.message); await read(); return null; }
}
const button = (text, work, kind = "button.lb-button") => h(kind, { type: "button", text, onclick: work });

async function copy(text, done) {
  try { await navigator.clipboard.writeText(text); told("ok", done); } catch { told("warn", t`Copying is not allowed here. Select the text and copy it yourself.`); }
}

// --- the owner's panel ---------------------------------------------------------------------

function off() {
  const hours = h("select.lb-select", { "aria-label": t`The link ends after` },
    ...here.hours.map((n) => h("option", { value: String(n), text: plural(n, "hour"), selected: n === here.usual })));
  return [
    view.problem && remark("bad", view.problem),
    h("p", { text: t`You get an address, and a code for one person. With a helper's code somebody can look at everything but your keys, edit captions and settings, stop a job, and propose what to start: nothing begins before you say yes. A viewer can only look.` }),
    h("p.lb-muted", { text: t`What is shown passes through the servers of Gradio's share links. The first time, a small program for it is fetched and checked.` }),
    h("div.lb-line", {}, h("label.lb-line", {}, h("span", { text: t`The link ends after` }), hours),
      button(t`Make a link`, () => act(server.lb_link_start, { hours: Number(hours.value) }), "button.lb-button.lb-primary")),
  ];
}

async function code(role) {
  const answer = await act(server.lb_link_code, { role });
  if (!answer) return;
  const both = `${answer.url}\n${answer.code}`;
  replace(shown_code,
    h("p", {}, h("b", { text: t`Code for one ${role}` }), t` It works once, and is not shown again.`),
    h("div.lb-line", {}, h("code.lb-mono", { text: answer.code }),
      button(t`Copy address and code`, () => copy(both, t`Copied. Send it to your friend.`)),
      button(t`Hide it`, () => { shown_code.hidden = true; replace(shown_code); }, "button.lb-quiet")));
  shown_code.hidden = false;
}

const people = () => view.guests.length
  ? h("ul.lb-help-list", {}, ...view.guests.map((one) => h("li", {},
    h("span", {}, h("b", { text: one.name }), t` ${ROLES[one.role]} · since ${clock(new Date(one.since * 1000))} · seen ${AGO(one.seen)}`),
    button(t`Show out`, () => act(server.lb_link_out, { session: one.session }), "button.lb-quiet"))))
  : h("p.lb-muted", { text: view.codes.length ? t`Nobody has come in yet.` : t`Nobody is in. Make a code and send it with the address.` });

function open() {
  return [
    h("div.lb-line", {}, h("code.lb-mono.lb-help-url", { text: view.url }),
      button(t`Copy address`, () => copy(view.url, t`Copied.`)),
      h("span.lb-muted", { text: t`ends at ${clock(new Date(view.until * 1000))}` })),
    h("div.lb-line", {}, button(t`Code for a helper`, () => code("helper"), "button.lb-button.lb-primary"),
      button(t`Code for a viewer`, () => code("viewer")),
      button(t`End the link`, () => { shown_code.hidden = true; replace(shown_code); act(server.lb_link_end, {}); }, "button.lb-button.lb-danger")),
    h("h3", { text: t`Who is in` }), people(),
  ];
}

const STATES = { approved: t`approved`, refused: t`refused`, failed: t`could not be begun` };
const asked = () => view.proposals.length > 0 && [h("h3", { text: t`Proposals` }),
  h("ul.lb-help-list", {}, ...view.proposals.map((one) => h("li", {},
    h("span", {}, h("b", { text: one.name }), t` proposes: ${one.text}`, one.said && h("small.lb-muted", { text: spoken(one.said) })),
    one.state === "waiting"
      ? h("span.lb-line", {}, button(t`Approve`, () => act(server.lb_proposal, { number: one.number, yes: true }), "button.lb-button.lb-primary"),
        button(t`Refuse`, () => act(server.lb_proposal, { number: one.number, yes: false })))
      : h("span.lb-muted", { text: STATES[one.state] }))))];

const project = () => props.value || recall("project", "");
function done() {
  if (!view.steps.length && !view.deeds.length) return [];
  return [h("h3", { text: t`What others did` }),
    h("ul.lb-help-list", {},
      ...view.steps.map((one) => h("li", {},
        h("span", {}, h("b", { text: one.name }), ` ${spoken(one.title)} · ${clock(new Date(one.time * 1000))}`),
        one.undone ? h("span.lb-muted", { text: t`undone` })
          : button(t`Undo`, () => act(server.lb_helped_undo, { project: project(), operation: one.operation }), "button.lb-quiet")))),
    h("ul.lb-help-list.lb-muted", {}, ...view.deeds.map((one) => h("li", {},
      h("span", { text: t`${one.name} changed something under ${one.section}${one.project ? t` in ${one.project}` : ""}${one.times > 1 ? t`, ${one.times} times` : ""} · ${clock(new Date(one.time * 1000))}` }))))];
}

function draw() {
  if (!here || !here.possible || !view) return;
  const waiting = view.proposals.filter((one) => one.state === "waiting").length;
  tell("helping", { possible: true, open: view.state === "open", people: view.guests.length, waiting });
  panel.hidden = !wanted && !waiting;
  room();
  const key = JSON.stringify([view, Math.floor(Date.now() / 20000)]);
  if (panel.hidden || key === drawn) return;
  drawn = key;
  const main = view.state === "open" ? open() : view.state === "starting"
    ? [h("p", { text: t`Making a link…` }), h("div.lb-line", {}, button(t`Stop`, () => act(server.lb_link_end, {})))] : off();
  replace(body, ...main, ...(asked() || []), ...done());
}

async function read() {
  view = await ask(server.lb_link, { project: project() });
  if (view.state !== "open") { shown_code.hidden = true; replace(shown_code); }
  draw();
}

// --- who came in by a link -----------------------------------------------------------------

function over(text) {
  replace(strip, h("b", { text: t`The visit is over. ` }), text);
  strip.classList.add("lb-over");
}

async function still() {
  let answer;
  try { answer = await fetch("/lorabake/here", { cache: "no-store" }); } catch { answer = null; }
  if (answer?.ok) { missed = 0; return; }
  missed += 1;
  if (answer && answer.status < 500) over(t`The owner has ended the link, or shown you out. What you did is kept.`);
  else if (missed > 2) over(t`The link has ended, or the connection is lost. What you did is kept.`);
}
let missed = 0;

async function start() {
  try { here = await ask(server.lb_here); } catch { setTimeout(start, 3000); return; }
  closeControls(here.closed);
  if (here.role === "helper" || here.role === "viewer") {
    document.documentElement.dataset.role = here.role;
    strip.hidden = false;
    room();
    const said = h("span", { text: here.role === "helper" ? t`You help as ${here.name}: edit captions and settings, and propose what to start.` : t`You look on as ${here.name}.` });
    replace(strip, said,
      h("form", { method: "post", action: "/lorabake/leave" }, h("button.lb-quiet", { text: t`Leave` })));
    hear(element, "proposed", (text) => say(said, text), { now: false });
    poll(element, still, () => 2000, { always: true });
  } else if (here.possible) {
    const again = poll(element, async () => { try { await read(); } catch { /* next time */ } },
      () => (wanted || view?.state === "open" || view?.state === "starting" ? 1500 : 30000), { always: true });
    hear(element, "friend", () => { wanted = !wanted; drawn = ""; draw(); again(); if (wanted) panel.scrollIntoView({ block: "nearest" }); }, { now: false });
  }
}
start();
