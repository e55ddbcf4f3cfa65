"""Where pictures come from: kept by content, whatever happens to the file."""

from __future__ import annotations

import json
from pathlib import Path

from lorabake.core.dataset import scan_dataset
from lorabake.core.filter import parse_filter
from lorabake.core.index import Index
from lorabake.core.sources import Asked, Source, Sources, without_keys
from lorabake.ui.collection import Shelf
from tests.tag.models import write_picture

SHA, MD5 = "ab" * 32, "cd" * 16
POST = Source(
    sha256=SHA,
    md5=MD5.upper(),
    site="gelbooru",
    id=7,
    url="https://img.example/7.png?api_key=s3cret&user_id=9&x=1#y",
    page_url="https://example/7",
    rating="general",
    score=0,
    parent=3,
    tags={"general": ["solo", "long_hair"], "artist": ["somebody"]},
    source="https://pixiv.example/1",
)


def test_what_was_recorded_is_known_after_a_restart(tmp_path: Path) -> None:
    Sources.open(tmp_path).record(POST)
    again = Sources(Sources.open(tmp_path).path)
    found = again.of(SHA)
    assert found is not None
    assert (found.site, found.id, found.score, found.parent) == ("gelbooru", 7, 0, 3)
    assert found.tags == {"general": ("solo", "long_hair"), "artist": ("somebody",)}
    assert again.has(MD5)
    assert again.has(MD5.upper())
    assert again.has_post("gelbooru", 7)
    assert not again.has_post("danbooru", 7)
    assert not again.has("")


def test_no_key_is_written_down(tmp_path: Path) -> None:
    Sources.open(tmp_path).record(POST)
    text = Sources.open(tmp_path).path.read_text()
    assert "s3cret" not in text
    assert "user_id" not in text
    assert "img.example/7.png?x=1" in text
    assert without_keys("https://a.example/b?login=me&token=t") == "https://a.example/b"


def test_damage_costs_one_line(tmp_path: Path) -> None:
    sources = Sources(tmp_path / ".lorabake" / "sources.jsonl")
    sources.record(POST)
    with sources.path.open("ab") as file:  # a writer that was killed
        file.write(b'{"sha256": "')
    other = Source(sha256="ef" * 32, md5="01" * 16)
    Sources(sources.path).record(other)
    with sources.path.open("ab") as file:
        file.write(b'[1]\n{"sha256": 5}\n{"asked": 3}\n{"asked": {"sites": 1}}\n' + b"[" * 100_000)
        file.write(b"\n")
    for seen in (sources, Sources(sources.path)):
        assert seen.of(SHA)
        assert seen.of("ef" * 32)


def test_a_search_remembers_the_newest_post_it_saw(tmp_path: Path) -> None:
    sources = Sources.open(tmp_path)
    ask = {"sites": ("gelbooru", "danbooru"), "text": "solo  kafka", "folder": "5_kafka"}
    sources.asked(Asked(**ask, last={"gelbooru": 10}))
    sources.asked(Asked(**{**ask, "text": "solo kafka"}, last={"gelbooru": 4, "danbooru": 6}))
    (one,) = sources.searches()
    assert one.last == {"gelbooru": 10, "danbooru": 6}
    assert sources.last_id("gelbooru", "solo kafka") == 10
    assert sources.last_id("gelbooru", "other") is None


def test_the_filter_finds_pictures_by_their_source(tmp_path: Path) -> None:
    root = tmp_path / "dataset"
    for name, colour in (("a", (9, 9, 9)), ("b", (99, 9, 9)), ("c", (9, 99, 9))):
        write_picture(root / "5_kafka" / f"{name}.png", colour, "kafka")
    index = Index(tmp_path / "index.sqlite")
    shelf = Shelf(lambda: scan_dataset(root, index=index), root, ".txt", iter(range(99)).__next__)
    assert parse_filter("source:gelbooru").select(shelf.facts) == []
    shas = [picture.sha for picture in shelf.pictures]
    Sources.open(root).record_many(
        [Source(sha256=shas[0], site="gelbooru", id=1), Source(sha256=shas[2], generated=True)]
    )
    assert parse_filter("source:gelbooru").select(shelf.facts) == [0]
    assert parse_filter("NOT source:generated").select(shelf.facts) == [0, 1]


def test_each_line_is_json_that_others_can_read(tmp_path: Path) -> None:
    Sources.open(tmp_path).record(POST)
    (line,) = Sources.open(tmp_path).path.read_text().splitlines()
    assert json.loads(line)["tags"]["artist"] == ["somebody"]
