"""The page's table of contents: the sections in the guide's order, under one header.

`SECTIONS` is the only place that knows every panel. A panel module has ID, TITLE, GUIDE (one sentence
of orientation), `build(desk)` and `state(project)` (the second half of its title).
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import gradio as gr

from lorabake.core.limits import limits
from lorabake.ui import (
    baking,
    concepts,
    curating,
    demo,
    drawer,
    duplicates,
    editor,
    grabber,
    helping,
    improving,
    oven,
    processing,
    project,
    ready,
    tagging,
)
from lorabake.ui.answers import answered, text
from lorabake.ui.endpoints import open_events
from lorabake.ui.from_guide import from_guide
from lorabake.ui.parts import part
from lorabake.ui.pulse import pulse
from lorabake.ui.roles import needs
from lorabake.ui.signals import Desk, signal

SECTIONS: tuple[ModuleType, ...] = (
    project,
    grabber,
    duplicates,
    curating,
    improving,
    tagging,
    processing,
    editor,
    concepts,
    oven,
    baking,
    ready,
)

# A loaf with three cuts, drawn here so that nothing is fetched.
SKIP = "Skip to the open section"
BRAND = (
    f'<a class="lb-skip" href="#lb-next">{SKIP}</a>'
    '<svg viewBox="0 0 32 32" fill="none" stroke="currentColor" stroke-width="2.4" '
    'stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">'
    '<path d="M4 18c0-6 5-9 12-9s12 3 12 9c0 3-1 6-3 6H7c-2 0-3-3-3-6Z"/>'
    '<path d="m11 12 2 4m3-5 2 4m3-3 2 4"/></svg><h1>lorabake</h1>'
)
RECALL = "() => { try { return JSON.parse(localStorage.getItem('lorabake:project')) || '' } catch { return '' } }"


@answered("look")
def lb_pulse(data: dict[str, Any]) -> dict[str, Any]:
    """The page's heartbeat."""
    return pulse(text(data, "project", limit=200), SECTIONS)


def build_page() -> Any:
    """Everything a tab shows. The workspace must be open (see `place.py`)."""
    with gr.Blocks(title="lorabake", analytics_enabled=False, fill_width=True) as page:
        with gr.Row(elem_id="lb-header"):
            gr.HTML(BRAND, js_on_load=None, elem_classes="lb-brand", apply_default_css=False)
            switcher = gr.Dropdown(
                [],
                label="Project",
                show_label=False,
                container=False,
                filterable=False,
                elem_id="lb-project-switcher",
            )
            part("header", calls=drawer.CALLS, scripts=("jobs", "drawer"))
        if limits().visitors is not None:
            part("demo", calls=demo.CALLS, elem_id="lb-demo")
        friends = part(
            "helping", "", calls=helping.CALLS, scripts=("closed",), elem_id="lb-helping"
        )
        heartbeat = part("next", "", calls=(lb_pulse,), scripts=("tour",), elem_id="lb-next")
        desk = Desk(switcher, signal("dataset"), signal("runs"))
        for section in SECTIONS:
            with gr.Accordion(
                section.TITLE, open=False, elem_id=f"sec-{section.ID}", elem_classes="lb-section"
            ):
                gr.HTML(
                    f'<p class="lb-guide">{section.GUIDE}</p>{from_guide(section.ID)}',
                    js_on_load=None,
                    apply_default_css=False,
                )
                if note := demo.note_of(section.ID):
                    gr.HTML(
                        f'<p class="lb-demo-note">{note}</p>',
                        js_on_load=None,
                        apply_default_css=False,
                    )
                if not demo.is_left_out(section.ID):
                    section.build(desk)
        switcher.change(names_or_nothing, switcher, [heartbeat, friends], show_progress="hidden")
        page.load(first_project, desk.dataset, switcher, js=RECALL, show_progress="hidden")
    page.queue(api_open=False, max_size=200, default_concurrency_limit=4)
    open_events(page)
    return page


@needs("look")
def names_or_nothing(name: str | None) -> tuple[str, str]:
    """The project's name for the parts that are about all of the page."""
    return name or "", name or ""


@needs("look")
def first_project(remembered: str | None) -> Any:
    """The project this browser showed last, else the first there is."""
    return project.switcher(remembered)
