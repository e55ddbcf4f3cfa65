"""What the bench of the editor does in the page, section by section, as a person would."""

from __future__ import annotations

import json
from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.bench.stopwatch import Calls, Row, Server, Stopwatch, Table
from tests.ui.browsing import open_section, visit, watched
from tests.ui.completing import key_to_list
from tests.ui.conftest import Page, running_page

OPENINGS, CHOICES, SAVES, FILTERS, LOOKS, WRITES, THRESHOLDS = 5, 40, 24, 16, 5, 3, 6  # times each
NODES = 1500
FILTER = "#lb-editor-filter"
PREVIEW = "document.querySelector('#lb-process-apply')"
DONE = "document.querySelector('.lb-process-done')"
SUM = "document.querySelector('.lb-gen-sum')"
TOLD = "document.querySelector('.lb-gen-do .lb-tone-ok')"

# Every picture that can be seen has come.
OPENED = """(() => {
  const images = [...document.querySelectorAll('#lb-editor .lb-cell img')];
  return images.length > 0 && images.every((image) => image.complete && image.naturalWidth);
})()"""
CHOSEN = """!document.querySelector('#lb-editor .lb-tags').classList.contains('lb-waiting')
  && document.querySelector('#lb-editor img.lb-large').complete
  && document.querySelector('#lb-editor img.lb-large').naturalWidth"""


def in_browser(root: Path, browser: Browser, table: Table, words: list[str]) -> None:
    """Everything a person waits for. words: names of the tag list, to be typed."""
    with running_page(root) as page:
        opening(page, browser, Table(), "thumbnails are made")
    for _ in range(OPENINGS):
        with running_page(root) as page:
            opening(page, browser, table, "open the editor, page just started")
    with running_page(root) as page:
        for _ in range(OPENINGS):
            opening(page, browser, table, "open the editor again")
        with watched(browser) as (context, _):
            tab = visit(context, page.address)
            watch = Stopwatch(tab, Server(page.process.pid), table, Calls(tab))
            open_section(tab, "editor")
            tab.locator("#lb-editor .lb-cell img").first.wait_for()
            watch.calls.settle()
            choosing(watch)
            saving(watch)
            completing(watch, words)
            filtering(watch, words)
            processing(watch)
            tagging(watch)
            nodes(watch, "nodes, three sections used", goal=None)  # closed ones keep theirs


def opening(page: Page, browser: Browser, table: Table, what: str) -> None:
    """From the press on the section's heading to the pictures."""
    with watched(browser) as (context, _):
        tab = visit(context, page.address)
        watch = Stopwatch(tab, Server(page.process.pid), table, Calls(tab))
        watch.calls.settle()
        heading = "document.querySelector('#sec-editor > button.label-wrap')"
        watch.act(table.row(what, goal=2000), f"{heading}.click()", OPENED)
        nodes(watch, "nodes, editor open")


def nodes(watch: Stopwatch, what: str, goal: float | None = NODES) -> None:
    row = watch.table.row(what, goal=goal, unit="nodes", judged="p95")
    row.times.append(watch.tab.evaluate("document.querySelectorAll('*').length"))


def choosing(watch: Stopwatch) -> None:
    """From the press on a thumbnail to its large picture and its chips."""
    seen = watch.tab.locator("#lb-editor .lb-cell").count()
    row = watch.table.row("choose a picture: preview and chips", goal=150)
    for number in range(CHOICES):
        cell = f"document.querySelector('#lb-editor .lb-cell[data-index=\"{1 + number % (seen - 1)}\"]')"
        watch.act(row, f"{cell}.click()", CHOSEN)


def saving(watch: Stopwatch) -> None:
    """One tag taken out, from the press to "Saved"; and what the server needs for it."""
    row = watch.table.row("take a tag out: press to saved, the page's pause included")
    with watch.calling(watch.table.row("save one caption: server", goal=50), "lb_save"):
        for number in range(SAVES):
            if number % 4 == 0:
                watch.tab.locator(f'#lb-editor .lb-cell[data-index="{number // 4}"]').click()
                watch.calls.settle()
            watch.act(
                row,
                "document.querySelector('#lb-editor .lb-tag:last-child .lb-tag-x').click()",
                "line.textContent.startsWith('✓ Saved')",
                before="const line = document.querySelector('#lb-editor .lb-inspector > .lb-save');"
                "line.textContent = ''",
            )


def completing(watch: Stopwatch, words: list[str]) -> None:
    """From each key to the frame that shows its list."""
    row = watch.table.row("complete a tag: key to list", goal=100, judged="p95")
    start = watch.server.spent()
    typed = [word[:10] for word in words]
    row.times = key_to_list(watch.tab, typed, "#lb-editor input.lb-add")
    row.processor.append((watch.server.spent() - start) / max(1, len(row.times)))
    watch.tab.keyboard.press("Escape")
    watch.tab.locator("#lb-editor input.lb-add").fill("")
    watch.calls.settle()


def filtering(watch: Stopwatch, words: list[str]) -> None:
    """From the last letter to the gallery, the page's pause included; and what the server needs."""
    shown = watch.table.row("filter: last letter to gallery, the page's pause included")
    kinds = ("tag:{}", "{}", "NOT {} AND tags:>20", "caption:*{}* OR name:0001", "tokens:>{n} {}")
    first = watch.table.row("the first filter by tokens, which counts them all: server")
    with watch.calling(first, "lb_filter"):
        filter_by(watch, Row("not shown"), "tokens:>75")
    with watch.calling(watch.table.row("filter: server", goal=100), "lb_filter"):
        for number in range(FILTERS):
            word = json.dumps(words[number % len(words)].replace("_", " "))
            filter_by(watch, shown, kinds[number % len(kinds)].format(word, n=60 + number))
    watch.tab.locator(FILTER).fill("")
    watch.calls.settle()


def filter_by(watch: Stopwatch, row: Row, expression: str) -> None:
    watch.act(
        row,
        f"field.value = {json.dumps(expression)};"
        "field.dispatchEvent(new Event('input', { bubbles: true }))",
        "count.textContent",
        before=f"const field = document.querySelector('{FILTER}');"
        "const count = document.querySelector('#lb-editor .lb-editor-count');"
        "count.textContent = ''",  # written last, when the gallery is drawn
    )


def processing(watch: Stopwatch) -> None:
    """A tag in front of every caption and two out of some: seen, written, undone."""
    tab, table = watch.tab, watch.table
    open_section(tab, "processing")
    field = tab.locator("#lb-processing").get_by_label("Tags to add", exact=True)
    field.wait_for()
    watch.calls.settle()
    shown = table.row("preview over all: typed to shown, the page's pause included", goal=3000)
    with watch.calling(table.row("preview over all: server", goal=3000), "lb_process_preview"):
        for number in range(LOOKS):
            watch.act(
                shown,
                f"field.value = 'trigger{number}';"
                "field.dispatchEvent(new Event('input', { bubbles: true }))",
                f"(busy ||= {PREVIEW}.disabled) && !{PREVIEW}.disabled",
                before=f"let busy = false; const field = {field_of('Tags to add')}",
            )
    for _ in range(WRITES):
        for what, button, words in (
            ("apply to all", "#lb-process-apply", "Changed"),
            ("undo of it", "#lb-process-undo", "Undone"),
        ):
            watch.act(
                table.row(what, goal=3000),
                f"document.querySelector('{button}').click()",
                f"{DONE}.textContent.includes('{words}')",
                before=f"{DONE}.textContent = ''",
            )


def field_of(label: str) -> str:
    """A script's way to a field of "Process tags" by its label."""
    return (
        "[...document.querySelectorAll('#lb-processing label')]"
        f".find((one) => one.textContent.trim() === {json.dumps(label)}).control"
    )


def tagging(watch: Stopwatch) -> None:
    """The probabilities are there: the threshold moves, tags are written and taken back."""
    tab, table = watch.tab, watch.table
    open_section(tab, "tagging")
    expect(tab.locator(".lb-gen-sum")).to_be_visible()
    watch.calls.settle()
    shown = table.row("threshold moved: exact count over all shown", goal=3000)
    with watch.calling(table.row("threshold moved: server", goal=3000), "lb_tag_count"):
        for number in range(THRESHOLDS):
            watch.act(
                shown,
                f"slider.value = '{0.32 + 0.03 * number:.2f}';"
                "for (const kind of ['input', 'change'])"
                " slider.dispatchEvent(new Event(kind, { bubbles: true }))",
                f"(busy ||= {SUM}.classList.contains('lb-waiting'))"
                f" && !{SUM}.classList.contains('lb-waiting')",
                before="let busy = false; const slider = [...document.querySelectorAll("
                "'#lb-tagging input[type=range]')].find((one) => one.labels[0]?.textContent.trim() === 'Threshold')",
            )
    for _ in range(WRITES):
        watch.act(
            table.row("write the tagger's tags to all", goal=3000),
            "document.querySelector('#lb-tag').click()",
            f"{TOLD}?.textContent.includes('Wrote')",
        )
        watch.act(
            table.row("undo of the tagger's tags", goal=3000),
            f"{TOLD}.querySelector('button').click()",
            f"{TOLD}?.textContent.includes('as before')",
        )
