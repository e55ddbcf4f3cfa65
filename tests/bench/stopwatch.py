"""What a bench of the page measures with: rows of a table, the server's processor time, its calls."""

from __future__ import annotations

import json
import statistics
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

import psutil
from playwright.sync_api import Page as Tab
from playwright.sync_api import Request

QUIET = 400  # ms without a call before the page counts as idle
LIMIT = 120_000  # ms for anything
FRAME = "await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));"


@dataclass
class Row:
    """One line of the table.

    times: what was measured, in `unit`; goal: what `judged` of them may be at most, None for what
    has none; processor: ms that the server computed, each time.
    """

    what: str
    unit: str = "ms"
    goal: float | None = None
    judged: Literal["median", "p95"] = "median"
    times: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.times)

    @property
    def p95(self) -> float:
        ordered = sorted(self.times)
        return ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]

    @property
    def missed(self) -> bool:
        measured = self.median if self.judged == "median" else self.p95
        return self.goal is not None and measured > self.goal

    def line(self) -> str:
        goal = "" if self.goal is None else f"{self.judged} ≤ {self._text(self.goal)}"
        spent = self._text(statistics.median(self.processor)) if self.processor else ""
        verdict = "" if self.goal is None else "missed" if self.missed else "ok"
        cells = (self.what, len(self.times), self._text(self.median), self._text(self.p95))
        return f"| {' | '.join(map(str, (*cells, spent, goal, verdict)))} |"

    def _text(self, value: float) -> str:
        if self.unit != "ms":
            return f"{value:,.0f} {self.unit}"
        return f"{value:.0f} ms" if value < 1000 else f"{value / 1000:.2f} s"


class Table:
    """The rows in the order in which they were begun."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}

    def row(
        self,
        what: str,
        *,
        goal: float | None = None,
        unit: str = "ms",
        judged: Literal["median", "p95"] = "median",
    ) -> Row:
        """The row of this name, made when it is first asked for."""
        return self.rows.setdefault(what, Row(what, unit, goal, judged))

    @property
    def missed(self) -> list[str]:
        return [row.what for row in self.rows.values() if row.missed]

    def __str__(self) -> str:
        head = "| what | times | median | p95 | server's processor time | goal | |"
        lines = [row.line() for row in self.rows.values() if row.times]
        return "\n".join([head, "|---|---|---|---|---|---|---|", *lines])


class Server:
    """The page's process and its children, by processor time."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)

    def spent(self) -> float:
        """ms of all its processes so far; in steps of 10 ms."""
        every = [self._process, *self._process.children(recursive=True)]
        return 1000 * sum(sum(one.cpu_times()[:2]) for one in every if one.is_running())


class Calls:
    """What a tab asks the server: how long each call took on the way and there, in ms, by its name."""

    def __init__(self, tab: Tab) -> None:
        self.took: dict[str, list[float]] = defaultdict(list)
        self._tab = tab
        self._open: set[Request] = set()
        tab.on("request", self._begun)
        tab.on("requestfinished", self._ended)
        tab.on("requestfailed", lambda request: self._open.discard(request))

    def _begun(self, request: Request) -> None:
        if "component_server" in request.url:
            self._open.add(request)

    def _ended(self, request: Request) -> None:
        if request not in self._open:
            return
        self._open.discard(request)
        timing = request.timing
        if min(timing["requestStart"], timing["responseEnd"]) >= 0:
            name = (request.post_data_json or {}).get("fn_name", "")
            self.took[name].append(timing["responseEnd"] - timing["requestStart"])

    def settle(self) -> None:
        """Wait until the page asks nothing more, so that one measurement does not pay for another."""
        quiet = 0
        while quiet < QUIET:
            self._tab.wait_for_timeout(50)
            quiet = 0 if self._open else quiet + 50


@dataclass
class Stopwatch:
    """Measures in one tab, into one table."""

    tab: Tab
    server: Server
    table: Table
    calls: Calls

    def act(self, row: Row, act: str, until: str, *, before: str = "") -> None:
        """From `act` to the frame that shows what `until` (an expression) looks for; scripts."""
        script = f"""async () => {{
          {before};
          const begun = performance.now();
          {act};
          while (!({until})) {{
            if (performance.now() - begun > {LIMIT}) throw new Error({json.dumps(row.what)} + ": never happened");
            await new Promise((done) => setTimeout(done, 1));
          }}
          {FRAME}
          return performance.now() - begun;
        }}"""
        with self.spending(row):
            row.times.append(self.tab.evaluate(script))

    @contextmanager
    def spending(self, row: Row) -> Iterator[None]:
        """The server's processor time of what is done meanwhile, until the page is idle again."""
        start = self.server.spent()
        yield
        row.processor.append(self.server.spent() - start)
        self.calls.settle()

    @contextmanager
    def calling(self, row: Row, name: str) -> Iterator[None]:
        """Into this row goes also how long each call of that name takes meanwhile."""
        first = len(self.calls.took[name])
        yield
        row.times.extend(self.calls.took[name][first:])
