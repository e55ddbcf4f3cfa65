"""Fetching posts from hosts that are as good or as bad as the net is."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any

import pytest
from PIL import Image

from lorabake.collect.download import Download
from lorabake.collect.known import Known
from lorabake.collect.ledger import Entry, Ledger
from lorabake.collect.post import Post
from lorabake.collect.settings import CollectSettings
from lorabake.core.errors import Stopped
from lorabake.core.http import Web
from lorabake.core.index import Index
from lorabake.core.sources import Source, Sources
from tests.collect.test_captions import post
from tests.engine.hub_server import Site, serving


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("LORABAKE_ALLOW_LOCAL_HTTP", "1")
    with serving() as site:
        yield site


def picture(number: int, kind: str = "PNG", **more: Any) -> bytes:
    file = BytesIO()
    noise = Random(number).randbytes(48 * 40 * 3)
    Image.frombytes("RGB", (48, 40), noise).save(file, kind, **more)
    return file.getvalue()


def put(site: Site, number: int, data: bytes, **changes: Any) -> Post:
    site.contents[str(number)] = data
    usual: dict[str, Any] = {
        "id": number,
        "md5": hashlib.md5(data).hexdigest(),
        "file_url": f"{site.files}/plain/{number}",
        "width": 48,
        "height": 40,
    }
    return post(**(usual | changes))


class Run:
    """A download into a folder of this test."""

    def __init__(self, tmp_path: Path, **settings: Any) -> None:
        self.root, self.folder = tmp_path / "dataset", tmp_path / "made"
        self.root.mkdir(exist_ok=True)
        self.folder.mkdir(exist_ok=True)
        self.index = Index(tmp_path / "index.sqlite")
        self.ledger = Ledger(tmp_path / "ledger.jsonl")
        self.settings = CollectSettings(**settings)
        self.web = Web(timeout=(5.0, 1.5), backoff=0.01, tries=2)
        self.stop = threading.Event()
        self.bytes = 0

    def __call__(self, posts: Sequence[Post], **more: Any) -> dict[int, Entry]:
        def count(some: int) -> None:
            self.bytes += some

        download = Download(
            folder=self.folder,
            settings=self.settings,
            ledger=self.ledger,
            known=Known(self.root, self.index),
            way=lambda post: (self.web, {"Referer": "https://board.example/"}),
            on_bytes=count,
            should_stop=self.stop.is_set,
            **more,
        )
        download.run(posts)
        return {int(key.split()[1]): entry for key, entry in self.ledger.entries.items()}

    @property
    def files(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def test_pictures_come_with_captions_under_names_of_their_posts(site: Site, run: Run) -> None:
    posts = [put(site, 1, picture(1)), put(site, 2, picture(2, "JPEG"), extension="png")]
    found = run(posts)
    assert run.files == ["gelbooru_1.png", "gelbooru_1.txt", "gelbooru_2.jpg", "gelbooru_2.txt"]
    assert (run.folder / "gelbooru_1.txt").read_text().startswith("solo, 1girl, kafka")
    assert found[1].sha256 == hashlib.sha256(picture(1)).hexdigest()
    assert run.bytes == sum(entry.size for entry in found.values())
    assert {request.headers["referer"] for request in site.requests} == {"https://board.example/"}


def test_no_caption_where_none_is_wanted(site: Site, tmp_path: Path) -> None:
    run = Run(tmp_path, captions=False, names="md5")
    one = put(site, 1, picture(1))
    run([one])
    assert run.files == [f"{one.md5}.png"]


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("html", "web page"),
        ("wrong", "hash differs"),
        ("huge", "larger than 64 MiB"),
        ("very busy", "wait for 120 minutes"),
    ],
)
def test_a_hostile_host_costs_one_sentence(site: Site, run: Run, how: str, words: str) -> None:
    posts = [put(site, number, picture(number)) for number in (1, 2)]
    site.misbehave(how)
    found = run(posts)
    assert words in found[1].reason
    assert found[2].is_saved
    assert run.files == ["gelbooru_2.png", "gelbooru_2.txt"]


@pytest.mark.parametrize("how", ["truncate", "stall"])
def test_what_never_passes_costs_a_sentence_and_can_be_tried_again(
    site: Site, run: Run, how: str
) -> None:
    site.misbehave(how, times=99)
    run.web = Web(timeout=(5.0, 0.2), backoff=0.01, tries=2)
    entry = run([put(site, 1, picture(1))])[1]
    assert "broke off" in entry.reason
    assert entry.again


@pytest.mark.parametrize("how", ["truncate", "stall", "busy"])
def test_what_passes_is_waited_for(site: Site, run: Run, how: str) -> None:
    site.misbehave(how)
    assert run([put(site, 1, picture(1))])[1].is_saved


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\x1aE\xdf\xa3" + bytes(400), "is a video"),
        (b"<!DOCTYPE html><html></html>", "web page"),
        (picture(1)[:200], "cut off"),
        (b"", "empty"),
        (b"II*\0" + bytes(100), "TIFF"),
        (picture(1, "GIF", save_all=True, append_images=[Image.new("RGB", (48, 40))]), "animated"),
    ],
)
def test_what_is_no_picture_is_refused_by_its_bytes(
    site: Site, run: Run, data: bytes, words: str
) -> None:
    entry = run([put(site, 1, data)])[1]
    assert words in entry.reason
    assert not entry.again
    assert run.files == []


def test_a_size_that_was_announced_is_held_to(site: Site, run: Run) -> None:
    data = picture(1)
    found = run(
        [
            put(site, 1, data, file_size=len(data) + 1),
            put(site, 2, picture(2), md5="", width=480, height=400),
            put(site, 3, picture(3), file_size=2**40),
        ]
    )
    assert "another file" in found[1].reason
    assert "smaller copy" in found[2].reason
    assert "larger than 64 MiB" in found[3].reason


def test_posts_that_cannot_be_fetched_say_why(site: Site, run: Run) -> None:
    data = picture(1)
    found = run(
        [
            put(site, 1, data),
            replace(put(site, 2, data), site="danbooru"),
            put(site, 3, picture(3), refused="This post is a video."),
            put(site, 4, picture(4), file_url=""),
        ]
    )
    assert found[1].is_saved
    assert found[2].reason == "This is the same picture as gelbooru 1."
    assert found[3].reason == "This post is a video."
    assert "names no file" in found[4].reason
    assert len(site.gets("/plain/")) == 1


def test_what_is_here_or_was_deleted_is_not_fetched(site: Site, run: Run, tmp_path: Path) -> None:
    here, gone, lost = (put(site, n, picture(n)) for n in (1, 2, 3))
    concept = run.root / "5_kafka"
    concept.mkdir()
    (concept / "mine.png").write_bytes(picture(1))
    Sources.open(run.root).record(Source(sha256="ab" * 32, md5=gone.md5, site="gelbooru", id=2))
    found = run([here, gone, lost])
    assert "here already" in found[1].reason
    assert "was fetched before" in found[2].reason
    assert found[3].is_saved
    again = Run(tmp_path, again=True)
    again.ledger = Ledger(tmp_path / "second.jsonl")
    found = again([here, gone])
    assert not found[1].is_saved
    assert found[2].is_saved


def test_a_host_that_fails_again_and_again_is_left_alone(site: Site, run: Run) -> None:
    posts = [put(site, number, picture(number)) for number in range(1, 8)]
    site.misbehave("very busy", times=99)
    found = run(posts)
    assert len(site.gets("/plain/")) == 3
    assert "left alone" in found[7].reason
    assert all(entry.again for entry in found.values())


def test_going_on_fetches_only_what_is_missing(site: Site, tmp_path: Path) -> None:
    posts = [put(site, number, picture(number)) for number in range(1, 6)]
    site.misbehave("html")
    first = Run(tmp_path)
    done: list[Entry] = []

    def stop_after_three(entry: Entry) -> None:
        done.append(entry)
        if len(done) == 3:
            first.stop.set()

    with pytest.raises(Stopped):
        first(posts, on_entry=stop_after_three)
    assert len(first.ledger.saved) == 2
    with first.ledger.path.open("ab") as file:  # and then it is killed while it writes
        file.write(b'{"key": "gelbooru 4", "na')
    site.requests.clear()
    second = Run(tmp_path)
    found = second(posts)
    assert all(entry.is_saved for entry in found.values())
    assert sorted(r.path for r in site.requests) == ["/plain/1", "/plain/4", "/plain/5"]


def test_a_host_that_drips_is_given_up(
    site: Site, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lorabake.core.fetch.PATIENCE", 0.3)
    monkeypatch.setattr("lorabake.core.http.SLOW_CHUNK", 0.1)
    site.chunk, site.pause = 10, 0.05
    begun = monotonic()
    assert "too slowly" in run([put(site, 1, picture(1))])[1].reason
    assert monotonic() - begun < 10


def test_only_hosts_of_the_site_are_visited(site: Site, run: Run) -> None:
    run.web.allowed = lambda host: host == "img.board.example"
    assert "no host of this site" in run([put(site, 1, picture(1))])[1].reason
    assert site.requests == []


def test_half_a_file_is_gone_on_with(site: Site, tmp_path: Path) -> None:
    data = picture(1)
    one = put(site, 1, data)
    run = Run(tmp_path)
    run.web = Web(timeout=(5.0, 1.5), backoff=0.01, tries=1)
    site.misbehave("stall", times=1)
    assert run([one])[1].is_saved
    assert site.ranges() == [f"bytes={len(data) // 2}-"]


def test_hosts_are_asked_side_by_side_each_in_turn(site: Site, run: Run) -> None:
    other = site.files.replace("127.0.0.1", "localhost")
    posts = [put(site, number, picture(number)) for number in range(1, 7)]
    posts = [
        replace(one, file_url=one.file_url.replace(site.files, other)) if one.id % 2 else one
        for one in posts
    ]
    run.web = Web(timeout=(5.0, 5.0), pace=0.1)
    begun = monotonic()
    run(posts)
    assert len(run.ledger.saved) == 6
    assert monotonic() - begun < 0.1 * 2 + 20
    by_host = {
        host: [r.path for r in site.requests if r.headers["host"].startswith(host)]
        for host in ("127.0.0.1", "localhost")
    }
    assert by_host["localhost"] == ["/plain/1", "/plain/3", "/plain/5"]
    assert by_host["127.0.0.1"] == ["/plain/2", "/plain/4", "/plain/6"]
