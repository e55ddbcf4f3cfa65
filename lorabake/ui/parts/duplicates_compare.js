/**
 * Two pictures beside each other, with one zoom and one place for both; laid over each other; or
 * only where they differ.
 *
 * project(): its name. show(left, right): rows of duplicates.js, or null.
 */
function makeCompare({ project }) {
  const differing = makeDifference();
  const VIEWS = [["beside", t`Side by side`], ["over", t`Over each other`], ["difference", t`Difference`]];
  const MOST = 16; // times as large as it fits
  let rows = [null, null], view = recall("dup-view", "beside"), how = null, canvases = null, drawn = null, turn = 0;
  let zoom = 1, at = { x: 0.5, y: 0.5 }; // the place, in parts of the pictures, that is in the middle
  const pointers = new Map();

  const tabs = h("span.lb-dup-tabs", { role: "radiogroup", "aria-label": t`How to compare` }, ...VIEWS.map(([value, text]) =>
    h("button.lb-quiet", { type: "button", role: "radio", "aria-checked": "false", "data-view": value, text, onclick: () => setView(value), onkeydown: walkTabs })));
  const percent = h("span.lb-dup-percent", { "aria-live": "polite" });
  const tools = h("span.lb-dup-zoom", { role: "group", "aria-label": t`Zoom` },
    h("button.lb-quiet", { type: "button", text: "−", "aria-label": t`Smaller`, onclick: () => zoomBy(1 / 1.5) }), percent,
    h("button.lb-quiet", { type: "button", text: "+", "aria-label": t`Larger`, onclick: () => zoomBy(1.5) }),
    h("button.lb-quiet", { type: "button", text: t`Fit`, onclick: () => { zoom = 1; at = { x: 0.5, y: 0.5 }; place(); } }));
  const frames = [0, 1].map((number) => {
    const image = h("img", { alt: "", draggable: "false", decoding: "async" });
    const frame = h("div.lb-dup-frame", { tabindex: "0", role: "img" }, image);
    image.addEventListener("load", () => { place(); drawOver(); });
    image.addEventListener("error", () => frame.classList.add("lb-broken"));
    listen(frame);
    return { frame, image, number };
  });
  const beside = h("div.lb-dup-beside", {}, ...frames.map((one) => one.frame));

  const canvas = h("canvas.lb-dup-canvas"), top = h("canvas.lb-dup-canvas.lb-dup-top"), edge = h("i.lb-dup-edge", { "aria-hidden": "true" });
  const single = h("div.lb-dup-single", {}, h("div.lb-dup-paper", {}, canvas, top, edge));
  const slider = h("input.lb-range", { type: "range", min: "0", max: "100", value: "50", "aria-label": t`Where the kept picture ends and the other begins`, oninput: drawWipe });
  const strength = h("input.lb-range", { type: "range", min: "1", max: "40", value: String(recall("dup-strength", 8)), "aria-label": t`How strongly differences are shown`, oninput: () => { remember("dup-strength", Number(strength.value)); drawDifference(); } });
  const strengthValue = h("b.lb-mono");
  for (const kind of ["pointerdown", "pointermove"]) single.addEventListener(kind, (event) => {
    if (view !== "over" || (kind === "pointermove" && !event.buttons)) return;
    event.preventDefault();
    if (kind === "pointerdown") single.setPointerCapture(event.pointerId);
    const box = canvas.getBoundingClientRect();
    slider.value = Math.round((100 * (event.clientX - box.left)) / box.width);
    drawWipe();
  });
  const wipe = h("label.lb-dup-slide", {}, h("span", { text: t`Kept` }), slider, h("span", { text: t`Other` }));
  const amplify = h("label.lb-dup-slide", {}, h("span", { text: t`Show differences` }), strength, strengthValue);
  const words = h("p.lb-muted.lb-dup-words", { role: "status" });
  const root = h("div.lb-dup-compare", {}, h("div.lb-line.lb-dup-compare-tools", {}, tabs, h("span.lb-grow"), tools), beside, single, wipe, amplify, words);
  // The pictures of the two views that lay one on the other; never in the document.
  const sources = [new Image(), new Image()];
  sources.forEach((image) => image.addEventListener("load", drawOver));

  const address = (row, size) => `/lorabake/${size}/${encodeURIComponent(project())}/${row.sha}`;

  function walkTabs(event) {
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    const next = (VIEWS.findIndex(([value]) => value === view) + by + VIEWS.length) % VIEWS.length;
    setView(VIEWS[next][0]);
    tabs.children[next].focus();
  }
  function setView(next) {
    view = VIEWS.some(([value]) => value === next) ? next : "beside";
    remember("dup-view", view);
    for (const tab of tabs.children) {
      const on = tab.dataset.view === view;
      tab.setAttribute("aria-checked", String(on));
      tab.tabIndex = on ? 0 : -1;
    }
    beside.hidden = tools.hidden = view !== "beside";
    single.hidden = view === "beside";
    wipe.hidden = view !== "over";
    amplify.hidden = view !== "difference";
    words.hidden = view === "beside";
    top.hidden = edge.hidden = view !== "over";
    if (view === "beside") place(); else { load(); drawOver(); }
  }

  // --- beside each other -----------------------------------------------------------------------
  function fitted({ frame }, row) {
    const scale = Math.min(frame.clientWidth / row.width, frame.clientHeight / row.height);
    return { width: row.width * scale, height: row.height * scale };
  }
  /** Lay both pictures so that the same place of each is in the middle, at the same size to the frame. */
  function place() {
    if (!rows[0] || !frames[0].frame.clientWidth) return;
    frames.forEach((one, i) => {
      const row = rows[i], { frame, image } = one;
      if (!row) return;
      const fit = fitted(one, row), width = fit.width * zoom, height = fit.height * zoom;
      const x = axis(frame.clientWidth, width, at.x), y = axis(frame.clientHeight, height, at.y);
      image.style.width = `${width}px`;
      image.style.height = `${height}px`;
      image.style.transform = `translate(${x}px, ${y}px)`;
      frame.classList.toggle("lb-large", zoom > 1);
      image.classList.toggle("lb-pixels", width > 3 * row.width);
      // The small copy has no more to show: take the whole picture.
      if (width * devicePixelRatio > 1280 && Math.max(row.width, row.height) > 1280 && !image.dataset.whole) {
        image.dataset.whole = "1";
        image.src = address(row, "whole");
      }
    });
    const whole = fitted(frames[0], rows[0]).width * zoom;
    say(percent, `${Math.round((100 * whole) / rows[0].width)} %`);
  }
  /** Where the picture begins: in the middle when it fits, else so that no gap shows. */
  function axis(room, length, part) {
    if (length <= room) return (room - length) / 2;
    return Math.min(0, Math.max(room - length, room / 2 - part * length));
  }
  function clamp(value) { return Math.min(1, Math.max(0, value)); }
  function zoomBy(factor, one = frames[0], point = null) {
    const row = rows[one.number];
    if (!row) return;
    const { frame } = one, fit = fitted(one, row), before = zoom;
    zoom = Math.min(MOST, Math.max(1, zoom * factor));
    if (point && zoom !== before) { // what is under the pointer stays there
      const px = partUnder(frame.clientWidth, fit.width * before, at.x, point.x), py = partUnder(frame.clientHeight, fit.height * before, at.y, point.y);
      at = { x: clamp(px + (frame.clientWidth / 2 - point.x) / (fit.width * zoom)), y: clamp(py + (frame.clientHeight / 2 - point.y) / (fit.height * zoom)) };
    }
    settle(one, row);
    place();
  }
  const partUnder = (room, length, part, x) => (x - axis(room, length, part)) / length;
  /** The place in the middle is one that can be there, so that dragging back answers at once. */
  function settle(one, row) {
    const fit = fitted(one, row);
    for (const [key, room, length] of [["x", one.frame.clientWidth, fit.width * zoom], ["y", one.frame.clientHeight, fit.height * zoom]]) {
      const half = length <= room ? 0.5 : room / length / 2;
      at[key] = Math.min(1 - half, Math.max(half, at[key]));
    }
  }
  function moveBy(one, dx, dy) {
    const row = rows[one.number];
    if (!row) return;
    const fit = fitted(one, row);
    at = { x: at.x - dx / (fit.width * zoom), y: at.y - dy / (fit.height * zoom) };
    settle(one, row);
    place();
  }
  function listen(frame) {
    const one = () => frames.find((found) => found.frame === frame);
    const local = (event) => { const box = frame.getBoundingClientRect(); return { x: event.clientX - box.left, y: event.clientY - box.top }; };
    frame.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return; // else the page scrolls
      event.preventDefault();
      zoomBy(Math.exp(-Math.max(-120, Math.min(120, event.deltaY)) / 300), one(), local(event));
    }, { passive: false });
    frame.addEventListener("pointerdown", (event) => {
      if (event.button > 1) return;
      pointers.set(event.pointerId, local(event));
      if (zoom > 1 || pointers.size > 1) frame.setPointerCapture(event.pointerId);
    });
    frame.addEventListener("pointermove", (event) => {
      const last = pointers.get(event.pointerId);
      if (!last) return;
      const now = local(event), others = [...pointers].filter(([id]) => id !== event.pointerId).map(([, point]) => point);
      pointers.set(event.pointerId, now);
      if (others.length) { // two fingers
        const spread = (point) => Math.hypot(point.x - others[0].x, point.y - others[0].y) || 1;
        zoomBy(spread(now) / spread(last), one(), { x: (now.x + others[0].x) / 2, y: (now.y + others[0].y) / 2 });
      } else if (zoom > 1) moveBy(one(), now.x - last.x, now.y - last.y);
    });
    for (const kind of ["pointerup", "pointercancel"]) frame.addEventListener(kind, (event) => pointers.delete(event.pointerId));
    frame.addEventListener("dblclick", (event) => { if (zoom > 1) { zoom = 1; at = { x: 0.5, y: 0.5 }; place(); } else zoomBy(4, one(), local(event)); });
    frame.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: [40, 0], ArrowRight: [-40, 0], ArrowUp: [0, 40], ArrowDown: [0, -40] }[event.key];
      if (by && zoom > 1) moveBy(one(), ...by);
      else if (event.key === "+" || event.key === "=") zoomBy(1.5, one());
      else if (event.key === "-") zoomBy(1 / 1.5, one());
      else if (event.key === "0") { zoom = 1; place(); } else return;
      event.preventDefault();
      event.stopPropagation();
    });
  }

  // --- one on the other ------------------------------------------------------------------------
  function load() {
    sources.forEach((image, i) => {
      const wanted = rows[i] ? address(rows[i], "image") : "";
      if ((image.getAttribute("src") || "") === wanted) return;
      how = canvases = null;
      if (wanted) image.src = wanted; else image.removeAttribute("src");
    });
  }
  const ready = () => rows[0] && rows[1] && sources.every((image) => image.complete && image.naturalWidth);

  async function drawOver() {
    if (view === "beside" || !rows[1]) return;
    load();
    if (!ready()) { say(words, t`Reading both pictures …`); return; }
    if (!canvases) {
      const mine = (turn += 1);
      say(words, t`Laying one on the other …`);
      await new Promise((done) => setTimeout(done));
      if (mine !== turn || !ready()) return;
      how = differing.lay(sources[0], sources[1], rows[1].kind === "cropped" || rows[0].kind === "cropped" ? "cropped" : rows[1].kind);
      canvases = differing.pair(sources[0], sources[1], how);
    }
    if (view === "over") drawWipe(); else drawDifference();
  }
  function drawWipe() {
    if (!canvases || view !== "over") return;
    const share = Number(slider.value) / 100;
    if (drawn !== canvases) {
      drawn = canvases;
      [canvas, top].forEach((target, i) => {
        [target.width, target.height] = [canvases[i].width, canvases[i].height];
        target.getContext("2d").drawImage(canvases[i], 0, 0);
      });
    }
    slider.style.setProperty("--share", `${slider.value}%`);
    top.style.clipPath = `inset(0 0 0 ${100 * share}%)`;
    edge.style.left = `${100 * share}%`;
    edge.hidden = share === 0 || share === 1;
    say(words, layingWords());
  }
  const colourOf = (name) => {
    const probe = h("i", { style: `color:var(${name})`, hidden: true });
    root.append(probe);
    const found = getComputedStyle(probe).color.match(/[\d.]+/g).slice(0, 3).map(Number);
    probe.remove();
    return found;
  };
  function drawDifference() {
    drawn = null;
    say(strengthValue, `× ${strength.value}`);
    strength.style.setProperty("--share", `${(100 * (strength.value - 1)) / 39}%`);
    if (!canvases || view !== "difference") return;
    const found = differing.paint(canvas, canvases, { strength: Number(strength.value), colour: colourOf("--lb-bad"), dark: document.body.classList.contains("dark") });
    const share = found.share < 0.0005 ? t`Nothing that the eye would see differs` : t`${(100 * found.share).toFixed(found.share < 0.1 ? 1 : 0)} % of the pixels differ visibly`;
    say(words, t`${share}; ${found.average.toFixed(1)} of 765 on average. ${layingWords()}`);
  }
  function layingWords() {
    const parts = [how.word && t`The other one is shown ${how.word}, as the kept one lies.`];
    const piece = how.on.w < 0.999 || how.on.h < 0.999 ? t`The other one is a piece of this.` : how.of.w < 0.999 || how.of.h < 0.999 ? t`The kept one is a piece of the other, which goes on beyond its edges.` : "";
    return [...parts, piece].filter(Boolean).join(" ");
  }

  function show(left, right) {
    const same = rows[0]?.sha === left?.sha && rows[1]?.sha === right?.sha;
    rows = [left, right];
    root.hidden = !left;
    if (!left) return;
    if (!same) {
      zoom = 1;
      at = { x: 0.5, y: 0.5 };
      how = canvases = null;
      turn += 1;
      say(words, "");
      for (const { frame, image, number } of frames) {
        const row = rows[number];
        frame.hidden = !row;
        frame.classList.remove("lb-broken");
        delete image.dataset.whole;
        if (row) image.src = address(row, "image"); else image.removeAttribute("src");
      }
    }
    frames.forEach(({ frame, number }) => rows[number] && frame.setAttribute("aria-label", `${number ? t`The other one` : t`The one to keep`}: ${rows[number].name}`));
    setView(view);
  }

  new ResizeObserver(place).observe(frames[0].frame);
  new MutationObserver(() => { if (view === "difference") drawDifference(); }).observe(document.body, { attributes: true, attributeFilter: ["class"] });
  show(null, null);
  return { root, show, beside: frames.map((one) => one.frame), place, next: () => setView(VIEWS[(VIEWS.findIndex(([value]) => value === view) + 1) % VIEWS.length][0]) };
}
