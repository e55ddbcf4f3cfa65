"""What the tests and the bench of completion share: the page, a list of full size, the stop-watch."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page as Tab

ROOT = Path(__file__).parents[2]
PROJECT = "hsr"
CAPTIONS = {"a": "ohwx, long hair, hairy spider", "b": "ohwx, long hair", "c": ""}


@contextmanager
def serving(workspace: Path, **environment: str) -> Iterator[str]:
    """The address of tests/ui/completion_page.py."""
    command = [sys.executable, "-m", "tests.ui.completion_page", str(workspace), PROJECT]
    process = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                yield found[0]
                break
        else:
            raise AssertionError("the page did not start")
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def rows(tab: Tab) -> list[str]:
    """The lines of the open list, waited for."""
    tab.locator("#lb-completion [role=option]").first.wait_for()
    return tab.locator("#lb-completion .lb-completion-tag").all_inner_texts()


def large_list(count: int) -> str:
    """Names of the kind and length of the board's, the commonest first."""
    rng = random.Random(5)
    words = [
        "".join(rng.choices("etaoinshrdlucmfwypvbgk", k=rng.randint(2, 9))) for _ in range(9000)
    ]
    names = {
        "_".join(rng.choices(words, k=rng.choice((1, 2, 2, 3)))) for _ in range(count * 11 // 10)
    }
    rows = sorted(names)[:count]
    rng.shuffle(rows)
    return "".join(
        f'{name},0,{6_000_000 // (rank + 1)},"{name}x"\n' for rank, name in enumerate(rows)
    )


def key_to_list(tab: Tab, texts: Sequence[str], field: str = "#area") -> list[float]:
    """Milliseconds from each key in the field (a selector) to the frame that shows its list, sorted."""
    tab.locator(field).focus()
    tab.wait_for_timeout(2500)  # the list is read when the field gets the focus
    tab.evaluate(
        """(field) => {
            window.times = [];
            const list = document.createElement("div");
            let pressed = 0;
            document.querySelector(field).addEventListener("keydown", () => { pressed = performance.now(); }, true);
            const watch = () => {
                const shown = document.getElementById("lb-completion");
                new MutationObserver(() => {
                    const key = pressed;
                    if (!key || !shown.children.length) return;
                    pressed = 0;
                    requestAnimationFrame(() => setTimeout(() => window.times.push(performance.now() - key)));
                }).observe(shown, { childList: true });
            };
            const wait = setInterval(() => { if (document.getElementById("lb-completion")) { clearInterval(wait); watch(); } }, 5);
        }""",
        field,
    )
    tab.keyboard.type("e")
    rows(tab)
    for text in texts:
        tab.keyboard.press("Control+a")
        tab.keyboard.press("Delete")
        tab.wait_for_timeout(60)
        for letter in text:
            tab.keyboard.type(letter.replace("_", " "))
            tab.wait_for_timeout(130)
    times: list[float] = tab.evaluate("times")
    return sorted(times)
