// Pictures drawn while it bakes: one row an epoch, the newest first; a click shows one large.
function makeStrip(where) {
  const rows = h("div.lb-strip-rows", { tabindex: "0", role: "group", "aria-label": t`Sample images by epoch` });
  const root = h("div.lb-strip", { hidden: true }, h("h3.lb-heading", { text: t`Sample images` }), rows);
  const large = h("img.lb-sample-large", { alt: "" });
  const caption = h("b"), prompt = h("p.lb-prompt.lb-muted");
  const box = h("dialog.lb-dialog.lb-sample-box", { "aria-label": t`A sample image`, onkeydown: walk, onclick: (event) => { if (event.target === box) box.close(); } },
    large, h("div.lb-line", {}, caption, h("span.lb-grow"),
      h("button.lb-quiet", { type: "button", text: t`← Newer`, "aria-label": t`The same prompt in the epoch after`, onclick: () => turn(-1) }),
      h("button.lb-quiet", { type: "button", text: t`Older →`, "aria-label": t`The same prompt in the epoch before`, onclick: () => turn(1) }),
      h("button.lb-button", { type: "button", text: t`Close`, onclick: () => box.close() })), prompt);
  root.append(box);
  let epochs = [], at = [0, 0], drawn = "";

  const address = (kind, name) => `/lorabake/${kind}/${[...where(), name].map(encodeURIComponent).join("/")}`;
  function show() {
    const epoch = epochs[at[0]], picture = epoch?.pictures[at[1]];
    if (!picture) return;
    large.src = address("sample", picture.name);
    large.alt = t`Epoch ${epoch.epoch}: ${picture.prompt}`;
    say(caption, t`Epoch ${epoch.epoch}`);
    say(prompt, picture.prompt);
  }
  function turn(by, across = 0) {
    const row = Math.min(Math.max(at[0] + by, 0), epochs.length - 1);
    at = [row, Math.min(Math.max(at[1] + across, 0), epochs[row].pictures.length - 1)];
    show();
  }
  function walk(event) {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (step) { event.preventDefault(); turn(...step); }
  }
  function row(epoch, y) {
    return h("div.lb-strip-row", {}, h("span.lb-strip-epoch", { text: t`Epoch ${epoch.epoch}` }),
      ...epoch.pictures.map((picture, x) => h("button.lb-sample", { type: "button", title: picture.prompt, "aria-label": t`Epoch ${epoch.epoch}: ${picture.prompt}`, onclick: () => { at = [y, x]; show(); box.showModal(); } },
        h("img", { src: address("small-sample", picture.name), alt: "", loading: y < 4 ? "eager" : "lazy", decoding: "async" }))));
  }
  return {
    root,
    set(samples) {
      const key = JSON.stringify([where(), samples]);
      if (key === drawn) return;
      drawn = key;
      epochs = samples;
      root.hidden = !epochs.length;
      replace(rows, ...epochs.map(row));
    },
  };
}
