"""One booru: where it is, what it allows, and which engine it speaks."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

from lorabake import __version__
from lorabake.collect.post import Post
from lorabake.core.addresses import LOCAL_VARIABLE

BOARDS_VARIABLE = (
    "LORABAKE_BOARDS"  # {"gelbooru": "http://127.0.0.1:8000"}, only with LOCAL_VARIABLE
)
USER_AGENT = f"lorabake/{__version__} (local LoRA trainer; one person's own searches)"

Params = Mapping[str, str]


@dataclass(frozen=True)
class Account:
    """What a site knows one by. user: a number or login; key: api_key or password_hash."""

    user: str
    key: str

    def __repr__(self) -> str:
        return "Account(…)"


@dataclass(frozen=True)
class Request:
    """path: below the site's API address. params: without the account."""

    path: str
    params: Params


@dataclass(frozen=True)
class Page:
    """What one answer held. count: of the whole search, if it says so."""

    posts: tuple[Post, ...]
    count: int | None = None
    damaged: int = 0  # records that made no sense


@dataclass(frozen=True)
class Engine:
    """The software of a booru, as functions; `posts` gets the page from 0, `parse` decoded JSON.

    count: None when pages say it themselves. parse_count: gets the text of that answer.
    """

    name: str
    posts: Callable[[Site, str, int, int], Request]
    parse: Callable[[Site, Any], Page]
    count: Callable[[Site, str], Request | None]
    parse_count: Callable[[str], int | None]
    login: Callable[[Account], tuple[Params, Params]]  # parameters and headers


@dataclass(frozen=True)
class Site:
    """A booru.

    api, home: addresses; images: hosts of its files (and hosts below them). pace: seconds between
    two requests. max_tags: in one search, None for no limit; free: words that do not count.
    depth: posts that pages reach; beyond it `id:<N`. ratings: ours → the site's word ("" none).
    """

    name: str
    label: str
    engine: Engine
    home: str
    api: str
    images: tuple[str, ...]
    pace: float
    page_size: int
    ratings: Mapping[str, str]
    max_tags: int | None = None
    free: frozenset[str] = frozenset()
    depth: int | None = None
    key: Literal["", "optional", "required"] = ""
    categorised: bool = True
    headers: Params = field(default_factory=dict)
    user_agent: str = USER_AGENT

    @property
    def base(self) -> str:
        """The API's address, or that of a local server which tests name by an explicit setting."""
        return local_boards().get(self.name, self.api).rstrip("/")

    @property
    def pause(self) -> float:
        """Seconds between two requests; a board of one's own machine needs none."""
        return 0.0 if self.name in local_boards() else self.pace

    def agent(self, account: Account | None) -> str:
        """How we introduce ourselves; e621 and its kin want the user's name in it."""
        if account is None or self.engine.name != "e621ng":
            return self.user_agent
        return f"{self.user_agent} (by {account.user} on {self.name})"

    @property
    def hosts(self) -> tuple[str, ...]:
        """Hosts that its files may come from."""
        own = urlsplit(self.base).hostname or ""
        return (own, *self.images)

    def serves(self, url: str) -> bool:
        """Is this an address of one of its hosts?"""
        try:
            host = urlsplit(url).hostname or ""
        except ValueError:
            return False
        return any(host == one or host.endswith(f".{one}") for one in self.hosts)


def local_boards() -> dict[str, str]:
    if os.environ.get(LOCAL_VARIABLE) != "1":
        return {}
    try:
        boards = json.loads(os.environ.get(BOARDS_VARIABLE, "{}"))
    except ValueError:
        return {}
    return {str(name): str(url) for name, url in boards.items()} if isinstance(boards, dict) else {}
