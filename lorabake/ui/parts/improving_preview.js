/**
 * One picture before and after: a part of it close up, through the chosen upscaler, or the whole picture
 * for its contrast. Strength and contrast are laid over what the server has made, at once.
 *
 * project(); values(): the settings as they are moved; choice(): which pictures share curves.
 */
function makeImprovePreview({ server, project, values, choice, onMeasured }) {
  let row = null, mode = "close", at = { x: 0.5, y: 0.4 }, split = 50, about = null, close = null, live = false, turn = 0, timer = 0;
  const loaded = new Map(); // address → image or promise

  const canvas = h("canvas.lb-imp-canvas", { role: "img", "aria-label": t`Before at the left, after at the right` });
  const edge = h("i.lb-imp-edge", { hidden: true }), hole = h("i.lb-imp-hole", { hidden: true });
  const paper = h("div.lb-imp-paper", {}, canvas, edge, hole);
  const cover = h("p.lb-imp-cover", { hidden: true });
  const frame = h("div.lb-imp-frame", {}, paper, cover);
  const slider = h("input.lb-range", { type: "range", min: "0", max: "100", step: "1", value: "50", "aria-label": t`Where before ends and after begins`, oninput: () => { split = Number(slider.value); paint(); } });
  const before = h("span"), after = h("span");
  const modes = h("div.lb-switch.lb-imp-modes", { role: "group", "aria-label": t`What to show` }, ...[["close", t`Close up`], ["whole", t`Whole picture`]].map(([value, text]) => h("button.lb-quiet", { type: "button", text, "data-mode": value, onclick: () => setMode(value) })));
  const attempt = h("button.lb-button", { "data-needs": "lb_improve_close", type: "button", text: t`Try it here`, onclick: () => { live = true; ask_close({ again: Boolean(close?.problem) }); } });
  const stop = h("button.lb-quiet", { type: "button", text: t`Stop`, hidden: true, onclick: () => { live = false; ask(server.lb_improve_close_stop, {}).catch(() => {}).then(() => ask_close({ begin: false })); } });
  const name = h("b"), facts = h("span.lb-muted");
  const reasons = h("ul.lb-reasons"), words = h("p.lb-imp-words", { role: "status" });
  const root = h("div.lb-imp-preview", { hidden: true },
    h("div.lb-line.lb-imp-head", {}, h("div.lb-name", {}, name, facts), h("span.lb-grow"), modes),
    frame, h("div.lb-compare", {}, before, slider, after),
    h("div.lb-line", {}, words, h("span.lb-grow"), stop, attempt), reasons);

  const settings = () => values();
  const model = () => !["off", "lanczos", ""].includes(settings().upscaler);
  const enlarges = () => settings().upscaler !== "off";
  const strength = () => Math.min(1, Math.max(0, Number(settings().strength ?? 1)));

  // --- asking ----------------------------------------------------------------------------------
  function image(address) {
    if (!loaded.has(address)) {
      const made = new Image();
      loaded.set(address, new Promise((done) => { made.onload = () => { loaded.set(address, made); done(made); }; made.onerror = () => { loaded.delete(address); done(null); }; }));
      made.src = address;
      for (const key of [...loaded.keys()].slice(0, -12)) loaded.delete(key);
    }
    return loaded.get(address);
  }
  const ready = (address) => (address && loaded.get(address) instanceof Image ? loaded.get(address) : null);
  const improved = (key) => (key ? `/lorabake/improved/${key}` : "");
  const whole = () => `/lorabake/image/${encodeURIComponent(project())}/${row.sha}`;

  /** Sizes, reasons and the curve of this picture; again at every movement of a slider. */
  async function tell_about() {
    if (!row) return;
    const mine = (turn += 1), of = row;
    try {
      const answer = await ask(server.lb_improve_picture, { project: project(), id: of.id, values: settings(), choice: choice() });
      if (of !== row || mine !== turn) return;
      about = answer;
      draw();
    } catch (error) { if (of === row && mine === turn) { about = null; wrong(error.message); } }
  }

  let asking = false, next = null;
  async function ask_close(how = {}) {
    clearTimeout(timer);
    next = { begin: live, ...how };
    if (asking) return;
    asking = true;
    while (next && row) {
      const of = row, question = { project: project(), id: of.id, x: at.x, y: at.y, values: settings(), begin: next.begin, again: next.again };
      next = null;
      try {
        const answer = await ask(server.lb_improve_close, question);
        if (of !== row || next) continue;
        const were = close;
        close = answer;
        if (were?.running && !close.running && close.made) onMeasured();
        await Promise.all([close.before, close.plain, close.made].filter(Boolean).map((key) => image(improved(key))));
        if (of === row) draw();
        if (close.running) timer = setTimeout(() => ask_close({ begin: false }), 700);
      } catch (error) { if (of === row) wrong(error.message); }
    }
    asking = false;
  }

  // --- drawing -----------------------------------------------------------------------------------
  const sheet = document.createElement("canvas");

  /** After, as it would be written: the model's over the plain one, then the curve. */
  function draw_after(width, height, layers) {
    sheet.width = width;
    sheet.height = height;
    const pen = sheet.getContext("2d", { willReadFrequently: true });
    for (const [picture, share] of layers) { pen.globalAlpha = share; pen.drawImage(picture, 0, 0, width, height); }
    pen.globalAlpha = 1;
    const curve = settings().contrast && about?.curve;
    if (!curve) return;
    const pixels = pen.getImageData(0, 0, width, height), data = pixels.data, { table, saturation } = curve;
    for (let i = 0; i < data.length; i += 4) {
      const r = table[data[i]], g = table[data[i + 1]], b = table[data[i + 2]];
      const grey = 0.299 * r + 0.587 * g + 0.114 * b; // an image's bytes are clamped by themselves
      data[i] = grey + (r - grey) * saturation;
      data[i + 1] = grey + (g - grey) * saturation;
      data[i + 2] = grey + (b - grey) * saturation;
    }
    pen.putImageData(pixels, 0, 0);
  }

  let shown_before = null; // the image at the left
  function draw() {
    if (!row) return;
    const picture = mode === "whole" ? ready(whole()) : ready(improved(close?.before));
    const plain = mode === "whole" ? picture : ready(improved(close?.plain)), made = mode === "close" && model() ? ready(improved(close?.made)) : null;
    tellWords();
    if (!picture || !plain) {
      if (mode === "whole") image(whole()).then?.((found) => { if (found) draw(); else cover_with(t`This picture is no longer there.`); });
      return;
    }
    cover.hidden = true;
    shown_before = picture;
    canvas.width = plain.naturalWidth;
    canvas.height = plain.naturalHeight;
    paper.style.aspectRatio = `${canvas.width} / ${canvas.height}`;
    paper.style.setProperty("--shape", String(canvas.width / canvas.height));
    draw_after(canvas.width, canvas.height, made ? (strength() < 1 ? [[plain, 1], [made, strength()]] : [[made, 1]]) : [[plain, 1]]);
    paint();
  }
  /** Both sides onto the canvas; only this when the edge is moved. */
  function paint() {
    slider.style.setProperty("--share", `${split}%`);
    if (!shown_before) return;
    const { width, height } = canvas, pen = canvas.getContext("2d"), x = Math.round((width * split) / 100);
    pen.clearRect(0, 0, width, height);
    pen.drawImage(sheet, 0, 0);
    pen.save();
    pen.beginPath();
    pen.rect(0, 0, x, height);
    pen.clip();
    pen.imageSmoothingQuality = "high";
    pen.drawImage(shown_before, 0, 0, width, height);
    pen.restore();
    edge.hidden = split <= 0 || split >= 100;
    edge.style.left = `${split}%`;
    hole.hidden = mode !== "whole" || !close || !row;
    if (!hole.hidden) {
      const [left, top, wide, high] = close.box;
      Object.assign(hole.style, { left: `${(100 * left) / row.width}%`, top: `${(100 * top) / row.height}%`, width: `${(100 * wide) / row.width}%`, height: `${(100 * high) / row.height}%` });
    }
  }
  function cover_with(text) { cover.hidden = !text; say(cover, text); }
  function wrong(text) { say(words, text); words.classList.add("lb-error"); }

  const px = ([width, height]) => `${width.toLocaleString("en")} × ${height.toLocaleString("en")} px`;
  function tellWords() {
    const target = about?.target, same = target && target[0] === row.width && target[1] === row.height;
    say(facts, `${px([row.width, row.height])}${target ? (same ? t`, the size stays` : ` → ${px(target)}`) : ""}${about?.bucket ? t` · bucket ${about.bucket.join(" × ")}` : ""}`);
    if (mode === "close") {
      say(before, close ? t`Before: ${close.box[2]} px` : t`Before`);
      say(after, close ? t`After: ${close.size[0]} px` : t`After`);
    } else { say(before, t`Before`); say(after, t`After`); }
    replace(reasons, ...(about?.why || []).map(([kind, why]) => h("li", {}, h("b", { text: kind === "small" ? t`Too small` : t`Blurred` }), h("span", { text: why }))),
      about?.made && h("li", {}, h("b", { text: t`Improved before` }), h("span", { text: t`So it is not chosen by itself. The original is kept.` })));
    words.classList.toggle("lb-error", Boolean(mode === "close" && close?.problem));
    say(words, sentence());
    attempt.hidden = !(mode === "close" && model() && close && !close.made && !close.running);
    say(attempt, close?.problem ? t`Try again` : t`Try it here`);
    stop.hidden = !(mode === "close" && close?.running);
  }
  function sentence() {
    const curve = settings().contrast ? about?.curve : null;
    const contrast = !curve ? "" : !curve.changes ? t`Its contrast is good as it is.` : curve.frames > 1 ? t`One curve for ${plural(curve.frames, "frame")} of this scene.` : "";
    if (mode === "whole") return [contrast, enlarges() ? t`The upscaler shows close up: press the picture where you want to see it.` : ""].filter(Boolean).join(" ");
    if (close?.problem) return close.problem;
    if (close?.running) return t`Trying the model on this part…`;
    if (model() && close && !close.made) return t`The model has not been tried here yet: this is without it.`;
    return contrast;
  }

  // --- moving the edge, choosing the place --------------------------------------------------------
  let from = null;
  const shareOf = (event) => {
    const box = paper.getBoundingClientRect();
    return { x: Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)), y: Math.min(1, Math.max(0, (event.clientY - box.top) / box.height)) };
  };
  paper.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    from = { x: event.clientX, y: event.clientY, moved: false };
    paper.setPointerCapture(event.pointerId);
  });
  paper.addEventListener("pointermove", (event) => {
    if (!from) return;
    if (Math.abs(event.clientX - from.x) > 4) from.moved = true;
    if (!from.moved) return;
    split = Math.round(100 * shareOf(event).x);
    slider.value = String(split);
    paint();
  });
  paper.addEventListener("pointercancel", () => { from = null; });
  paper.addEventListener("pointerup", (event) => {
    const was = from;
    from = null;
    if (!was || was.moved) return;
    if (mode === "whole" && enlarges()) { at = shareOf(event); live = live || model(); setMode("close"); ask_close(); } else if (mode === "close") { split = Math.round(100 * shareOf(event).x); slider.value = String(split); paint(); }
  });

  function setMode(wanted) {
    mode = wanted;
    for (const button of modes.children) button.setAttribute("aria-pressed", String(button.dataset.mode === mode));
    draw();
  }
  setMode("close");

  return {
    root,
    /** Another picture, or the same with other facts. */
    show(nextRow) {
      const other = nextRow?.id !== row?.id || nextRow?.sha !== row?.sha;
      row = nextRow;
      root.hidden = !row;
      if (!row) { shown_before = about = close = null; return; }
      say(name, row.name);
      if (!other) { tell_about(); return; }
      about = close = shown_before = null;
      at = { x: 0.5, y: 0.4 };
      cover_with(t`Loading…`);
      tellWords();
      tell_about();
      clearTimeout(timer);
      timer = setTimeout(ask_close, 120); // a held arrow key: only where it stops
    },
    /** What is moved: seen at once where this page can do it. key: what was left, or "". */
    moved(key = "") {
      if (!row) return;
      if (["contrast"].includes(key)) setMode(settings().contrast ? "whole" : enlarges() ? "close" : "whole");
      if (["upscaler"].includes(key)) { live = true; setMode(enlarges() ? "close" : "whole"); }
      tell_about();
      if (!key || ["upscaler", "fit", "factor"].includes(key)) ask_close(); else draw();
    },
    refresh() { if (row) { tell_about(); ask_close({ begin: false }); } },
    clear() { row = about = close = shown_before = null; live = false; root.hidden = true; clearTimeout(timer); },
  };
}
