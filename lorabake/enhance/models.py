"""The upscalers on this computer, and which files are refused before any library sees them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lorabake.core.errors import ModelFileError
from lorabake.core.files import MIB
from lorabake.core.home import expanded
from lorabake.core.names import name_key, shown
from lorabake.core.registry import unknown_name
from lorabake.core.workspace import Workspace
from lorabake.engine.checkpoint_file import read_header
from lorabake.engine.shelf import find_models, remembered_models
from lorabake.engine.shelf.find import ShelfModel

FOLDER: Final = "upscalers"  # in the workspace's models/
SUFFIXES: Final = (".pth", ".safetensors")
MAX_FILE: Final = 2048 * MIB
_PICKLES = (".pt", ".ckpt", ".bin", ".pkl")
# How other programs call the folder they keep upscalers in.
_FOLDERS = frozenset(
    ("upscalers", "upscale_models", "esrgan", "realesrgan", "swinir", "dat", "hat", "span")
)
_KINDS = ("upscaler", "unknown", "checkpoint")
_TIMES = re.compile(r"(?<![0-9])([1248])x(?![0-9])|(?<![A-Za-z0-9])x([1248])(?![0-9])", re.I)
_DEPTH = 3


@dataclass(frozen=True)
class Upscaler:
    """A file of a model. where: "workspace" or the program it belongs to; size in bytes."""

    name: str
    path: Path
    where: str
    size: int

    @property
    def stamp(self) -> str:
        """Another one when the file is another."""
        try:
            found = self.path.stat()
        except OSError:
            return f"{self.path}|gone"
        return f"{self.path}|{found.st_size}|{found.st_mtime_ns}"

    @property
    def likely_scale(self) -> int | None:
        """What its name says, such as 4 of `4x-AnimeSharp`; None when it says nothing."""
        match = _TIMES.search(self.path.stem)
        return int(match[1] or match[2]) if match else None


def upscaler_folder(workspace: Workspace) -> Path:
    return workspace.models_dir / FOLDER


def upscalers(workspace: Workspace, *, look: bool = False) -> list[Upscaler]:
    """Those in `models/upscalers/`, and those that the last look found in other programs' folders.

    look: look through all of these folders again, which takes a moment.
    """
    listed = find_models if look else remembered_models
    models = listed(workspace, kinds=_KINDS)
    found: dict[Path, Upscaler] = {}
    for path in _own(upscaler_folder(workspace)):
        with suppress(OSError):
            found[path] = Upscaler(path.name, path, "workspace", path.stat().st_size)
    for model in models:
        if _is_upscaler(model) and model.path not in found:
            found[model.path] = Upscaler(model.name, model.path, model.where, model.size)
    return _with_own_names(found.values())


def resolve_upscaler(
    workspace: Workspace, name: str, *, paths_allowed: bool = False, look: bool = False
) -> Upscaler:
    """The upscaler of this name; paths_allowed: or in this file. Raises what keeps it from loading."""
    known = upscalers(workspace, look=look)
    # The ending may be left out; of several that are called so then, the first is meant.
    by_name = {name_key(one.path.stem): one for one in reversed(known)}
    by_name |= {name_key(one.name): one for one in known}
    found = by_name.get(name_key(name))
    if found is None and paths_allowed and (path := _file(name)) is not None:
        found = Upscaler(path.name, path, "file", path.stat().st_size)
    if found is None:
        refuse_ending(Path(name))
        if known:
            raise ModelFileError(unknown_name("upscaler", name, tuple(one.name for one in known)))
        raise ModelFileError(
            f"There is no upscaler {shown(name)}. Put its file (.pth or .safetensors) into "
            f"{upscaler_folder(workspace)}, or choose Lanczos."
        )
    check_file(found.path)
    return found


def refuse_ending(path: Path) -> None:
    """`.pt` and `.ckpt` can hold programs; only what spandrel opens with a guard is let through."""
    if path.suffix.lower() in _PICKLES:
        raise ModelFileError(
            f"{shown(path.name)} is a kind of file that can run programs when it is opened, so it "
            "is not. Get the model as .safetensors or .pth."
        )


def check_file(path: Path) -> None:
    """What can be told without a library; ModelFileError with the reason."""
    refuse_ending(path)
    if path.suffix.lower() not in SUFFIXES:
        raise ModelFileError(f"{shown(path.name)} is no model. Choose a .pth or .safetensors file.")
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(64)
    except OSError as error:
        raise ModelFileError(
            f"{shown(path.name)} could not be read ({error.strerror}). Look for models again."
        ) from error
    if path.suffix.lower() == ".safetensors":
        read_header(path)
    elif start.lstrip()[:1] in (b"<", b"{") or start.startswith(b"version https://git-lfs"):
        raise ModelFileError(
            f"{shown(path.name)} is a web page or a text, not a model: the download needs a login, "
            "or the link has expired. Download it again."
        )
    elif not start.startswith((b"PK\x03\x04", b"\x80")):
        raise ModelFileError(f"{shown(path.name)} is damaged. Download it again.")
    if size > MAX_FILE:
        raise ModelFileError(
            f"{shown(path.name)} is larger than any upscaler should be "
            f"({size / 2**30:.1f} GB). Choose another file."
        )


def _own(folder: Path, depth: int = 0) -> Iterator[Path]:
    """Files that were dropped into the folder, also since the last look."""
    try:
        listed = sorted(folder.iterdir(), key=lambda path: path.name.casefold())
    except OSError:
        return
    for path in listed:
        if path.name.startswith("."):
            continue
        if path.suffix.lower() in SUFFIXES and path.is_file():
            yield path
        elif depth < _DEPTH and path.is_dir() and not path.is_symlink():
            yield from _own(path, depth + 1)


def _file(text: str) -> Path | None:
    """The file that a path of the command line means."""
    try:
        path = expanded(text)
        return path.absolute() if path.is_file() else None
    except (OSError, RuntimeError):  # longer than a name can be; the home of nobody
        return None


def _is_upscaler(model: ShelfModel) -> bool:
    if model.path.suffix.lower() not in SUFFIXES:
        return False
    # Many designs have no name of their own yet; the folder says what it is for.
    return model.kind == "upscaler" or model.path.parent.name.casefold() in _FOLDERS


def _with_own_names(found: Iterable[Upscaler]) -> list[Upscaler]:
    """The first of a name keeps it; the next says where it is."""
    named: dict[str, Upscaler] = {}
    for one in found:
        name, number = one.name, 1
        while name_key(name) in named:
            again = "" if number == 1 else f" {number}"
            name, number = f"{one.path.name} ({one.where}{again})", number + 1
        named[name_key(name)] = Upscaler(name, one.path, one.where, one.size)
    return list(named.values())
