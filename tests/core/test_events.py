"""events.jsonl: a half-written line is nobody's problem."""

from __future__ import annotations

import math
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lorabake.core.errors import DiskFull
from lorabake.core.events import Event, EventWriter, read_events, read_head, read_tail


def test_what_is_written_is_read_from_where_one_was(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    assert read_events(path) == ([], 0)
    with EventWriter(path) as events:
        events.write("phase", name="loading", detail="モデル\nin two lines")
        first, offset = read_events(path)
        assert first[0].data == {"name": "loading", "detail": "モデル\nin two lines"}
        assert read_events(path, offset) == ([], offset)
        events.write(
            "step", step=7, loss=math.nan, lr={"unet": math.inf, "other": [1.0, -math.inf]}
        )
        (step,), offset = read_events(path, offset)
        assert step.data == {"step": 7, "loss": None, "lr": {"unet": None, "other": [1.0, None]}}
        assert abs(step.time - time.time()) < 60
        assert events.last_step == 7
        last = events.write("finished")
    assert last.is_last_word
    assert read_events(path, offset)[0][0].type == "finished"


def test_a_half_line_is_left_by_readers_and_removed_by_the_next_writer(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with EventWriter(path) as events:
        events.write("note", text="one")
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"type": "note", "ti')
    assert len(read_events(path)[0]) == 1
    assert read_events(path)[1] == len(whole)
    with EventWriter(path) as events:
        events.write("note", text="two")
    assert [event.data["text"] for event in read_events(path)[0]] == ["one", "two"]
    path.write_bytes(b"x" * 200_000)
    EventWriter(path).close()
    assert path.read_bytes() == b""


def test_damaged_lines_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    good = Event("note", 1.0, {"text": "good"}).line
    bad = [
        b"nonsense",
        b"[]",
        b'{"type":"unknown","time":1,"data":{}}',
        b'{"type":"note"}',
        b"\xff\xfe",
        b"[" * 9999,
    ]
    path.write_bytes(b"\n".join(bad) + b"\n" + good)
    events, offset = read_events(path)
    assert [event.data for event in events] == [{"text": "good"}]
    assert offset == path.stat().st_size


def test_a_file_that_was_begun_anew_is_read_from_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(Event("note", 1.0, {"text": "a"}).line)
    assert len(read_events(path, 10_000)[0]) == 1
    assert len(read_events(path, -5)[0]) == 1


def test_a_hundred_thousand_events_are_read_quickly(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    data = {
        "epoch": 3,
        "loss": 0.123456,
        "loss_average": 0.12,
        "lr": {"unet": 1e-4},
        "seconds": 1.5,
    }
    line = Event("step", 1.7e9, {"step": 987654, **data}).line.decode()
    lines = "".join(line.replace("987654", str(step)) for step in range(100_000))
    path.write_text(lines, encoding="utf-8")
    before = time.process_time()
    events, offset = read_events(path)
    assert time.process_time() - before < 5
    assert len(events) == 100_000
    before = time.process_time()
    assert read_tail(path)[-1].data["step"] == 99_999
    assert read_head(path)[0].data["step"] == 0
    assert read_events(path, offset) == ([], offset)
    assert time.process_time() - before < 0.2


def test_tail_and_head_begin_at_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with EventWriter(path) as events:
        for step in range(2000):
            events.write("step", step=step)
    middle = read_events(path)[1] // 2
    middle += path.read_bytes()[middle:].index(b"\n") + 1
    for since in (0, middle):
        everything, _ = read_events(path, since)
        assert read_tail(path, since) == everything[-len(read_tail(path, since)) :]
        assert read_head(path, since) == everything[: len(read_head(path, since))]
        assert read_head(path, since)[0].data["step"] == everything[0].data["step"]
    assert read_tail(path, read_events(path)[1]) == []


@given(
    st.lists(
        st.dictionaries(
            st.text(max_size=5), st.floats() | st.text(max_size=20) | st.integers(), max_size=3
        ),
        max_size=5,
    )
)
@settings(max_examples=80, deadline=None)
def test_any_data_comes_back(
    tmp_path_factory: pytest.TempPathFactory, many: list[dict[str, object]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    path.unlink(missing_ok=True)
    with EventWriter(path) as events:
        for data in many:
            events.write("note", data=data)
    found = [event.data["data"] for event in read_events(path)[0]]
    wanted = [
        {
            key: None if isinstance(value, float) and not math.isfinite(value) else value
            for key, value in data.items()
        }
        for data in many
    ]
    assert found == wanted


FULL = """
import resource, sys; from pathlib import Path
from lorabake.core.errors import DiskFull; from lorabake.core.events import EventWriter
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
with EventWriter(Path(sys.argv[1])) as events:
    try:
        for step in range(1000):
            events.write("step", step=step)
    except DiskFull:
        sys.exit(7)
"""


def test_a_full_disk_leaves_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(path)],
        cwd=Path(__file__).parents[2],
        check=False,
        timeout=60,
    )
    assert done.returncode == 7
    assert DiskFull
    events, offset = read_events(path)
    assert offset == path.stat().st_size <= 1000
    assert [event.data["step"] for event in events] == list(range(len(events)))
