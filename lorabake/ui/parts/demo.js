// The demo's banner: what this is, what becomes of one's pictures, and how to begin anew.
const strip = h("div.lb-help-strip.lb-demo-strip", { role: "status" });
replace(element, strip);
const away = (text, href) => h("a", { href, target: "_blank", rel: "noopener", text });

async function leave() {
  if (!window.confirm(t`Delete all that is yours here and begin anew?`)) return;
  try { await ask(server.lb_demo_leave); } catch { /* it is over already */ }
  window.location.reload();
}

function refused() {
  replace(strip, h("span", {}, t`This visit is over, or your browser keeps no cookies for a page inside of another one. `,
    h("button.lb-button", { type: "button", text: t`Load the demo anew`, onclick: () => window.location.reload() }), " ",
    window.top !== window.self && away(t`Open it in a tab of its own`, window.location.origin)));
  strip.classList.add("lb-over");
}

async function start() {
  let about;
  try { about = await ask(server.lb_demo); } catch (error) {
    if (error.refused) refused(); else setTimeout(start, 3000);
    return;
  }
  document.documentElement.dataset.role = "visitor";
  replace(strip,
    h("span", {}, h("b", { text: t`This is a demo. ` }),
      t`It bakes with the practice oven only, for at most ${about.job}. What is yours is seen by nobody else and deleted after ${about.idle} without a visit. `,
      t`Pictures: ${about.files} at a time, ${about.file} MB each, ${about.mb} MB in all. `,
      h("span.lb-demo-own", { text: t`For your own models, install lorabake on your computer: ./launch.sh` })),
    h("button.lb-quiet", { type: "button", text: t`Begin anew`, onclick: leave }));
}
start();
