"""A page with nothing but fields that complete tags, and the tag lists: `… WORKSPACE PROJECT`.

Served as the real one is: same guard, same routes, same style. Prints its address.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, cast

import gradio as gr

from lorabake.core.workspace import Workspace
from lorabake.ui.parts import text
from lorabake.ui.place import open_place
from lorabake.ui.serve import launch
from lorabake.ui.signals import Desk
from lorabake.ui.vocabulary import build_lists, lb_complete, lb_tokens, lb_wiki

FIELDS = """
const find = tagAsker(server, () => %PROJECT%);
const area = h("textarea.lb-caption", { id: "area", rows: "6", "aria-label": "Caption" });
const line = h("input.lb-input", { id: "line", type: "text", "aria-label": "One tag" });
const lines = h("textarea.lb-caption", { id: "lines", rows: "3", "aria-label": "Replace" });
const add = h("input.lb-input", { id: "add", type: "text", "aria-label": "Add a tag" });
const added = h("ul", { id: "added" });
const below = h("textarea.lb-caption", { id: "below", rows: "2", "aria-label": "Far below" });
const inside = h("input.lb-input", { id: "inside", "aria-label": "In a dialog" });
const dialog = h("dialog.lb-dialog", { id: "dialog" }, inside);
add.addEventListener("keydown", (event) => { if (event.key === "Enter") { added.append(h("li", { text: `typed ${add.value}` })); add.value = ""; } });
add.addEventListener("keydown", (event) => { if (event.key === "Escape") added.append(h("li", { text: "left" })); });
replace(element, h("div", { style: "display:grid;gap:24px;padding:16px" }, area, line, lines, add, added, h("div", { style: "height:55vh" }), below, dialog));
attachCompletion(area, { ask: find });
attachCompletion(line, { ask: find, separator: "" });
attachCompletion(lines, { ask: find, separator: "\\n" });
const helper = attachCompletion(add, { ask: find, separator: "", onTake: (tag) => added.append(h("li", { text: `took ${tag}` })) });
attachCompletion(below, { ask: find });
attachCompletion(inside, { ask: find, separator: "" });
Object.assign(window, { helper, calls: server, dialog });
"""


def main() -> None:
    workspace = Workspace.open(Path(sys.argv[1]))
    open_place(workspace)
    script = FIELDS.replace("%PROJECT%", repr(sys.argv[2]))
    with gr.Blocks(title="completion", analytics_enabled=False) as page:
        gr.HTML(
            html_template="",
            js_on_load="\n".join((text("common.js"), text("completion.js"), script)),
            server_functions=cast(Any, [lb_complete, lb_tokens, lb_wiki]),
            elem_classes=["lb-part"],
            apply_default_css=False,
        )
        with gr.Accordion("Lists", open=True):
            build_lists(cast(Desk, None))
    address = launch(page)
    sys.stdout.write(f"{address}\n")
    sys.stdout.flush()
    page.block_thread()


if __name__ == "__main__":
    main()
