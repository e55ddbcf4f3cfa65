"""What a search of the Grabber asks: it works beside the page, which sees how far it is, and may stop it."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lorabake.collect.errors import CollectError
from lorabake.collect.known import Known
from lorabake.collect.post import Post
from lorabake.collect.settings import explicit_allowed
from lorabake.collect.sites import SITES
from lorabake.core.errors import DatasetError, JobError, LorabakeError, Stopped
from lorabake.core.http import Web
from lorabake.ui.answers import BUG, answered, number, text
from lorabake.ui.grab_choice import filters_of, keep_choice, read_choice, with_values
from lorabake.ui.grab_seen import key_of, seen
from lorabake.ui.place import beside, of_place, place
from lorabake.ui.words import plural

if TYPE_CHECKING:
    from lorabake.collect.search import ResultPage, Search

logger = logging.getLogger(__name__)

MAX_PAGE = 10_000
OPEN = 12  # searches that are remembered, over all tabs
_PATIENCE = 0.4  # seconds an answer may wait for news, so that a quick search is shown at once


@dataclass(eq=False)
class Looking:
    """One search and what has come of it; its work is done by one thread at a time.

    counts: by site, None where the board does not say. until, host: asked for patience by it.
    """

    project: str
    again: bool  # pictures that were deleted may come once more
    search: Search = field(init=False)
    number: int = 0
    page: dict[str, Any] | None = None
    stamp: int = 0  # another one with each page
    counts: dict[str, int | None] | None = None
    error: str = ""
    busy: bool = False
    until: float = 0.0
    host: str = ""
    stopped: threading.Event = field(default_factory=threading.Event)
    news: threading.Condition = field(default_factory=threading.Condition)

    @property
    def web(self) -> Web:
        return Web(should_stop=self.stopped.is_set, on_wait=self.wait)

    def wait(self, seconds: float, host: str) -> None:
        """A board asks for patience: the page counts down."""
        with self.news:
            self.until, self.host = time.monotonic() + seconds, host
            self.news.notify_all()

    def begin(self, number: int) -> None:
        """Look at that page, from 0; JobError while it is still at another one."""
        with self.news:
            if self.busy:
                raise JobError("The board has not answered yet. Wait a moment, or stop the search.")
            self.busy, self.number, self.error = True, number, ""
        beside(self._work, name="search-boards").start()

    def _work(self) -> None:
        error = ""
        try:
            found = self.search.page(self.number)
            seen.add(found.posts)
            page = page_view(found, self.project, again=self.again)
            with self.news:
                self.page, self.until = page, 0.0
                self.stamp += 1
                self.news.notify_all()
            if self.counts is None:
                counts = self._counts()
                with self.news:
                    self.counts = counts
        except Stopped:
            error = "" if self.page is not None else "The search was stopped."
        except LorabakeError as problem:
            error = str(problem)
        except Exception:
            logger.exception("a search failed")
            error = BUG
        with self.news:
            self.busy, self.until, self.error = False, 0.0, error
            self.news.notify_all()

    def _counts(self) -> dict[str, int | None]:
        """Of each board; what keeps it from counting is said by its page already."""
        try:
            return self.search.count()
        except CollectError:
            return {site.name: None for site in self.search.sites}


_open: OrderedDict[str, Looking] = of_place(OrderedDict)
_guard = threading.Lock()
_numbers = itertools.count(1)


@answered("own")
def lb_grab_search(data: dict[str, Any]) -> dict[str, Any]:
    """Begin a search with what is chosen, and remember the choice."""
    from lorabake.collect.search import Search

    project = place().project(data.get("project"))
    choice = with_values(read_choice(project), data.get("values"))
    keep_choice(project, choice)
    sites = [name for name in choice.sites if name in SITES]
    if not sites:
        raise DatasetError("Check a source below the search box first.")
    looking = Looking(project.name, choice.settings.again)
    looking.search = Search(
        place().workspace,
        sites,
        choice.text,
        filters_of(choice),
        web=looking.web,
        explicit=explicit_allowed(),
    )
    stop(text(data, "ticket", limit=40))
    ticket = f"{time.time_ns():x}-{next(_numbers)}"
    with _guard:
        _open[ticket] = looking
        while len(_open) > OPEN:
            _open.popitem(last=False)[1].stopped.set()
    looking.begin(0)
    return {"ticket": ticket}


@answered("own")
def lb_grab_page(data: dict[str, Any]) -> dict[str, Any]:
    """Look at another page of a search."""
    looking = _looking(data)
    looking.begin(number(data, "page", otherwise=0, low=0, high=MAX_PAGE))
    return {}


@answered("own")
def lb_grab_found(data: dict[str, Any]) -> dict[str, Any]:
    """What has come of a search so far; `page` only when the script does not have it yet."""
    looking = _looking(data)
    with looking.news:
        if looking.busy and looking.page is None:
            looking.news.wait(_PATIENCE)
        answer: dict[str, Any] = {
            "busy": looking.busy,
            "problem": looking.error,
            "number": looking.number,
            "stamp": looking.stamp,
            "counts": looking.counts,
            "wait": max(0.0, looking.until - time.monotonic()) if looking.busy else 0.0,
            "host": looking.host,
        }
        if data.get("stamp") != looking.stamp:
            answer["page"] = looking.page
    return answer


@answered("own")
def lb_grab_stop(data: dict[str, Any]) -> dict[str, Any]:
    """Wait no longer for a board."""
    stop(text(data, "ticket", limit=40))
    return {}


def stop(ticket: str) -> None:
    with _guard:
        looking = _open.pop(ticket, None)
    if looking is not None:
        looking.stopped.set()


def _looking(data: dict[str, Any]) -> Looking:
    with _guard:
        looking = _open.get(text(data, "ticket", limit=40))
    if looking is None:
        raise JobError("This search is over. Press Search once more.")
    return looking


def page_view(page: ResultPage, project: str, *, again: bool) -> dict[str, Any]:
    """Posts and sentences for the page. split: what was sent to each board, what is sifted here."""
    known = Known(place().project(project).dataset_dir, place().index)
    told = {note for split in page.splits.values() for note in split.notes}
    return {
        "posts": [post_view(post, known.why_not(post, again=again)) for post in page.posts],
        "more": bool(page.more),
        "notes": [note for note in page.notes if note not in told] + refused_text(page.refused),
        "split": [
            {
                "site": SITES[name].label,
                "sent": split.sent,
                "here": list(split.here),
                "notes": list(split.notes),
            }
            for name, split in page.splits.items()
        ],
    }


def refused_text(count: int) -> list[str]:
    """About what is never shown, whatever is set."""
    if not count:
        return []
    return [
        f"{plural(count, 'post')} left out: by the board's own tags, nobody may fetch them here."
    ]


def post_view(post: Post, have: str) -> dict[str, Any]:
    return {
        "key": key_of(post),
        "site": post.site,
        "id": post.id,
        "label": SITES[post.site].label,
        "width": post.width,
        "height": post.height,
        "rating": post.rating,
        "score": post.score,
        "ext": post.extension,
        "preview": bool(post.preview_url or post.sample_url),
        "url": post.page_url if post.page_url.startswith("https://") else "",
        "refused": post.refused,
        "have": have,
        "tags": [[kind, list(names)] for kind, names in post.tags.items()],
    }
