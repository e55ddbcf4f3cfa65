"""Where tags come from: remembered by content, for many pictures, whatever happens to the file."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lorabake.core import origins as module
from lorabake.core.origins import Origins

SHA = "a" * 64


def fresh(root: Path) -> Origins:
    """As another process would open it."""
    return Origins(root / ".lorabake" / "origins.jsonl")


def test_what_nobody_recorded_is_yours(tmp_path):
    assert Origins.open(tmp_path).of(SHA, ["hat", "smile"]) == ["you", "you"]
    assert not (tmp_path / ".lorabake").exists()  # looking leaves nothing behind


def test_each_tag_has_the_origin_that_was_recorded_last(tmp_path):
    mine = Origins.open(tmp_path)
    mine.record(SHA, ["long_hair", "smile"], "board", by="danbooru")
    mine.record(SHA, ["smile", "hat"], "tagger", by="vit")
    mine.record(SHA, ["hat"], "you")
    for one in (mine, fresh(tmp_path)):
        assert one.of(SHA, ["Long Hair", "smile", "hat", "other"]) == [
            *("board", "tagger", "you", "you")
        ]
        assert one.by(SHA, "long hair") == "danbooru"
        assert one.of("b" * 64, ["smile"]) == ["you"]


def test_one_that_was_opened_before_sees_what_others_add(tmp_path):
    early, late = fresh(tmp_path), fresh(tmp_path)
    late.record(SHA, ["hat"], "board")
    assert early.of(SHA, ["hat"]) == ["board"]
    late.record(SHA, ["hat"], "tagger")
    assert early.of(SHA, ["hat"]) == ["tagger"]


DAMAGE = [
    b"not json\n",
    b'{"sha": 5, "tags": [], "from": "board", "by": ""}\n',
    b'{"sha": "x", "tags": "no list", "from": "board", "by": ""}\n',
    b'{"sha": "x", "tags": ["a"], "from": "the moon", "by": ""}\n',
    b'["a"]\n',
    b"\xff\xfe\x00\n",
    b"[" * 5000 + b"\n",
    b'{"sha": "half a line of a writer that was kil',
]


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_costs_only_the_damaged_line(tmp_path, damage):
    fresh(tmp_path).record(SHA, ["hat"], "board")
    with (tmp_path / ".lorabake" / "origins.jsonl").open("ab") as file:
        file.write(damage)
    fresh(tmp_path).record(SHA, ["smile"], "tagger")
    assert fresh(tmp_path).of(SHA, ["hat", "smile"]) == ["board", "tagger"]


def test_a_file_that_was_deleted_or_replaced_is_noticed(tmp_path):
    mine = fresh(tmp_path)
    mine.record(SHA, ["hat"], "board")
    assert mine.of(SHA, ["hat"]) == ["board"]
    mine.path.unlink()
    assert mine.of(SHA, ["hat"]) == ["you"]
    mine.record(SHA, ["hat"], "tagger")
    assert mine.of(SHA, ["hat"]) == ["tagger"]


def test_several_processes_at_once_lose_nothing(tmp_path):
    code = (
        "import sys; from pathlib import Path; from lorabake.core.origins import Origins\n"
        "mine = Origins.open(Path(sys.argv[1]))\n"
        "for n in range(50): mine.record(sys.argv[2] * 64, [f'tag {n}'], 'tagger')\n"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path), letter]) for letter in "abc"
    ]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    tags = [f"tag {n}" for n in range(50)]
    for letter in "abc":
        assert fresh(tmp_path).of(letter * 64, tags) == ["tagger"] * 50


def test_a_file_of_overruled_records_is_written_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_REWRITE", 4000)
    mine, other = fresh(tmp_path), fresh(tmp_path)
    for number in range(100):
        mine.record(SHA, ["hat", "smile"], "board" if number % 2 else "tagger", by=str(number))
        assert other.of(SHA, ["hat"]) == ["board" if number % 2 else "tagger"]
    assert mine.path.stat().st_size < 4500
    assert fresh(tmp_path).by(SHA, "smile") == "99"


def test_ten_thousand_pictures_are_quick(tmp_path):
    """Read once in well under a second; then at once."""
    mine = fresh(tmp_path)
    shas = [f"{n:064x}" for n in range(10_000)]
    tags = [f"tag {n}" for n in range(30)]
    mine.record_many(dict.fromkeys(shas, tags), "tagger", by="vit")
    again = fresh(tmp_path)
    again.of(shas[0], tags)
    started = time.process_time()
    assert all(again.of(sha, tags)[7] == "tagger" for sha in shas)
    assert time.process_time() - started < 5


def test_the_lines_are_plain_json(tmp_path):
    fresh(tmp_path).record(SHA, ["Long Hair"], "tagger", by="vit")
    lines = (tmp_path / ".lorabake" / "origins.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"sha": SHA, "tags": ["long_hair"], "from": "tagger", "by": "vit"}
    ]
