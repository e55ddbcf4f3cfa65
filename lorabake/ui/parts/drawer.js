/**
 * The Oven at the right edge, on a phone at the lower one. It stays open beside the work, so it is no
 * modal dialog: nothing behind it is out of reach, and Escape inside closes it.
 *
 * Returns { opener, root }: the button of the header, and the drawer.
 */
function makeDrawer(server) {
  const count = h("span.lb-oven-count");
  const opener = h("button.lb-quiet", { type: "button", id: "lb-oven-open", "aria-expanded": "false", "aria-controls": "lb-oven", onclick: () => (root.hidden ? open() : close()) },
    h("svg", { viewBox: "0 0 24 24", width: "18", height: "18", fill: "none", stroke: "currentColor", "stroke-width": "2", "aria-hidden": "true" },
      h("rect", { x: "3", y: "3", width: "18", height: "18", rx: "3" }), h("line", { x1: "3", y1: "9", x2: "21", y2: "9" }), h("line", { x1: "8", y1: "14", x2: "16", y2: "14" })),
    h("span.lb-long", { text: t`Oven` }), count);
  const said = h("div", { "aria-live": "polite" });
  const empty = h("p.lb-muted", { text: t`Nothing bakes and nothing waits. What you start (a bake, a grid, tags, better pictures) is shown here, whichever section is open.` });
  const jobs = makeJobs(server, act, { onSee: see });
  const notice = makeNotice();
  const device = h("small.lb-muted.lb-oven-device");
  const title = h("h2", { id: "lb-oven-title", text: t`Oven`, tabindex: "-1" });
  const root = h("section.lb-oven", { id: "lb-oven", hidden: true, "aria-labelledby": "lb-oven-title", onkeydown: leave },
    h("div.lb-oven-head", {}, title, h("button.lb-quiet", { type: "button", text: t`Close`, onclick: close })),
    said, h("div.lb-oven-list", {}, empty, jobs.root), notice.root, device);

  function open() {
    root.hidden = false;
    opener.setAttribute("aria-expanded", "true");
    title.focus();
    again();
  }
  function close() {
    root.hidden = true;
    opener.setAttribute("aria-expanded", "false");
    opener.focus();
  }
  function leave(event) {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    close();
  }

  // On a phone the sheet lies on the work: a tap beside it puts it away.
  document.addEventListener("pointerdown", (event) => {
    if (innerWidth > 640 || root.hidden || root.contains(event.target) || opener.contains(event.target)) return;
    root.hidden = true;
    opener.setAttribute("aria-expanded", "false");
  });

  const PLACES = {
    train: ["ready", t`See which epoch works best`], grid: ["ready", t`Look at the grid`], tag: ["tagging", t`Look at the tags`],
    verdict: ["ready", t`Look at the grid`], enhance: ["improving", t`Look at the pictures`], grab: ["grabber", t`Look at the download`],
  };
  const here = () => recall("project", "");
  /** Where a job of the project on the page is looked at. */
  function see(row) {
    if (row.project !== here() || row.state !== "finished" || !PLACES[row.kind]) return null;
    const [section, text] = PLACES[row.kind];
    return { text, work: () => { if (innerWidth <= 640) close(); go(section, { focus: true }); } };
  }

  async function act(call, place, more = {}) {
    try {
      await ask(call, { place, ...more });
      const left = call === server.lb_stop && view.find((row) => row.place === place && row.state === "queued");
      replace(said, left && remark("ok", t`${spoken(left.title)} was taken out of the queue.`, { word: t`Done`, extra: [
        h("button.lb-quiet", { "data-needs": "lb_resume", type: "button", text: t`Put it back`, onclick: () => act(server.lb_resume, place) })] }));
    } catch (error) { replace(said, remark("bad", error.message)); }
    again();
    tell("nudge");
  }

  let view = [];
  async function read() {
    if (root.hidden) return;
    try {
      view = (await ask(server.lb_drawer)).jobs;
    } catch (error) { replace(said, remark("bad", error.message)); return; }
    empty.hidden = view.length > 0;
    jobs.draw(view);
  }
  const again = poll(opener, read, () => (view.some((row) => row.state === "running") ? 1000 : 3000), { always: true });

  hear(opener, "pulse", (pulse) => {
    const { running, waiting } = pulse.oven;
    const share = pulse.progress === null ? "on" : `${Math.round(100 * pulse.progress)} %`;
    const words = [running && share, waiting && t`${waiting} waiting`].filter(Boolean).join(", ");
    say(count, words);
    opener.setAttribute("aria-label", words ? t`Oven: ${words}` : t`Oven`);
    say(device, t`This computer: ${spoken(pulse.device)}`);
    notice.news(pulse.oven.ended);
  });
  return { opener, root };
}

/** A message of the browser when a job ends: only for who asked for it, and only while away. */
function makeNotice() {
  const box = h("input", { type: "checkbox", id: "lb-notify", onchange: choose });
  const why = h("small.lb-muted");
  const root = h("div.lb-oven-notice", {}, h("label.lb-check", {}, box, t`Tell me when a job ends`), why);
  const wanted = () => recall("notify", false) && window.Notification?.permission === "granted";
  let last;

  function draw(text = "") {
    box.checked = wanted();
    say(why, text || (box.checked ? t`With a message of your browser, while you look at something else.` : ""));
  }
  async function choose() {
    if (!box.checked) { forget("notify"); draw(); return; }
    if (!window.Notification) { draw(t`This browser has no such messages for this address.`); return; }
    if ((await Notification.requestPermission()) === "granted") { remember("notify", true); draw(); } else draw(t`Your browser does not allow messages of this page. Its settings for this address can change that.`);
  }
  /** The job that ended last; what was there when the page opened is no news. */
  function news(ended) {
    const key = ended?.key || "";
    if (last !== undefined && key && key !== last && wanted() && (document.hidden || !document.hasFocus())) {
      const shown = new Notification("lorabake", { body: ended.text, tag: key });
      shown.onclick = () => { window.focus(); shown.close(); };
    }
    last = key;
  }
  draw();
  return { root, news };
}
