// Messages that stay next to what they are about. value: null or [{level, text, details}].
const words = { ok: t`Done`, warn: t`Note`, bad: t`Stopped`, info: t`Note` };
function draw() {
  const messages = props.value || [];
  element.setAttribute("role", messages.some((m) => m.level === "bad") ? "alert" : "status");
  replace(element, ...messages.map((message) => h(`div.lb-notice.lb-tone-${message.level}`, {},
    h("b.lb-word", { text: spoken(message.word) || words[message.level] }),
    h("div", { style: "flex:1;min-width:0" },
      h("p", { text: spoken(message.text) }),
      message.details && h("details", {}, h("summary", { text: t`Details` }),
        h("pre", { text: message.details }),
        h("button.lb-quiet", { type: "button", text: t`Copy details`, onclick: () => navigator.clipboard?.writeText(`${message.text}\n${message.details}`) })),
    ))));
}
draw();
watch("value", draw);
