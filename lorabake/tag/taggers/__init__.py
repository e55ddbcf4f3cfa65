"""The taggers that are known by name, and opening one.

A tagger is a row of `wd.py`, or a file of its own with a TaggerKind whose `open` gives something
with the interface of `tagger.Tagger`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lorabake.core.errors import LorabakeError, ModelFileError, RecipeError
from lorabake.core.home import expanded
from lorabake.core.registry import Registry, unknown_name
from lorabake.core.workspace import Workspace
from lorabake.engine.shelf.known import known
from lorabake.tag.taggers import practice, wd
from lorabake.tag.taggers.devices import has_graphics
from lorabake.tag.taggers.finding import files_at, taggers_here
from lorabake.tag.taggers.session import known_key_of, open_onnx
from lorabake.tag.taggers.tagger import Tagger, TaggerFiles, TaggerKind

__all__ = [
    "TAGGERS",
    "Tagger",
    "TaggerChoice",
    "TaggerFiles",
    "TaggerKind",
    "chosen_names",
    "default_tagger",
    "load_tagger",
    "resolve_tagger",
    "tagger_choices",
    "tagger_key",
]

TAGGERS: Registry[TaggerKind] = Registry("tagger", *wd.ENTRIES, practice.ENTRY)
MAX_TAGGERS = 5  # at once
_BEST_FIRST = {
    True: ("eva02-large", "vit-large", "swinv2", "vit", "convnext"),
    False: ("vit", "convnext", "swinv2", "eva02-large", "vit-large"),
}


@dataclass(frozen=True)
class TaggerChoice:
    """A tagger for a list on the page.

    here: can be used now. model: its name on the shelf (engine.shelf.KNOWN) to download it, "" if
    it cannot be. where: the program or folder it was found in.
    """

    name: str
    label: str
    help: str
    here: bool
    model: str = ""
    mib: float = 0.0
    licence: str = ""
    page: str = ""
    where: str = ""
    path: Path | None = None
    default: bool = False


def tagger_choices(workspace: Workspace) -> list[TaggerChoice]:
    """All that are known or found, the default one marked; quick enough for the page."""
    default = default_tagger(workspace)
    choices, used = [], set()
    for kind in TAGGERS:
        files = kind.find(workspace)
        if files is not None:
            used.add(files.model)
        choices.append(_choice(kind, files, default=kind.name == default))
    others = [files for files in taggers_here(workspace) if files.model not in used]
    return [*choices, *(_other(files, default=files.name == default) for files in others)]


def default_tagger(workspace: Workspace) -> str:
    """eva02-large on a graphics card, vit on a CPU; else what is here; else the practice tagger."""
    for name in _BEST_FIRST[has_graphics()]:
        if TAGGERS[name].find(workspace) is not None:
            return name
    older = [kind.name for kind in wd.ENTRIES if kind.find(workspace) is not None]
    return next(iter([*older, *(files.name for files in taggers_here(workspace))]), "practice")


def chosen_names(workspace: Workspace, taggers: str) -> list[str]:
    """The names in the setting "taggers", each once; [default_tagger] when it is empty."""
    names = list(dict.fromkeys(filter(None, (name.strip() for name in taggers.split(",")))))
    if len(names) > MAX_TAGGERS:
        raise RecipeError(f"At most {MAX_TAGGERS} taggers can be asked at once. Leave some out.")
    return names or [default_tagger(workspace)]


def resolve_tagger(
    workspace: Workspace, name: str, *, paths_allowed: bool = False
) -> tuple[TaggerKind | None, TaggerFiles]:
    """A known tagger (with its kind) or another one of the shelf, on this computer.

    paths_allowed: the name may be a folder or a file (of the command line; never from the page).
    Raises ModelFileError that says how to get it, or which there are.
    """
    kind = _kind(name)
    if kind is not None:
        files = kind.find(workspace)
        if files is None:
            raise ModelFileError(_how_to_get(kind))
        return kind, files
    for look in (False, True):
        for files in taggers_here(workspace, look=look):
            if files.name.casefold() == name.casefold():
                return None, files
    if paths_allowed and (expanded(name).exists() or "/" in name or "\\" in name):
        return None, files_at(Path(name))
    here = tuple(files.name for files in taggers_here(workspace))
    raise ModelFileError(unknown_name("tagger", name, (*TAGGERS.names, *here)))


def tagger_key(workspace: Workspace, name: str) -> str | None:
    """The key that probabilities of this tagger are kept under; None when it was never opened here."""
    files = resolve_tagger(workspace, name)[1]
    try:
        return known_key_of(workspace, files)
    except OSError:  # removed a moment ago
        return None


def load_tagger(
    workspace: Workspace,
    name_or_path: str | Path,
    device: str = "auto",
    *,
    paths_allowed: bool = True,
) -> Tagger:
    """Open a tagger. Its name is that of the list, not of its file."""
    kind, files = resolve_tagger(workspace, str(name_or_path), paths_allowed=paths_allowed)
    if kind is None:
        return open_onnx(workspace, files, device)
    named = TaggerFiles(kind.name, files.model, files.tags, files.where)
    return kind.open(workspace, named, device)


def _kind(name: str) -> TaggerKind | None:
    plain = name.strip().casefold()
    return next(
        (
            kind
            for kind in TAGGERS
            if plain == kind.name or plain in (alias.casefold() for alias in kind.aliases)
        ),
        None,
    )


def _how_to_get(kind: TaggerKind) -> str:
    if not kind.model:
        return f"{kind.label} is missing. Install lorabake anew, or choose another tagger."
    return (
        f"{kind.label} is not on this computer. Download it: on the page under Generate tags, or "
        f"with `models get {kind.model}`."
    )


def _choice(kind: TaggerKind, files: TaggerFiles | None, *, default: bool) -> TaggerChoice:
    page = licence = ""
    mib = _mib(files) if files else 0.0
    if kind.model:
        about = known(kind.model)
        page, licence, mib = about.page, about.licence, mib or float(about.mib or 0)
    return TaggerChoice(
        name=kind.name,
        label=kind.label,
        help=kind.help,
        here=files is not None,
        model=kind.model,
        mib=mib,
        licence=licence,
        page=page,
        where=files.where if files else "",
        path=files.model if files else None,
        default=default,
    )


def _other(files: TaggerFiles, *, default: bool) -> TaggerChoice:
    return TaggerChoice(
        name=files.name,
        label=files.name,
        help="Found on this computer.",
        here=True,
        mib=_mib(files),
        where=files.where,
        path=files.model,
        default=default,
    )


def _mib(files: TaggerFiles) -> float:
    try:
        return round(files.model.stat().st_size / 2**20, 1)
    except (OSError, LorabakeError):
        return 0.0
