"""Fetching the newest tags, aliases and implications from Danbooru's API.

Some 260 answers of 1,000 lines each. Records are asked for by falling id (`page=b1234`), which
nothing that happens on the board meanwhile can shift; what came is kept line by line, so that a
stop, a broken connection or a kill costs one answer. Only the whole becomes a list.

The API: https://danbooru.donmai.us/wiki_pages/help:api, /api:tags, /help:common_url_parameters.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from lorabake.core.errors import NetworkError, Stopped, WorkspaceError
from lorabake.core.files import (
    atomic_write_json,
    atomic_writer,
    disk_full_as_sentence,
    fault,
    read_json,
)
from lorabake.core.http import Web
from lorabake.core.vocabulary.lists import MAX_ROWS, clean_name
from lorabake.core.vocabulary.places import FETCHED_IMPLICATIONS, FETCHED_TAGS, tag_lists_dir
from lorabake.core.workspace import Workspace

SITE_VARIABLE: Final = "LORABAKE_DANBOORU"  # another address of the same API, for tests
SITE: Final = "https://danbooru.donmai.us"
PACE: Final = 0.6  # seconds between two questions; the board allows ten in a second
FEWEST_POSTS: Final = 25  # as the lists that people pass around have it: about 150,000 tags
MAX_AGE: Final = 3 * 86_400.0  # seconds after which what an earlier visit brought is too old
_PAGE: Final = 1000  # the most that the API gives at once
_BEFORE_ALL: Final = 2_000_000_000
_MAX_PAGES: Final = 10_000

Progress = Callable[[str, float, int], None]
"""Called with what is being fetched ("tags", …), the share of the whole (0 to 1), and lines so far."""


@dataclass(frozen=True)
class Fetched:
    """What a fetch brought."""

    tags: int
    aliases: int
    implications: int


@dataclass(frozen=True)
class _Kind:
    """One of the API's tables. ends: the share of the whole at which it begins and is done."""

    name: str
    path: str
    params: Mapping[str, str]
    line: Callable[[Mapping[str, Any]], list[str | int] | None]
    ends: tuple[float, float]


def fetch_lists(
    web: Web,
    workspace: Workspace,
    progress: Progress = lambda kind, share, lines: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Fetched:
    """Bring the newest lists and put them in the place of those fetched before.

    Goes on with what an earlier call left, if that is younger than `MAX_AGE`. Raises NetworkError,
    DiskFull or Stopped; the lists that are there stay as they are then.
    """
    folder = parts_dir(workspace)
    _begin(folder)
    for kind in KINDS:
        _fetch_kind(web, folder, kind, progress, should_stop)
    fetched = _write_lists(folder, tag_lists_dir(workspace))
    shutil.rmtree(folder, ignore_errors=True)
    return fetched


def parts_dir(workspace: Workspace) -> Path:
    """Where a list grows; hidden, so that nobody takes a half for a list."""
    return tag_lists_dir(workspace) / ".parts"


def site() -> str:
    return (os.environ.get(SITE_VARIABLE) or SITE).rstrip("/")


# --- asking ----------------------------------------------------------------------------------------


def _fetch_kind(
    web: Web, folder: Path, kind: _Kind, progress: Progress, should_stop: Callable[[], bool]
) -> None:
    part = folder / f"{kind.name}.jsonl"
    state = _read_state(folder)
    if kind.name in state["done"]:
        return
    first, last, lines = _mend(part)
    with part.open("ab") as file:
        for _ in range(_MAX_PAGES):
            if should_stop():
                raise Stopped("Stopped, as you asked. Fetching goes on from here next time.")
            records = _page(web, kind, last or _BEFORE_ALL)
            if not records:
                break
            first = first or _id(records[0])
            last = _append(file, part, kind, records, last or _BEFORE_ALL)
            lines += len(records)
            fault("tag_page")
            begins, ends = kind.ends
            progress(kind.name, begins + (ends - begins) * (1 - last / first), lines)
            if lines > MAX_ROWS:
                raise NetworkError("Danbooru sent far more tags than it has. Try again later.")
    atomic_write_json(folder / "state.json", {**state, "done": [*state["done"], kind.name]})


def _page(web: Web, kind: _Kind, before: int) -> list[Mapping[str, Any]]:
    """Records with ids below `before`, the newest first."""
    params = {"limit": str(_PAGE), "page": f"b{before}", **kind.params}
    records = web.json(f"{site()}{kind.path}", params=params)
    if not isinstance(records, list) or not all(isinstance(one, dict) for one in records):
        raise _other_form()
    return records


def _append(file: Any, part: Path, kind: _Kind, records: list[Mapping[str, Any]], last: int) -> int:
    """Keep an answer; the lowest id in it. A record that makes no sense is left out."""
    lines = []
    for record in records:
        number = _id(record)
        if number >= last:  # it would never end
            raise _other_form()
        last = number
        fields = kind.line(record)
        lines.append(json.dumps([number, *(fields or [])], separators=(",", ":")))
    with disk_full_as_sentence(part):
        file.write("".join(f"{line}\n" for line in lines).encode("ascii"))
        file.flush()
    return last


def _id(record: Mapping[str, Any]) -> int:
    number = record.get("id")
    if not isinstance(number, int) or isinstance(number, bool) or not 0 < number < _BEFORE_ALL:
        raise _other_form()
    return number


def _other_form() -> NetworkError:
    return NetworkError(
        "Danbooru did not answer in the expected form. It may be down or blocked here; "
        "try again later. What has come so far is kept."
    )


def _tag(record: Mapping[str, Any]) -> list[str | int] | None:
    name, count, category = _text(record, "name"), record.get("post_count"), record.get("category")
    if not name or record.get("is_deprecated") is True:
        return None
    if not isinstance(count, int) or not isinstance(category, int):
        return None
    return [name, category, count]


def _pair(record: Mapping[str, Any]) -> list[str | int] | None:
    """An alias or implication: what is written, what it stands for."""
    name, other = _text(record, "antecedent_name"), _text(record, "consequent_name")
    return [name, other] if name and other and name != other else None


def _text(record: Mapping[str, Any], field: str) -> str:
    value = record.get(field)
    return clean_name(value) if isinstance(value, str) else ""


_ACTIVE = {"search[status]": "active", "only": "id,antecedent_name,consequent_name"}
KINDS: Final = (
    _Kind(
        "tags",
        "/tags.json",
        {
            "search[post_count]": f">={FEWEST_POSTS}",
            "only": "id,name,category,post_count,is_deprecated",
        },
        _tag,
        (0.0, 0.6),
    ),
    _Kind("aliases", "/tag_aliases.json", _ACTIVE, _pair, (0.6, 0.85)),
    _Kind("implications", "/tag_implications.json", _ACTIVE, _pair, (0.85, 1.0)),
)


# --- what has come -----------------------------------------------------------------------------------


def _begin(folder: Path) -> None:
    """Keep what is left of an earlier visit, unless it is old."""
    started = _read_state(folder)["started"]
    if not 0 <= time.time() - started < MAX_AGE:
        shutil.rmtree(folder, ignore_errors=True)
    if not (folder / "state.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        atomic_write_json(folder / "state.json", {"started": time.time(), "done": []})


def _read_state(folder: Path) -> dict[str, Any]:
    with suppress(OSError, WorkspaceError, TypeError, ValueError):
        record = read_json(folder / "state.json")
        if isinstance(record, dict) and isinstance(record.get("done"), list):
            return {"started": float(record["started"]), "done": record["done"]}
    return {"started": -1.0, "done": []}


def _mend(part: Path) -> tuple[int, int, int]:
    """First and last id and number of the lines that came whole; half a line is cut off."""
    try:
        data = part.read_bytes()
    except FileNotFoundError:
        return 0, 0, 0
    whole = data[: data.rfind(b"\n") + 1]
    if len(whole) < len(data):
        os.truncate(part, len(whole))
    ids = [int(line[0]) for line in _lines(part)]
    return (ids[0], ids[-1], len(ids)) if ids else (0, 0, 0)


def _lines(part: Path) -> Iterator[list[Any]]:
    with part.open("rb") as file:
        for line in file:
            yield json.loads(line)


def _write_lists(folder: Path, target: Path) -> Fetched:
    """The parts as two lists in the form that everybody reads."""
    aliases: dict[str, list[str]] = defaultdict(list)
    for _, *pair in _lines(folder / "aliases.jsonl"):
        if pair:
            aliases[pair[1]].append(pair[0])
    tags = [fields for _, *fields in _lines(folder / "tags.jsonl") if fields]
    pairs = [pair for _, *pair in _lines(folder / "implications.jsonl") if pair]
    if not tags:
        raise _other_form()
    tags.sort(key=lambda fields: -fields[2])
    _write_csv(
        target / FETCHED_TAGS,
        ((name, kind, count, ",".join(aliases[name])) for name, kind, count in tags),
    )
    _write_csv(target / FETCHED_IMPLICATIONS, [("tag", "implies"), *sorted(pairs)])
    return Fetched(len(tags), sum(map(len, aliases.values())), len(pairs))


def _write_csv(path: Path, rows: Any) -> None:
    with (
        atomic_writer(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        csv.writer(file, lineterminator="\n").writerows(rows)
