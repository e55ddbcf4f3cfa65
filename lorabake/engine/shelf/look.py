"""Looking through one place for what may be a model, without opening anything yet.

Nothing on the way is trusted to be sane: links may go in circles, folders may be closed to us or
hold a million files.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lorabake.core.files import MIB
from lorabake.engine.checkpoint_file import PICKLES
from lorabake.engine.shelf.places import HUGGING_FACE, WORKSPACE, Place

MAX_DEPTH = 5
MAX_ENTRIES = 50_000  # of one place
_SKIPPED = {"__pycache__", "node_modules", "venv", "site-packages"}
_TAGS = "selected_tags.csv"
_TAGS_START = b"tag_id,name,category"
_SMALL = MIB  # bytes; a .pt below this is a list of settings or an embedding
_UPSCALER_FOLDERS = {
    *("esrgan", "realesrgan", "swinir", "dat", "hat", "span", "upscale_models", "upscalers")
}


@dataclass(frozen=True)
class Candidate:
    """What may be a model. form: "file", "folder" (diffusers), "tagger", "pickle" or "upscaler".

    name: as people know it. size in bytes and mtime_ns: of the file, or of the newest in a folder.
    """

    name: str
    path: Path
    form: str
    where: str
    size: int
    mtime_ns: int


def look(place: Place) -> Iterator[Candidate]:
    """The candidates in a place, what lies further up first."""
    if place.label == HUGGING_FACE:
        yield from _look_in_cache(place)
    else:
        yield from _look_in(place, place.root, MAX_DEPTH, links=place.label != WORKSPACE)


def _look_in(place: Place, root: Path, depth: int, *, links: bool) -> Iterator[Candidate]:
    """links: whether folders that are links are gone into. (Links to files always count.)"""
    waiting: deque[tuple[Path, int]] = deque([(root, 0)])
    seen: set[tuple[int, int]] = set()
    entries = 0
    while waiting:
        folder, level = waiting.popleft()
        if not _first_visit(folder, seen):
            continue
        for entry in _entries(folder):
            entries += 1
            if entries > MAX_ENTRIES:
                return
            if entry.name.startswith(".") or entry.name in _SKIPPED:
                continue
            with suppress(OSError):
                if entry.is_dir():
                    path = Path(entry.path)
                    found = _whole_folder(path, path.name, place.label)
                    if found is not None:
                        yield found
                    elif level < depth and (links or not entry.is_symlink()):
                        waiting.append((path, level + 1))
                elif (found := _file(entry, place.label)) is not None:
                    yield found


def _look_in_cache(place: Place) -> Iterator[Candidate]:
    """Hugging Face's cache: `models--ORG--NAME/snapshots/COMMIT/…`, links to its own blobs."""
    for repo in _entries(place.root):
        with suppress(OSError):
            if not (repo.name.startswith("models--") and repo.is_dir()):
                continue
            snapshot = _snapshot(Path(repo.path))
            if snapshot is None:
                continue
            name = repo.name.split("--")[-1]
            whole = _whole_folder(snapshot, name, place.label)
            if whole is not None:
                yield whole
                continue
            for found in _look_in(place, snapshot, 1, links=False):
                if found.form in ("file", "tagger"):
                    yield found


def _snapshot(repo: Path) -> Path | None:
    """The commit that `main` points to, else the one that came last."""
    with suppress(OSError, UnicodeDecodeError):
        commit = (repo / "refs" / "main").read_text(encoding="ascii").strip()
        if commit.isalnum() and (repo / "snapshots" / commit).is_dir():
            return repo / "snapshots" / commit
    with suppress(OSError):
        return max(
            (path for path in (repo / "snapshots").iterdir() if path.is_dir()),
            key=lambda path: path.stat().st_mtime_ns,
            default=None,
        )
    return None


def _whole_folder(path: Path, name: str, where: str) -> Candidate | None:
    """A folder that is one model: diffusers' layout, or a tagger with its list of tags."""
    if (path / "model_index.json").is_file() or (path / "unet" / "config.json").is_file():
        inside = [
            entry for part in _entries(path) if part.is_dir() for entry in _entries(part.path)
        ]
        weights = [entry for entry in inside if entry.name.endswith(".safetensors")]
        stats = [entry.stat() for entry in (weights or inside)]
        size = sum(stat.st_size for stat in stats)
        newest = max((stat.st_mtime_ns for stat in stats), default=0)
        return Candidate(name, path, "folder", where, size, newest)
    if (path / "model.onnx").is_file() and _is_tag_list(path / _TAGS):
        stat = (path / "model.onnx").stat()
        return Candidate(name, path, "tagger", where, stat.st_size, stat.st_mtime_ns)
    return None


def _file(entry: os.DirEntry[str], where: str) -> Candidate | None:
    path = Path(entry.path)
    suffix = path.suffix.lower()
    if suffix == ".safetensors":
        name, form = path.name, "file"
    elif suffix == ".pth" and path.parent.name.casefold() in _UPSCALER_FOLDERS:
        name, form = path.name, "upscaler"
    elif suffix in PICKLES:
        name, form = path.name, "pickle"
    elif suffix == ".onnx" and tag_list_of(path) is not None:
        name, form = path.stem, "tagger"
    else:
        return None
    stat = entry.stat()
    if form == "pickle" and stat.st_size < _SMALL:
        return None
    return Candidate(name, path, form, where, stat.st_size, stat.st_mtime_ns)


def tag_list_of(model: Path) -> Path | None:
    """The list of tags of a tagger: of a folder, or of a file; None when it has none.

    Beside a file it has its name, or, as Dataset Processor has it, "…Tags.csv" beside
    "…Model.onnx"; `model.onnx` comes with `selected_tags.csv`.
    """
    if model.is_dir():
        names = [_TAGS]
        model = model / "model.onnx"
    else:
        names = [f"{model.stem}.csv", *([_TAGS] if model.name == "model.onnx" else [])]
        if model.stem.endswith("Model"):
            names.append(f"{model.stem.removesuffix('Model')}Tags.csv")
    places = (model.with_name(name) for name in names)
    return next((place for place in places if _is_tag_list(place)), None)


def _is_tag_list(path: Path) -> bool:
    """Is this the list that WD taggers come with?"""
    try:
        with path.open("rb") as file:
            return file.read(64).removeprefix(b"\xef\xbb\xbf").startswith(_TAGS_START)
    except OSError:
        return False


def _entries(folder: str | Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda entry: entry.name.casefold())
    except OSError:
        return []


def _first_visit(folder: Path, seen: set[tuple[int, int]]) -> bool:
    try:
        stat = folder.stat()
    except OSError:  # also a link that leads to itself
        return False
    identity = (stat.st_dev, stat.st_ino)
    if identity in seen:
        return False
    seen.add(identity)
    return True
