// The language of the page, known before anything is drawn: chosen last, else the browser's, else English.
// Loaded once into the head. English is written in the scripts and in Python; another language is one
// file of {"English with {0}": "the same"}, read here: "scripts" for t, "sentences" for spoken as well.
window.lorabakeLanguage ??= (() => {
  const offered = window.lorabakeOffered || {}; // code → { name, url }
  const code = choose();
  const file = code === "en" ? null : read(offered[code].url);
  const sentences = file && new Map(Object.entries(file.sentences));
  const words = file && new Map([...Object.entries(file.scripts), ...sentences]);
  const tag = words ? offered[code].tag : "en";
  // Gradio sets the browser's own language while it starts.
  const keepTag = () => { if (document.documentElement.lang !== tag) document.documentElement.lang = tag; };
  keepTag();
  new MutationObserver(keepTag).observe(document.documentElement, { attributes: true, attributeFilter: ["lang"] });

  function choose() {
    let kept = null;
    try { kept = JSON.parse(localStorage.getItem("lorabake:language")); } catch { /* private window */ }
    const wishes = kept ? [kept] : [...(navigator.languages || [navigator.language])].map((one) => one.toLowerCase().split("-")[0]);
    return wishes.find((one) => one === "en" || Object.hasOwn(offered, one)) || "en";
  }

  /** At once, because the page's parts write their words as they are made; cached for good by the browser. */
  function read(url) {
    try {
      const request = new XMLHttpRequest();
      request.open("GET", url, false);
      request.send();
      return request.status === 200 ? JSON.parse(request.responseText) : null;
    } catch { return null; }
  }

  const filled = (text, values) => text.replace(/\{(\d+)\}/g, (whole, n) => (n in values ? values[n] : whole));
  const around = (text, inside) => text.match(/^\s*/)[0] + inside + text.match(/\s*$/)[0];

  /** The page's own words, as a template: t`Move ${n} to the bin`. What stands in ${} is left as it is. */
  function t(parts, ...values) {
    if (!words) return String.raw({ raw: parts }, ...values);
    const key = parts.reduce((all, part, i) => `${all}{${i - 1}}${part}`);
    const found = words.get(key.trim());
    return found === undefined ? String.raw({ raw: parts }, ...values) : around(key, filled(found, values));
  }

  // --- sentences that Python made ------------------------------------------------------------------
  const known = new Map();
  let shapes = null; // first letters → [{ pieces, text }] of the keys with {0}

  /** How long what is filled in may be where a text says little itself: "{0} in {1}" would fit any sentence. */
  const MOST = 60, PLAIN_ENOUGH = 12;

  function shape(key, text) {
    return { pieces: key.split(/\{\d+\}/), text, fixed: key.replace(/\{\d+\}/g, "").length };
  }
  /** What is filled in where the pieces stand, or null. One walk along the text: no text can make it slow. */
  function filledIn(text, pieces) {
    const last = pieces.length - 1, end = text.length - pieces[last].length;
    if (!text.startsWith(pieces[0]) || !text.endsWith(pieces[last])) return null;
    const values = [];
    let at = pieces[0].length;
    for (const piece of pieces.slice(1, last)) {
      const found = text.indexOf(piece, at);
      if (found < 0) return null;
      values.push(text.slice(at, found));
      at = found + piece.length;
    }
    return at <= end ? [...values, text.slice(at, end)] : null;
  }
  /** "{0} and {1}" would fit too much that is not ours; "{0} pictures" would not. */
  const tells = (key) => key.replace(/\{\d+\}/g, "").replace(/[^\p{L}]/gu, "").length >= 4;
  const start = (text) => text.slice(0, 3);
  function prepare() {
    shapes = new Map([["", []]]);
    for (const [key, text] of sentences) {
      if (!key.includes("{0}") || !tells(key)) continue;
      const at = key.indexOf("{0}") < 3 ? "" : start(key);
      if (!shapes.has(at)) shapes.set(at, []);
      shapes.get(at).push(shape(key, text));
    }
    // The more a shape says itself, the surer it is meant.
    for (const some of shapes.values()) some.sort((a, b) => b.fixed - a.fixed);
  }

  const lower = (text) => text[0].toLowerCase() + text.slice(1);
  /** Exactly, or as it stands inside of a sentence. */
  const exactly = (text) => sentences.get(text) ?? sentences.get(lower(text));
  const ENDS = code === "en" ? {} : { ".": "。", ":": "：", ";": "；" };

  function whole(text, depth) {
    const found = exactly(text);
    if (found !== undefined) return found;
    const bare = text.slice(0, -1), end = ENDS[text.slice(-1)];
    const short = end && bare && exactly(bare);
    if (short) return short + end;
    if (!shapes) prepare();
    for (const one of [...(shapes.get(start(text)) || []), ...shapes.get("")]) {
      const values = filledIn(text, one.pieces);
      if (!values || (one.fixed < PLAIN_ENOUGH && values.some((part) => part.length > MOST || /[.!?] | · /.test(part)))) continue;
      // A name or a caption in it stays; "14 pictures" or another sentence in it is ours.
      return filled(one.text, values.map((part) => (depth < 3 && part.includes(" ") ? spokenAt(part, depth + 1) : part)));
    }
    return null;
  }

  function spokenAt(text, depth) {
    const inside = text.trim();
    let said = whole(inside, depth);
    if (said === null) {
      const sentences = inside.split(/(?<=[.!?:;]) (?=[^ ])| · |\n/);
      if (sentences.length > 1) {
        let any = false;
        said = inside;
        for (const one of sentences) {
          const other = whole(one, depth);
          if (other !== null) { any = true; said = said.replace(one, () => other); }
        }
        if (!any) said = null;
      }
    }
    return said === null ? text : around(text, said);
  }

  /** A sentence that came from Python, in the page's language; what is not known stays as it is. */
  function spoken(text) {
    if (!words || typeof text !== "string" || !text) return text;
    if (!known.has(text)) {
      if (known.size > 5000) known.clear();
      known.set(text, spokenAt(text, 0));
    }
    return known.get(text);
  }

  // --- what Gradio draws: the sections' titles and what is written under them --------------------------
  const PLAIN = [".lb-section > button.label-wrap > span:first-child", ".lb-guide", ".lb-demo-note", ".lb-skip", ".lb-from-guide > summary", ".lb-guide-text :is(p, li, caption, th)", ".lb-section button.lg", '#lb-project-switcher [data-testid="block-info"]', '.lb-section [data-testid="block-info"]'];

  /** Words between `backticks` are typed as they stand; here they are elements. */
  function say(node) {
    node.dataset.said = code;
    if ([...node.children].some((child) => child.tagName !== "CODE")) {
      for (const child of node.childNodes) if (child.textContent.trim()) child.textContent = spoken(child.textContent);
      return;
    }
    const english = [...node.childNodes].map((one) => (one.nodeName === "CODE" ? `\`${one.textContent}\`` : one.textContent)).join("");
    const other = spoken(english);
    if (other === english) return;
    node.replaceChildren(...other.split("`").map((piece, i) => {
      if (i % 2 === 0) return piece;
      const typed = document.createElement("code");
      typed.textContent = piece;
      return typed;
    }));
  }
  /** The name of the list of projects, which stands in an attribute only. */
  function sayName(node) {
    const other = spoken(node.getAttribute("aria-label"));
    if (other !== node.getAttribute("aria-label")) node.setAttribute("aria-label", other);
  }
  if (words) {
    const unsaid = PLAIN.map((one) => `${one}:not([data-said])`).join(", ");
    new MutationObserver(() => {
      for (const node of document.querySelectorAll(unsaid)) say(node);
      for (const node of document.querySelectorAll("#lb-project-switcher [aria-label]")) sayName(node);
    }).observe(document.documentElement, { childList: true, subtree: true });
  }

  function change(wanted) {
    try { localStorage.setItem("lorabake:language", JSON.stringify(wanted)); } catch { /* private window */ }
    window.location.reload();
  }

  return { code: words ? code : "en", offered, t, spoken, change, counted: (key, n) => words?.get(key)?.replace("{0}", n) };
})();
