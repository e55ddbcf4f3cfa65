// What the parts share. Comes before each part's own script; made once.
window.lorabake ??= (() => {
  const { t, spoken, counted } = window.lorabakeLanguage;
  const SVG = ["svg", "path", "line", "text", "g", "circle", "rect", "polyline"];
  const PROPERTIES = ["value", "checked", "disabled", "hidden", "htmlFor", "multiple", "open", "indeterminate"];

  /** An element; text and children only as nodes, never as markup. */
  function h(tag, props = {}, ...children) {
    const [name, ...classes] = tag.split(".");
    const node = SVG.includes(name)
      ? document.createElementNS("http://www.w3.org/2000/svg", name)
      : document.createElement(name);
    for (const c of classes) node.classList.add(c);
    for (const [key, value] of Object.entries(props)) {
      if (value === undefined || value === null || value === false) continue;
      if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
      else if (key === "text") node.textContent = value;
      else if (PROPERTIES.includes(key) && !SVG.includes(name)) node[key] = value;
      else node.setAttribute(key, value === true ? "" : value);
    }
    node.append(...children.filter((c) => c !== null && c !== undefined && c !== false));
    return node;
  }

  function replace(node, ...children) {
    node.replaceChildren(...children.filter((c) => c !== null && c !== undefined && c !== false));
  }

  /** Set text only where it differs, so that a selection and the screen reader are left alone. */
  function say(node, text) {
    if (node.textContent !== text) node.textContent = text;
  }

  /**
   * A line whose figures change all the time: shown at once, read out only when its words change.
   * A progress that speaks every second would silence everything else.
   */
  const heard = new WeakMap();
  function sayFigures(node, text) {
    say(node, text);
    if (!heard.has(node)) {
      heard.set(node, h("span.lb-sr", { role: "status" }));
      node.after(heard.get(node));
    }
    const voice = heard.get(node), words = text.replace(/[\d.,:]+/g, "");
    if (voice.dataset.words === words) return;
    voice.dataset.words = words;
    say(voice, text);
  }

  const remember = (key, value) => {
    try { localStorage.setItem(`lorabake:${key}`, JSON.stringify(value)); } catch { /* full or private */ }
  };
  const recall = (key, otherwise = null) => {
    try { return JSON.parse(localStorage.getItem(`lorabake:${key}`)) ?? otherwise; } catch { return otherwise; }
  };
  const forget = (key) => {
    try { localStorage.removeItem(`lorabake:${key}`); } catch { /* private */ }
  };

  /** Ask Python; an answer with `error` becomes an exception with that sentence. */
  async function ask(call, data = {}) {
    let answer;
    try { answer = await call(data); } catch { /* as below */ }
    // Gradio keeps most failures to itself and answers with nothing; each of ours is an object.
    if (!answer) throw new Error(t`The page cannot reach lorabake. Is its window still open?`);
    if (answer.proposed) tell("proposed", answer.error);
    if (answer.error) throw Object.assign(new Error(spoken(answer.error)), answer);
    return answer;
  }

  const shown = (element) => element.isConnected && element.offsetParent !== null;

  /**
   * Call `work` every `pause()` ms while the page can be seen and the element is on it.
   * always: also while its section is closed; behind(): also while the page is behind another.
   */
  function poll(element, work, pause, { always = false, behind = () => false } = {}) {
    let timer = null, running = false, again = false;
    const tick = async () => {
      clearTimeout(timer);
      if (running) { again = true; return; }
      if (!element.isConnected) { stop(); return; }
      if ((!document.hidden || behind()) && (always || shown(element))) {
        running = true;
        try { await work(); } finally { running = false; }
      }
      timer = setTimeout(tick, again ? 0 : pause());
      again = false;
    };
    const wake = () => { if (!document.hidden) tick(); };
    const stop = () => {
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", wake);
    };
    document.addEventListener("visibilitychange", wake);
    tick();
    return tick;
  }

  /** News between parts: `tell("pulse", data)`, `hear(element, "pulse", fn)`. */
  const last = {};
  function tell(name, data) {
    last[name] = data;
    window.dispatchEvent(new CustomEvent(`lorabake:${name}`, { detail: data }));
  }
  function hear(element, name, work, { now = true } = {}) {
    const listen = (event) => {
      if (element.isConnected) work(event.detail);
      else window.removeEventListener(`lorabake:${name}`, listen);
    };
    window.addEventListener(`lorabake:${name}`, listen);
    if (now && name in last) work(last[name]);
  }

  const section = (id) => document.getElementById(`sec-${id}`);
  const heading = (node) => node && node.querySelector(":scope > button.label-wrap");
  const isOpen = (id) => Boolean(heading(section(id))?.classList.contains("open"));

  /** Open a section of the page and bring it into view. */
  function go(id, { scroll = true, focus = false } = {}) {
    const node = section(id);
    if (!node) return;
    if (!isOpen(id)) heading(node).click();
    if (scroll) {
      const quiet = matchMedia("(prefers-reduced-motion: reduce)").matches;
      setTimeout(() => node.scrollIntoView({ block: "start", behavior: quiet ? "auto" : "smooth" }), 60);
    }
    if (focus) heading(node).focus();
  }

  /** "1 picture", "1,240 pictures", in the page's language. */
  function plural(n, one, many = `${one}s`) {
    const figure = n.toLocaleString("en");
    return n === 1 ? counted(`1 ${one}`, figure) ?? `1 ${one}` : counted(`{0} ${many}`, figure) ?? `${figure} ${many}`;
  }
  const clock = (date) => date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hour12: false });

  /** Seconds in a person's words: "40 s", "4 min", "2 h 10 min". */
  function span(seconds) {
    if (!Number.isFinite(seconds)) return "";
    if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
    const minutes = Math.round(seconds / 60);
    return minutes < 90 ? t`${minutes} min` : t`${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  }

  /** One message; `extra` nodes stand behind its sentence. */
  const remark = (level, text, { word = "", extra = [] } = {}) => h(`div.lb-notice.lb-tone-${level}`, {},
    word && h("b.lb-word", { text: spoken(word) }), h("p", { text: spoken(text) }), ...extra);

  /** Mebibytes in a person's words: "6.5 GB", "320 MB". */
  const size = (mib) => (mib >= 1000 ? `${(mib / 1024).toFixed(1)} GB` : `${mib >= 10 ? Math.round(mib) : mib.toFixed(1)} MB`);

  return { h, replace, say, sayFigures, remember, recall, forget, ask, shown, poll, tell, hear, go, isOpen, heading, section, plural, clock, span, remark, size, t, spoken, saving: null };
})();
const { h, replace, say, sayFigures, remember, recall, forget, ask, shown, poll, tell, hear, go, plural, clock, span, remark, size, t, spoken } = window.lorabake;
