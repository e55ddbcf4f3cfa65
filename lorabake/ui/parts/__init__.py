"""The few HTML components with their plain JavaScript: no build step, no library, no markup from data.

`gr.HTML` runs text from data as code when it goes through a template, so templates stay empty and
each part draws itself with `textContent`. A part's script sees `element`, `props`, `server`,
`trigger` and `watch` (Gradio's) and `window.lorabake` (common.js).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import gradio as gr

from lorabake.ui.language import offered
from lorabake.ui.roles import right_of

# Each an own file, NAME.css; later ones win.
SHEETS = (
    "page",
    "parts",
    "completion",
    "editor",
    "inspector",
    "grabber",
    "tagging",
    "processing",
    "duplicates",
    "curating",
    "improving",
    "calculator",
    "concepts",
    "handover",
    "helping",
    "ready",
    "verdict",
    "votes",
    "drawer",
    "everybody",
    "demo",
)


@cache
def text(name: str) -> str:
    """The text of a file of this folder."""
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def part(
    name: str,
    value: Any = None,
    *,
    calls: Sequence[Callable[..., Any]] = (),
    scripts: Sequence[str] = (),
    elem_id: str | None = None,
    classes: Sequence[str] = (),
) -> gr.HTML:
    """The component drawn by `parts/NAME.js`; `calls` are the Python functions it may ask.

    scripts: further files of this folder that come before it.

    Each function takes one dict and its name starts with `lb_`, because Gradio makes it an
    attribute of the component. Each has declared which right it needs.
    """
    for call in calls:
        right_of(call)
    assert all(call.__name__.startswith("lb_") for call in calls), calls
    return gr.HTML(
        value,
        html_template="",
        js_on_load="\n".join(text(f"{script}.js") for script in ("common", *scripts, name)),
        server_functions=list(calls),
        apply_default_css=False,
        elem_id=elem_id,
        elem_classes=["lb-part", f"lb-part-{name}", *classes],
    )


def head(tokens: str) -> str:
    """What goes into the page's head: our style, and the language and theme the user chose last."""
    sheets = "\n".join(text(f"{name}.css") for name in SHEETS)
    languages = f"window.lorabakeOffered = {json.dumps(offered())};\n{text('language.js')}"
    return f"<style>{tokens}\n{sheets}</style>\n<script>{languages}\n{text('early.js')}</script>"
