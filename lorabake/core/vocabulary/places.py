"""Where tag lists lie, which of them are used, and in what order.

`tag-lists/*.csv` in the workspace are the user's own and what was fetched; without a large one
among them, the list of a tagger that is here is used as well. What was read is kept until a file
changes.
"""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final

from lorabake.core.errors import WorkspaceError
from lorabake.core.files import (
    TrashEntry,
    atomic_write_bytes,
    atomic_write_json,
    move_to_trash,
    read_json,
)
from lorabake.core.lock import folder_lock
from lorabake.core.names import is_safe_name, natural_key, safe_name
from lorabake.core.vocabulary.lists import (
    ImplicationList,
    TagList,
    TagListError,
    is_implications,
    read_implications,
    read_tag_list,
)
from lorabake.core.vocabulary.vocabulary import Vocabulary
from lorabake.core.workspace import Workspace, inside

FETCHED_TAGS: Final = "danbooru-newest.csv"
FETCHED_IMPLICATIONS: Final = "danbooru-newest-implications.csv"
TAGGER_LIST: Final = "selected_tags.csv"
LARGE: Final = 5000  # tags; with a list of so many, a tagger's list adds nothing
MAX_LISTS: Final = 50
_ORDER: Final = "order.json"
_TAGGERS: Final = "tagger-lists.json"
# A few hundred of Danbooru's tag implications (as of May 2025) that matter for a character: hair, clothes,
# poses. They serve until the whole list is fetched.
_STARTER: Final = Path(__file__).with_name("implications.csv")
_PRACTICE: Final = Path(__file__).parents[2] / "practice" / "tagger" / TAGGER_LIST


@dataclass(frozen=True)
class ListInfo:
    """One file behind the vocabulary.

    kind: "tags" or "implications"; origin: "yours", "danbooru" (fetched), "tagger", "practice" or
    "starter"; count: tags or pairs; skipped: lines that made no sense; modified: seconds since
    1970; problem: why it is not used, in a sentence, else "".
    """

    name: str
    kind: str
    origin: str
    count: int
    skipped: int
    modified: float
    problem: str = ""


@dataclass(frozen=True)
class Loaded:
    """A vocabulary and the files it was made of, the first believed first."""

    vocabulary: Vocabulary
    lists: tuple[ListInfo, ...]


Stamp = tuple[tuple[str, int, int], ...]  # path, time of the last change in ns, bytes
_loaded: dict[Path, tuple[Stamp, Loaded]] = {}
_guard = threading.Lock()


def open_vocabulary(workspace: Workspace) -> Vocabulary:
    """The tags of the user's lists, else of a tagger's; read again when a file changed."""
    return load_lists(workspace).vocabulary


def load_lists(workspace: Workspace) -> Loaded:
    """The same with where it is from. A list that cannot be read is told, the others are used."""
    with _guard:
        stamp = _stamp(workspace)
        known = _loaded.get(workspace.root)
        if known is None or known[0] != stamp:
            with _not_collecting():
                known = _loaded[workspace.root] = (stamp, _load(workspace))
        return known[1]


def tag_lists_dir(workspace: Workspace) -> Path:
    return workspace.root / "tag-lists"


def remember_tagger_lists(workspace: Workspace, files: Iterable[Path]) -> None:
    """Keep where taggers' lists (`selected_tags.csv`) were found, for a workspace without lists."""
    with suppress(OSError, WorkspaceError):  # only a memory
        names = [os.fspath(path.absolute()) for path in files][:MAX_LISTS]
        atomic_write_json(workspace.cache_dir / _TAGGERS, {"format": 1, "files": names})


# --- the user's lists --------------------------------------------------------------------------


def add_list(workspace: Workspace, source: Path, name: str) -> ListInfo:
    """Take a CSV file in, in front of the others; an earlier one of that name goes to the bin.

    TagListError when it holds neither tags nor implications; nothing is changed then.
    """
    folder = tag_lists_dir(workspace)
    folder.mkdir(exist_ok=True)
    stem = Path(name).stem
    if f"{stem}.csv" in (FETCHED_TAGS, FETCHED_IMPLICATIONS):
        stem = f"my {stem}"
    held = _read(source)
    target = inside(folder, safe_name(f"{stem}.csv"))
    wanted = target.name
    with folder_lock(folder):
        if not target.exists() and len(_files(folder)) >= MAX_LISTS:
            raise TagListError(f"There are {MAX_LISTS} lists already. Remove one first.")
        if target.exists():
            move_to_trash(target, workspace.trash_dir)
        atomic_write_bytes(target, source.read_bytes())
        _write_order(folder, [wanted, *(one for one in _names(folder) if one != wanted)])
    return _info(target, "yours", held)


def remove_list(workspace: Workspace, name: str) -> TrashEntry:
    """Move one of the user's lists to the bin."""
    return move_to_trash(_own(workspace, name), workspace.trash_dir)


def put_first(workspace: Workspace, name: str) -> None:
    """Believe this list before the others."""
    folder = tag_lists_dir(workspace)
    chosen = _own(workspace, name).name
    with folder_lock(folder):
        _write_order(folder, [chosen, *(one for one in _names(folder) if one != chosen)])


def _own(workspace: Workspace, name: str) -> Path:
    path = inside(tag_lists_dir(workspace), name)
    if not path.is_file():
        raise WorkspaceError("This list is not there any more. Reload the page to see what is.")
    return path


def _names(folder: Path) -> list[str]:
    """The lists in the order in which they are believed."""
    order: list[str] = []
    with suppress(OSError, WorkspaceError):
        record = read_json(folder / _ORDER)
        listed = record.get("order") if isinstance(record, dict) else None
        order = [name for name in listed if isinstance(name, str)] if listed else []
    ranks = {name: rank for rank, name in enumerate(order)}
    names = [path.name for path in _files(folder)]
    return sorted(names, key=lambda name: (ranks.get(name, len(ranks)), natural_key(name)))


def _write_order(folder: Path, names: list[str]) -> None:
    atomic_write_json(folder / _ORDER, {"format": 1, "order": names})


def _files(folder: Path) -> list[Path]:
    with suppress(OSError):
        return [
            path
            for path in folder.iterdir()
            if path.suffix.lower() == ".csv" and is_safe_name(path.name) and path.is_file()
        ][: 2 * MAX_LISTS]
    return []


# --- reading -------------------------------------------------------------------------------------


@contextmanager
def _not_collecting() -> Iterator[None]:
    """A list is half a million small objects, and none of them garbage.

    To look through them again and again while they are made would take a third of the time.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _load(workspace: Workspace) -> Loaded:
    tags: list[TagList] = []
    implications: list[ImplicationList] = []
    infos: list[ListInfo] = []

    def take(path: Path, origin: str) -> None:
        try:
            held = _read(path)
        except TagListError as error:
            kind = "implications" if is_implications(path) else "tags"
            infos.append(ListInfo(path.name, kind, origin, 0, 0, _modified(path), str(error)))
            return
        infos.append(_info(path, origin, held))
        if isinstance(held, TagList):
            tags.append(held)
        else:
            implications.append(held)

    folder = tag_lists_dir(workspace)
    for name in _names(folder):
        fetched = name in (FETCHED_TAGS, FETCHED_IMPLICATIONS)
        take(folder / name, "danbooru" if fetched else "yours")
    if max((len(held.entries) for held in tags), default=0) < LARGE:
        tagger = max(_tagger_lists(workspace), key=_size, default=None)
        if tagger is not None:
            take(tagger, "tagger")
        elif not tags and _PRACTICE.is_file():
            take(_PRACTICE, "practice")
    if not implications:
        take(_STARTER, "starter")
    vocabulary = Vocabulary(
        chain.from_iterable(held.entries for held in tags),
        chain.from_iterable(held.pairs for held in implications),
        source=", ".join(info.name for info in infos if info.kind == "tags" and not info.problem),
    )
    return Loaded(vocabulary, tuple(infos))


def _read(path: Path) -> TagList | ImplicationList:
    return read_implications(path) if is_implications(path) else read_tag_list(path)


def _info(path: Path, origin: str, held: TagList | ImplicationList) -> ListInfo:
    if isinstance(held, TagList):
        return ListInfo(path.name, "tags", origin, len(held.entries), held.skipped, _modified(path))
    return ListInfo(
        path.name, "implications", origin, len(held.pairs), held.skipped, _modified(path)
    )


def _tagger_lists(workspace: Workspace) -> Iterator[Path]:
    """Lists of taggers: in the models folder, and where the model shelf has seen them."""
    with suppress(OSError):
        for folder in workspace.models_dir.iterdir():
            path = folder / TAGGER_LIST
            if path.is_file():
                yield path
    with suppress(OSError, WorkspaceError):
        record = read_json(workspace.cache_dir / _TAGGERS)
        listed = record.get("files") if isinstance(record, dict) else None
        for text in listed if isinstance(listed, list) else ():
            if isinstance(text, str) and Path(text).is_file():
                yield Path(text)


def _stamp(workspace: Workspace) -> Stamp:
    folder = tag_lists_dir(workspace)
    paths = [*_files(folder), folder / _ORDER, *_tagger_lists(workspace), _PRACTICE]
    stamps = []
    for path in paths:
        with suppress(OSError):
            stat = path.stat()
            stamps.append((os.fspath(path), stat.st_mtime_ns, stat.st_size))
    return tuple(sorted(stamps))


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size
    return 0


def _modified(path: Path) -> float:
    with suppress(OSError):
        return path.stat().st_mtime
    return 0.0
