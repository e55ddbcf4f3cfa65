// Right end of the header: device badge, the Oven, theme, help.
const oven = makeDrawer(server);
const badge = h("span.lb-badge", { title: t`What this machine bakes with` });
const theme = h("button.lb-quiet", { type: "button", onclick: flip });
theme.append(h("span", { "aria-hidden": "true", text: "◐" }));
const help = h("button.lb-quiet", { type: "button", "aria-label": t`Help`, onclick: () => dialog.showModal() }, h("span", { "aria-hidden": "true", text: "?" }), h("span.lb-long", { text: t` Help` }));
const tongues = [["en", "English"], ...Object.entries(window.lorabakeLanguage.offered).map(([code, one]) => [code, one.name])];
const tongue = h("select.lb-language", { "aria-label": t`Language of the page`, title: t`Language of the page`, onchange: () => window.lorabakeLanguage.change(tongue.value) },
  ...tongues.map(([value, text]) => h("option", { value, text, lang: value })));
tongue.value = window.lorabakeLanguage.code;
const tongueBox = h("label.lb-quiet.lb-tongue", { hidden: tongues.length < 2 }, h("span", { "aria-hidden": "true", text: "文" }), tongue);
// Shown where links can be made; helping.js answers.
const friendName = h("span.lb-long", { text: t` Let a friend help` });
const friendCount = h("span.lb-dot", { hidden: true });
const friend = h("button.lb-quiet", { type: "button", hidden: true, "aria-label": t`Let a friend help`, onclick: () => tell("friend", {}) }, h("span", { "aria-hidden": "true", text: "⇄" }), friendName, friendCount);

const keys = [
  ["← →", t`previous and next picture, when a picture is chosen; walk the cells of the grid`],
  ["Ctrl + Enter", t`save the caption now and go to the next picture`],
  ["Esc", t`close a large picture, the Oven, this help`],
  [t`Ctrl + click`, t`on a section's title: open it and leave the others open`],
  ["?", t`this help`],
];
const dialog = h("dialog.lb-dialog", { "aria-label": t`Help` },
  h("h2", { text: t`How the page works` }),
  h("p", { text: t`The sections follow the guide from top to bottom: collect and caption your pictures, prepare the oven, bake, and look which epoch tastes best. The line at the top always names the next step.` }),
  h("p", { text: t`Nothing needs saving: captions and settings are written as you type, and a bake goes on when this page is closed.` }),
  h("h3", { text: t`Keys` }),
  h("dl.lb-keys", {}, ...keys.flatMap(([key, what]) => [h("dt", {}, h("kbd", { text: key })), h("dd", { text: what })])),
  h("form", { method: "dialog" }, h("button.lb-button", { text: t`Close help` })),
);

function label() {
  const dark = document.body.classList.contains("dark");
  const text = dark ? t`Light theme` : t`Dark theme`;
  theme.title = text;
  theme.setAttribute("aria-label", text);
}
function flip() {
  remember("theme", document.body.classList.contains("dark") ? "light" : "dark");
  window.lorabakeTheme?.();
  label();
}

replace(element, h("div.lb-header-end", {}, badge, oven.opener, oven.root, friend, tongueBox, theme, help), dialog);
label();
const skip = document.querySelector("#lb-header .lb-skip");
if (skip) skip.onclick = (event) => {
  const open = document.querySelector(".lb-section > button.label-wrap.open");
  if (!open) return;
  event.preventDefault();
  open.scrollIntoView({ block: "start" });
  open.focus();
};
new MutationObserver(label).observe(document.body, { attributes: true, attributeFilter: ["class"] });
hear(element, "helping", (view) => {
  friend.hidden = !view.possible;
  friendCount.hidden = !view.open;
  say(friendCount, view.waiting ? t`${view.waiting} to answer` : plural(view.people, "person", "people"));
});
hear(element, "pulse", (pulse) => say(badge, spoken(pulse.device)));
document.addEventListener("keydown", (event) => {
  if (event.key !== "?" || event.target.closest("input, textarea, select, [contenteditable]")) return;
  if (element.isConnected && !document.querySelector("dialog[open]")) dialog.showModal();
});
