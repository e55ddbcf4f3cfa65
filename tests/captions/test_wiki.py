"""Danbooru's wiki: its mark-up as plain words, asked once, and a link when it cannot be reached."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorabake.captions import wiki
from lorabake.captions.dtext import linked_tags, plain
from lorabake.captions.wiki import tag_wiki, wiki_url
from lorabake.core.errors import NetworkError
from lorabake.core.http import Web
from lorabake.core.vocabulary.fetch import SITE_VARIABLE
from tests.core.danbooru_server import Board, danbooru

BODY = """h4. Definition

A [b]skirt[/b] that is [i]very[/i] short, see [[pleated skirt]]s and [[red skirt|red ones]].

!post #123: a caption
* !post #456
* !asset #789

[expand=More]
* [[thighhighs]]
** {{miniskirt solo|with one person}} and "a page":[https://example.com/x] or "posts":/posts?tags=a
[/expand]

h5#see-also. See also
* [[kafka (honkai: star rail)|]]
* [[help:tags]]
* [[List of skirts]]
"""


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> Iterator[Board]:
    monkeypatch.setenv("LORABAKE_ALLOW_LOCAL_HTTP", "1")
    with danbooru() as board:
        board.records["/wiki_pages.json"] = [
            {"id": 1, "title": "miniskirt", "body": BODY, "is_deleted": False, "other_names": []},
            {"id": 2, "title": "long_hair", "body": "Hair.", "is_deleted": False},
            {"id": 3, "title": "huge", "body": "word " * 20_000, "is_deleted": False},
        ]
        monkeypatch.setenv(SITE_VARIABLE, board.address)
        yield board


@pytest.fixture
def web() -> Web:
    return Web(timeout=(2.0, 2.0), tries=1)


def test_page_in_plain_words(board: Board, web: Web, tmp_path: Path) -> None:
    page = tag_wiki(web, tmp_path, "Miniskirt")
    assert page.title == "miniskirt"
    assert page.text.split("\n\n") == [
        "Definition",
        "A skirt that is very short, see pleated skirts and red ones.",
        "• thighhighs\n  • with one person and a page or posts",
        "See also\n• kafka\n• help:tags\n• List of skirts",
    ]
    assert page.examples == (
        "pleated skirt",
        "red skirt",
        "thighhighs",
        "kafka (honkai: star rail)",
    )
    assert page.url == "https://danbooru.donmai.us/wiki_pages/miniskirt"


def test_asked_once_and_again_after_a_month(
    board: Board, web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = tag_wiki(web, tmp_path, "long hair")
    assert tag_wiki(web, tmp_path, "long_hair") == first
    assert len(board.asked) == 1
    monkeypatch.setattr(wiki, "MAX_AGE", -1.0)
    assert tag_wiki(web, tmp_path, "long hair") == first
    assert len(board.asked) == 2


def test_old_copy_is_better_than_nothing(
    board: Board, web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = tag_wiki(web, tmp_path, "long hair")
    monkeypatch.setattr(wiki, "MAX_AGE", -1.0)
    monkeypatch.setenv(SITE_VARIABLE, "http://127.0.0.1:1")
    assert tag_wiki(web, tmp_path, "long hair") == first


def test_nothing_reached_and_nothing_known(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LORABAKE_ALLOW_LOCAL_HTTP", "1")
    monkeypatch.setenv(SITE_VARIABLE, "http://127.0.0.1:1")
    with pytest.raises(NetworkError):
        tag_wiki(web, tmp_path, "long hair")


def test_tag_without_a_page_is_remembered_too(board: Board, web: Web, tmp_path: Path) -> None:
    for _ in range(2):
        page = tag_wiki(web, tmp_path, "zetadef")
        assert (page.tag, page.title, page.text) == ("zetadef", "", "")
    assert len(board.asked) == 1


def test_long_pages_are_cut_at_a_word(board: Board, web: Web, tmp_path: Path) -> None:
    text = tag_wiki(web, tmp_path, "huge").text
    assert text.endswith("word …")
    assert len(text) <= wiki.MAX_SHOWN + 2


@pytest.mark.parametrize("answer", ["other", "page"])
def test_strange_answers_are_not_kept(board: Board, web: Web, tmp_path: Path, answer: str) -> None:
    board.plans = [answer]
    with pytest.raises(NetworkError):
        tag_wiki(web, tmp_path, "long hair")
    assert tag_wiki(web, tmp_path, "long hair").text == "Hair."


def test_damaged_memory_is_asked_anew(board: Board, web: Web, tmp_path: Path) -> None:
    tag_wiki(web, tmp_path, "long hair")
    (kept,) = tmp_path.rglob("*.json")
    for damage in ("", "{", json.dumps({"format": 1, "page": 3}), "[]"):
        kept.write_text(damage, encoding="utf-8")
        assert tag_wiki(web, tmp_path, "long hair").text == "Hair."


@pytest.mark.parametrize(
    "tag", ["../../etc/passwd", "a/b", "x" * 5000, "fate/stay night", "日本", "\x00"]
)
def test_names_never_lead_out_of_the_folder(
    board: Board, web: Web, tmp_path: Path, tag: str
) -> None:
    cache = tmp_path / "cache"
    tag_wiki(web, cache, tag)
    assert [path for path in tmp_path.iterdir() if path != cache] == []
    assert "/" not in wiki_url(tag).removeprefix("https://danbooru.donmai.us/wiki_pages/")


@given(st.text(alphabet='[]{}|"h1.*# !post\n:/ab(', max_size=200))
def test_any_mark_up_becomes_text(body: str) -> None:
    assert "\n\n\n" not in plain(body)
    assert len(linked_tags(body)) <= 40


@pytest.mark.parametrize(
    "piece", ["[", "[[a", "{{a", '"a":[', '"', "h1.", "*", " ", "[b", "\n", "!post #1 "]
)
def test_no_mark_up_takes_long(piece: str) -> None:
    body = piece * (64_000 // len(piece))
    start = time.process_time()
    plain(body)
    linked_tags(body)
    assert time.process_time() - start < 1.0
