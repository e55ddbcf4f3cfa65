"""Boards on this machine in the places of real ones."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from lorabake.collect.accounts import save_account
from lorabake.collect.sites import SITES
from tests.collect.board import Board, Entry, running

DIALECT = {
    "gelbooru": "gelbooru",
    "safebooru": "gelbooru",
    "rule34": "rule34",
    "danbooru": "danbooru",
    "e621": "e621",
    "yandere": "moebooru",
}
Serve = Callable[..., Board]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Serve]:
    """Put a local board in the place of a site."""
    monkeypatch.setenv("LORABAKE_ALLOW_LOCAL_HTTP", "1")
    monkeypatch.setenv("LORABAKE_CONFIG", str(tmp_path / "config"))
    boards: dict[str, str] = {}
    with ExitStack() as stack:

        def start(site: str, posts: list[Entry], **more: Any) -> Board:
            board = stack.enter_context(running(Board(DIALECT[site], posts, **more)))
            boards[site] = board.address
            monkeypatch.setenv("LORABAKE_BOARDS", json.dumps(boards))
            if SITES[site].key == "required":
                save_account(site, f"&api_key={more.get('key') or 'abc'}&user_id=12")
            return board

        yield start
