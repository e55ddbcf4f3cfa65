"""How fast the dataset helper is with ten thousand pictures, in Chromium and beneath it.

    python -m tests.bench.editor [--pictures 10000] [--tags 140000] [--keep FOLDER] [--report] [--write]

A workspace is made (--keep: in this folder, to be used again), and every section is used as a person
uses it. Ends with 1 when a goal is missed, unless --report. --write: the table into
docs/performance.md. Other work on the machine shows in the times; the server's processor time beside
them tells what it had to do.
"""

from __future__ import annotations

import argparse
import datetime
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from lorabake.captions.process import items_of, preview
from lorabake.captions.settings import ProcessSettings
from lorabake.captions.stats import bleeds_with, frequency
from lorabake.core.dataset import scan_dataset
from lorabake.core.vocabulary import OwnTags, open_vocabulary, tag_lists_dir
from lorabake.core.vocabulary.lists import read_tag_list
from lorabake.core.workspace import Workspace
from tests.bench.editor_data import PROJECT, make_large
from tests.bench.editor_page import in_browser
from tests.bench.stopwatch import Row, Table
from tests.ui.browsing import chromium

DOCUMENT = Path(__file__).parents[2] / "docs" / "performance.md"
USUAL = {"tags_to_add": "trigger", "tags_to_remove": "smile, simple background"}
SETS: dict[str, dict[str, object]] = {
    "add and remove": USUAL,
    "find by expression": {"regex_find": "^(light|dark) (.+)$", "regex_replace": r"\2"},
    "implications": {"redundancy": "implications"},
    "whole words": {"redundancy": "whole words"},
    "one value for each": {"consolidate": "all"},
    "sort by category": {"sort": "category"},
    "underscores": {"underscores": "underscores"},
    "all operations": {
        **USUAL,
        "tags_to_emphasise": "solo",
        "replace": "long hair = very long hair",
        "regex_find": "^light ",
        "rare_below": 5,
        "redundancy": "both",
        "consolidate": "all",
        "sort": "frequency",
        "underscores": "underscores",
        "brackets": "escape",
        "categories_to_remove": "meta",
    },
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=10_000)
    parser.add_argument("--tags", type=int, default=140_000)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--chromium", default=shutil.which("chromium"))
    parser.add_argument("--report", action="store_true", help="end with 0 in any case")
    parser.add_argument("--write", action="store_true", help="into docs/performance.md")
    chosen = parser.parse_args()
    if not chosen.chromium:
        parser.error("no Chromium was found; say where it is with --chromium PATH")
    table = Table()
    with tempfile.TemporaryDirectory() as folder:
        root = (chosen.keep or Path(folder) / "workspace").absolute()
        if not (root / "projects" / PROJECT).exists():
            make_large(root, chosen.pictures, chosen.tags)
        words = lookups(Workspace.open(root), table)
        with chromium(chosen.chromium) as browser:
            in_browser(root, browser, table, words)
        operations(Workspace.open(root), table)
    print(table)
    if chosen.write:
        write(table, chosen.pictures, chosen.tags)
    if table.missed:
        print("Missed: " + "; ".join(table.missed))
        sys.exit(0 if chosen.report else 1)


def lookups(workspace: Workspace, table: Table) -> list[str]:
    """Completion without the page: reading the list, one lookup; gives words to be typed later."""
    timed(table.row("read the tag list", goal=1000), lambda: open_vocabulary(workspace).size)
    vocabulary = open_vocabulary(workspace)
    entries = read_tag_list(tag_lists_dir(workspace) / "list.csv").entries
    rng = random.Random(1)
    own = OwnTags({entry.name: 9 for entry in rng.sample(entries[:30_000], 2000)})
    common = rng.choices(entries, weights=[entry.count for entry in entries], k=150)
    row = table.row("one lookup of completion", goal=5, judged="p95")
    for entry in [*common, *rng.sample(entries, 150)]:
        for length in range(1, len(entry.name) + 1):
            start = time.perf_counter()
            vocabulary.complete(entry.name[:length], own=own)
            row.times.append(1000 * (time.perf_counter() - start))
    return [entry.name for entry in (*common[:8], *rng.sample(entries, 8))]


def operations(workspace: Workspace, table: Table) -> None:
    """Previews of every kind of operation, without the page."""
    dataset = scan_dataset(workspace.project(PROJECT).dataset_dir, index=workspace.index)
    vocabulary = open_vocabulary(workspace)
    items = items_of(dataset)
    for name, changes in SETS.items():
        settings = ProcessSettings(**changes)
        row = table.row(f"preview beneath the page: {name}", goal=3000)
        for _ in range(3):
            timed(row, lambda s=settings: preview(items, s, vocabulary))
    for _ in range(3):
        timed(table.row("frequency table", goal=3000), lambda: frequency(items, vocabulary))
        timed(table.row("bleeds with", goal=3000), lambda: bleeds_with(items, items[0].tags[1]))


def timed(row: Row, act: Callable[[], object]) -> None:
    start, used = time.perf_counter(), time.process_time()
    act()
    row.times.append(1000 * (time.perf_counter() - start))
    row.processor.append(1000 * (time.process_time() - used))


def write(table: Table, pictures: int, tags: int) -> None:
    """Replace the table between the two marks in docs/performance.md."""
    text = DOCUMENT.read_text(encoding="utf-8")
    before, _, rest = text.partition("<!-- editor -->\n")
    _, _, after = rest.partition("<!-- end of editor -->")
    about = (
        f"{datetime.date.today()}, {os.cpu_count()} cores, no GPU; "
        f"{pictures:,} pictures, {tags:,} tags in the list"
    )
    text = f"{before}<!-- editor -->\n{about}\n\n{table}\n<!-- end of editor -->{after}"
    DOCUMENT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
