"""What boards are known to do, each told in its own words: odd answers, hidden files, hostile servers."""

from __future__ import annotations

import socketserver
import threading
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lorabake.collect import errors
from lorabake.collect.client import ask_posts
from lorabake.collect.post import Post
from lorabake.collect.search import Search
from lorabake.collect.sites import SITES
from lorabake.core.errors import NetworkError
from lorabake.core.http import Web
from lorabake.core.workspace import Workspace
from tests.collect.board import Board, entries
from tests.collect.conftest import Serve

MD5 = "0123456789abcdef" * 2


def parsed(site: str, answer: Any) -> Post:
    (post,) = SITES[site].engine.parse(SITES[site], answer).posts
    return post


# --- odd answers ---------------------------------------------------------------------------------


def test_gelbooru_escapes_tags_and_names_videos_twice() -> None:
    plain: dict[str, Any] = {"id": 7, "rating": "general", "sample_url": "", "sample_width": 0}
    plain |= {"tags": "don&#039;t_say_&quot;lazy&quot; solo", "has_notes": "false", "parent_id": 0}
    plain |= {"source": "https://example.com/?a=1&amp;b=2", "md5": MD5}
    post = parsed(
        "gelbooru", {"post": plain | {"file_url": "https://img4.gelbooru.com/images/01/a.png"}}
    )
    assert post.all_tags == ('don\'t_say_"lazy"', "solo")
    assert (post.sample_url, post.parent_id) == ("", None)
    assert post.source == "https://example.com/?a=1&b=2"
    video = {"image": "a.webm", "file_url": "https://video.gelbooru.com/images/01/a.mp4"}
    assert "It is a video" in parsed("gelbooru", {"post": [plain | video]}).refused


def test_safebooru_writes_numbers_as_texts_and_leaves_out_addresses() -> None:
    record = {"id": "12", "hash": MD5, "width": "800", "height": "900", "score": "", "tags": "solo"}
    record |= {"parent_id": "", "rating": "safe", "directory": "3421", "image": "a1b2.jpg"}
    post = parsed("safebooru", [record])
    assert (post.id, post.width, post.height, post.score, post.parent_id) == (
        12,
        800,
        900,
        None,
        None,
    )
    assert (post.rating, post.md5, post.refused) == ("general", MD5, "")
    assert post.file_url == "https://safebooru.org/images/3421/a1b2.jpg"
    assert not parsed("safebooru", [record | {"image": "../../etc/passwd"}]).file_url


def test_rule34_calls_md5_hash_and_tells_kinds_of_tags() -> None:
    info = [{"tag": "kafka_(hsr)", "type": "character", "count": 3}, {"tag": "solo", "type": "tag"}]
    record = {"id": 1, "hash": MD5, "tags": "solo kafka_(hsr)", "tag_info": info, "rating": "safe"}
    post = parsed("rule34", [record | {"file_url": "https://wimg.rule34.xxx/a.png"}])
    assert (post.md5, post.tags["character"]) == (MD5, ("kafka_(hsr)",))


@pytest.mark.parametrize(
    ("site", "record", "words"),
    [
        ("danbooru", {"is_banned": True}, "as the artist asked"),
        ("danbooru", {"is_deleted": True}, "was deleted"),
        ("danbooru", {}, "only to those who are logged in"),
        ("danbooru", {"file_url": "https://cdn.donmai.us/a.mp4", "file_ext": "mp4"}, "a video"),
        ("danbooru", {"file_url": "https://cdn.donmai.us/a.zip", "file_ext": "zip"}, "an archive"),
        ("e621", {"file": {"url": None, "md5": MD5, "ext": "png"}}, "Add your account"),
        ("e621", {"file": {"url": None}, "flags": {"deleted": True}}, "was deleted"),
        ("yandere", {"rating": "s"}, "was deleted"),
        ("gelbooru", {"file_url": "https://img.gelbooru.com/a.svg"}, "only pictures"),
        ("gelbooru", {"file_url": ""}, "does not give this file"),
    ],
)
def test_each_post_that_cannot_be_had_says_why(site: str, record: Any, words: str) -> None:
    answer: Any = [{"id": 5, "tags": "solo", **record}]
    if site == "e621":
        answer = {"posts": [{"id": 5, **record}]}
    assert words in parsed(site, answer).refused


def test_ratings_that_are_not_known_count_as_the_strictest() -> None:
    assert parsed("danbooru", [{"id": 1, "rating": "x"}]).rating == "explicit"
    assert parsed("gelbooru", {"post": [{"id": 1}]}).rating == "explicit"


def test_moebooru_tells_its_limit_in_words() -> None:
    told = {"success": False, "reason": "You cannot search for more than 6 tags at a time"}
    with pytest.raises(errors.TooManyTags, match="fewer tags"):
        SITES["yandere"].engine.parse(SITES["yandere"], told)


def test_no_key_no_find_and_a_wrong_key_are_three_things(serve: Serve, workspace: Path) -> None:
    """Old programs say "no results" to all of them."""
    space = Workspace.open(workspace)

    def said(site: str) -> str:
        try:
            page = Search(space, [site], "solo", web=Web(tries=1)).page(0)
        except errors.KeyMissing as error:
            return str(error)
        return f"{len(page.posts)} posts"

    serve("gelbooru", [])
    assert said("gelbooru") == "0 posts"
    serve("gelbooru", entries(1), misdeed="no key")  # 401 with []
    assert "does not know your key" in said("gelbooru")
    serve("rule34", entries(1), misdeed="no key")  # 200 with a text
    assert "Rule34 wants an API key" in said("rule34")


def test_records_that_make_no_sense_are_counted(serve: Serve, workspace: Path) -> None:
    board = serve("danbooru", [])
    board.raw = (
        b'[{"id": 3, "rating": "g", "tag_string": "solo"}, null, 7, {"id": "x"}, {"id": -1}]'
    )
    search = Search(Workspace.open(workspace), ["danbooru"], "solo", web=Web(tries=1))
    pages = search._pages(SITES["danbooru"])
    assert [post.id for post in next(pages)] == [3]
    assert search._notes[-1] == "Danbooru sent 4 posts that make no sense."


SPEAK = ("gelbooru", "danbooru", "e621", "yandere")


@pytest.fixture
def bad_boards() -> dict[str, Board]:
    """Filled by the first example, and kept for the others."""
    return {}


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(body=st.binary(max_size=80) | st.text('[]{}":,019ae.-nul', max_size=40).map(str.encode))
@example(body=b"[" * 100_000)
@example(body=b'{"a":' * 50_000)
@example(body=b"\xff\xfe[\x00]\x00")
@example(body=b'[{"id": 1e999, "width": NaN, "tags": {"general": 5}}]')
@example(body=b"9" * 10_000)
def test_whatever_bytes_come_there_are_posts_or_a_sentence(
    serve: Serve, bad_boards: dict[str, Board], body: bytes
) -> None:
    if not bad_boards:
        bad_boards.update({name: serve(name, []) for name in SPEAK})
    for name, board in bad_boards.items():
        board.raw = body
        said = SITES[name].label
        try:
            posts = ask_posts(Web(tries=1), SITES[name], "solo", 0, 10).posts
        except errors.CollectError as error:
            posts, said = (), str(error)
        assert said.startswith(SITES[name].label)
        assert all(post.id > 0 for post in posts)


# --- hostile servers -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("misdeed", "words"),
    [
        ("answer zeros", "sent more than"),
        ("answer loop", "without end"),
        ("answer private", "192.168.1.1|inside this machine or network|without encryption"),
        ("answer torn", "broke off"),
        ("answer stall", "broke off"),
    ],
)
def test_a_hostile_answer_costs_one_sentence_and_no_memory(
    serve: Serve, misdeed: str, words: str
) -> None:
    board = serve("safebooru", entries(2), misdeed=misdeed)
    web = Web(tries=1, timeout=(5, 1.5))
    tracemalloc.start()
    try:
        with pytest.raises(NetworkError, match=words):
            ask_posts(web, SITES["safebooru"], "solo", 0, 10)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 64 * 2**20
    assert len(board.requests) <= 6


def test_a_board_of_this_machine_needs_the_setting(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = serve("safebooru", entries(2))
    site = SITES["safebooru"]
    assert (site.base, site.pause) == (board.address, 0)
    assert site.serves(f"{board.address}/files/a.png")
    monkeypatch.delenv("LORABAKE_ALLOW_LOCAL_HTTP")
    assert (site.base, site.pause) == ("https://safebooru.org", 1.0)
    assert not site.serves(f"{board.address}/files/a.png")
    for address in (board.address, board.address.replace("http:", "https:"), "https://[::1]/"):
        with pytest.raises(NetworkError), Web(tries=1).open(f"{address}/index.php"):
            pass
    assert board.requests == []


def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []

    class Proxy(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            heard.append(self.rfile.readline().decode().strip())

    with socketserver.TCPServer(("127.0.0.1", 0), Proxy) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{server.server_address[1]}")
        with (
            pytest.raises(NetworkError, match="could not be reached"),
            Web(tries=1).open("https://safebooru.org/index.php"),
        ):
            pass
        server.shutdown()
    assert heard == ["CONNECT safebooru.org:443 HTTP/1.0"] or heard == [
        "CONNECT safebooru.org:443 HTTP/1.1"
    ]
