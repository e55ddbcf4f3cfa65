// The taggers: what is here, what can be had, and which one (or which ones) shall look.
/**
 * onChoose(names), onCombine(value): what was chosen. get(model), stop(name), resume(name), again():
 * downloads, and looking through this computer once more.
 */
function makeTaggers({ onChoose, onCombine, get, stop, resume, again }) {
  const list = h("ul.lb-taggers");
  const others = h("ul.lb-taggers");
  const rest = h("details.lb-details", {}, h("summary"), others,
    h("p.lb-muted.lb-gen-elsewhere", {}, t`A tagger of another program is found by itself; so is a folder with model.onnx and selected_tags.csv in the workspace's folder models, or in one that you name with: models add-folder.`,
      h("button.lb-quiet", { "data-needs": "lb_look", type: "button", text: t`Look again`, onclick: again })));
  const several = h("input", { "data-needs": "lb_tag_set", type: "checkbox", onchange: () => { multiple = several.checked; if (!multiple) onChoose(chosen().slice(0, 1)); draw(); } });
  const combine = h("select.lb-select", { "data-needs": "lb_tag_set", "aria-label": t`What counts of several taggers`, onchange: () => onCombine(combine.value) });
  const together = h("div.lb-line.lb-gen-several", {},
    h("label.lb-check", {}, several, h("span", { text: t`Ask several taggers` })), combine);
  const root = h("div.lb-gen-who", {}, list, together, rest);
  let view = null, multiple = false;

  const chosen = () => view.taggers.filter((t) => t.on).map((t) => t.name);

  function pick(tagger, on) {
    const names = multiple ? chosen().filter((name) => name !== tagger.name) : [];
    if (on) names.push(tagger.name);
    if (!names.length) { draw(true); return; } // one of them has to look
    onChoose(names);
  }

  function download(tagger) {
    const job = view.downloads.find((d) => d.spec === tagger.model);
    if (job && ["running", "queued"].includes(job.state)) {
      const share = job.total ? job.done / job.total : 0;
      return h("div.lb-gen-get", {},
        h("span.lb-muted", { text: job.total ? t`${size(job.done)} of ${size(job.total)}` : t`starting` }),
        h("button.lb-quiet", { "data-needs": "lb_download_stop", type: "button", text: t`Cancel`, "aria-label": t`Cancel the download of ${tagger.label}`, onclick: () => stop(job.name) }),
        h("div.lb-meter", { role: "progressbar", "aria-label": t`Download of ${tagger.label}`, "aria-valuemin": "0", "aria-valuemax": "100", "aria-valuenow": String(Math.round(100 * share)) }, h("i", { style: `width:${(100 * share).toFixed(1)}%` })));
    }
    const text = `Download${tagger.size ? ` · ${tagger.size}` : ""}`;
    return h("div.lb-gen-get", {},
      job?.resume ? h("button.lb-button", { "data-needs": "lb_download_resume", type: "button", text: t`Go on downloading`, onclick: () => resume(job.name) })
        : h("button.lb-button", { "data-needs": "lb_download", type: "button", text, "aria-label": t`Download ${tagger.label}${tagger.size ? `, ${tagger.size}` : ""}`, onclick: () => get(tagger.model) }),
      job?.error && h("p.lb-error", { text: spoken(job.error) }));
  }

  function row(tagger) {
    const id = `lb-tagger-${tagger.name.replace(/[^\w-]/g, "_")}`;
    const box = tagger.here && h("input", { "data-needs": "lb_tag_set", type: multiple ? "checkbox" : "radio", name: "lb-tagger", id, checked: tagger.on, onchange: () => pick(tagger, box.checked) });
    const facts = [tagger.here && tagger.where, tagger.here && tagger.size].filter(Boolean).join(" · ");
    const about = h("div.lb-tagger-about", {},
      h(tagger.here ? "label" : "div", tagger.here ? { for: id } : {}, h("b", { text: tagger.label }),
        tagger.recommended && h("span.lb-chip", { text: t`recommended here` })),
      h("p.lb-muted", {}, spoken(tagger.help),
        facts && ` ${facts}.`,
        !tagger.here && tagger.licence && t` Licence: ${tagger.licence}`,
        !tagger.here && tagger.page && " · ", !tagger.here && tagger.page && h("a", { href: tagger.page, target: "_blank", rel: "noopener noreferrer", text: t`its page` })));
    return h(`li.lb-tagger${tagger.on && tagger.here ? ".lb-on" : ""}`, {}, box, about, !tagger.here && tagger.can && download(tagger));
  }

  function draw(force = false) {
    const key = JSON.stringify([view.taggers, view.downloads, multiple, view.values.combine]);
    if (!force && root.dataset.key === key) return;
    root.dataset.key = key;
    const focused = root.contains(document.activeElement) ? document.activeElement.id : "";
    const busy = (t) => view.downloads.some((d) => d.spec === t.model && d.state !== "finished");
    const first = view.taggers.filter((t) => t.here || t.on || t.recommended || busy(t));
    const later = view.taggers.filter((t) => !first.includes(t));
    replace(list, ...first.map(row));
    replace(others, ...later.map(row));
    say(rest.firstChild, later.length ? t`${plural(later.length, "other tagger")} to download` : t`Other taggers`);
    together.hidden = view.taggers.filter((t) => t.here).length < 2;
    several.checked = multiple;
    combine.hidden = !multiple;
    if (focused) document.getElementById(focused)?.focus();
  }

  return {
    root,
    /** Choices of `combine` come with the form's fields. */
    choices(listed) { replace(combine, ...listed.map(([value, text]) => h("option", { value, text: spoken(text) }))); },
    set(answer) {
      view = answer;
      if (chosen().length > 1) multiple = true;
      combine.value = view.values.combine;
      draw();
    },
    /** Why nothing can look now; "" when something can. */
    blocked() {
      const gone = view.taggers.find((t) => t.on && !t.here);
      if (!gone) return "";
      return view.taggers.some((t) => t.here) ? t`${gone.label} is not on this computer yet. Download it, or choose another one.` : t`Download a tagger first.`;
    },
  };
}
