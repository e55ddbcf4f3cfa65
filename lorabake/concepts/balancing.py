"""A data set brought into balance: what would go, what each folder is called then, and doing it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lorabake.concepts.balance import (
    Verdict,
    best_balance,
    guides_balance,
    repeats_only,
    worst_first,
)
from lorabake.concepts.pile import Sorting
from lorabake.concepts.worst import plain_verdicts
from lorabake.core.dataset import concept_folder_name, set_repeats, split_concept_name
from lorabake.core.errors import DatasetError
from lorabake.core.history import NothingToUndo, Outcome, open_history
from lorabake.core.names import shown
from lorabake.core.pictures import bin_pictures

ORIGIN = "balance"


@dataclass(frozen=True)
class Removal:
    """A picture that is proposed to be set aside. why: half a sentence, "" when it is only too many."""

    id: str
    file: Path
    why: str


@dataclass(frozen=True)
class FolderShare:
    """What balance does to one folder. renamed: its name with the new repeats."""

    folder: str
    renamed: str
    trigger: str
    images: int
    keep: int
    repeats: int
    remove: tuple[Removal, ...]

    @property
    def seen(self) -> int:
        return self.keep * self.repeats


@dataclass(frozen=True)
class Proposal:
    """seen_per_epoch: the guide's T afterwards; spread: of the looks at the folders, 0 is equal."""

    root: Path
    folders: tuple[FolderShare, ...]
    seen_per_epoch: int
    spread: float

    @property
    def lost(self) -> int:
        return sum(len(folder.remove) for folder in self.folders)

    def to_mapping(self) -> dict[str, Any]:
        """For a page or `--json`."""
        return {
            "concepts": [
                {
                    "folder": one.folder,
                    "renamed": one.renamed,
                    "trigger": one.trigger,
                    "images": one.images,
                    "keep": one.keep,
                    "repeats": one.repeats,
                    "seen": one.seen,
                    "remove": [{"id": each.id, "why": each.why} for each in one.remove],
                }
                for one in self.folders
            ],
            "T": self.seen_per_epoch,
            "lost": self.lost,
            "spread": self.spread,
        }


@dataclass(frozen=True)
class Applied:
    """What was done. renamed: old folder name → new; set_aside: of the pictures."""

    renamed: Mapping[str, str]
    set_aside: Outcome


def propose(
    sorting: Sorting,
    *,
    tolerance: float | None = None,
    verdicts: Mapping[str, Verdict] | None = None,
    resolution: int = 1024,
    most_seen: int | None = None,
    keep_all: bool = False,
) -> Proposal:
    """tolerance: of the spread, for the fewest pictures lost; None for the guide's way.

    keep_all: only repeats change, whatever spread that leaves. verdicts: id → what speaks against a
    picture, counted instead of the plain one. Regularisation folders and the pile are left as they
    are.
    """
    concepts = [one for one in sorting.concepts if not one.is_reg]
    counts = [len(one.images) for one in concepts]
    if keep_all:
        balance = repeats_only(counts)
    elif tolerance is None:
        balance = guides_balance(counts)
    else:
        balance = best_balance(counts, tolerance, most_seen=most_seen)
    folders = []
    for concept, share in zip(concepts, balance.shares, strict=True):
        pictures = sorting.of(concept.folder.name)
        known = plain_verdicts(pictures, resolution=resolution) | dict(verdicts or {})
        files = {picture.id: picture.file for picture in pictures}
        removed = worst_first(files, known)[: share.lost]
        folders.append(
            FolderShare(
                concept.folder.name,
                concept_folder_name(concept.trigger, share.repeats),
                concept.trigger,
                share.images,
                share.keep,
                share.repeats,
                tuple(
                    Removal(one, files[one], known[one].why if one in known else "")
                    for one in removed
                ),
            )
        )
    return Proposal(sorting.root, tuple(folders), balance.seen_per_epoch, balance.spread)


def apply(proposal: Proposal) -> Applied:
    """Rename the folders, and move the pictures that are too many to the bin as one step.

    DatasetError when a folder is not there any more, or two would have one name; nothing is done then.
    """
    root = proposal.root
    names = [folder.renamed for folder in proposal.folders]
    for folder in proposal.folders:
        if not (root / folder.folder).is_dir():
            raise DatasetError(
                f"The folder {shown(folder.folder)} is not there any more. Look at the folders again."
            )
        taken = folder.renamed != folder.folder and (root / folder.renamed).exists()
        if names.count(folder.renamed) > 1 or taken:
            raise DatasetError(
                f"Two folders would be called {shown(folder.renamed)}. Move their pictures together first."
            )
    renamed = {
        folder.folder: set_repeats(root / folder.folder, folder.repeats).name
        for folder in proposal.folders
    }
    files = [
        root / renamed[folder.folder] / one.file.name
        for folder in proposal.folders
        for one in folder.remove
    ]
    count = "1 picture" if len(files) == 1 else f"{len(files)} pictures"
    return Applied(renamed, bin_pictures(root, files, f"Balance: set {count} aside", origin=ORIGIN))


def take_back(root: Path, applied: Applied) -> Outcome:
    """Bring the pictures and the old repeats back, if nothing was done to the data set since.

    NothingToUndo when something was: then the bin has the pictures.
    """
    history = open_history(root)
    operation = applied.set_aside.operation
    done = Outcome(None)
    if operation is not None:
        newest = history.can_undo
        if newest is None or newest.id != operation.id:
            raise NothingToUndo(
                "Other steps were done since. Undo these first, or restore the pictures from the bin."
            )
        done = history.undo()
    for old, new in applied.renamed.items():
        repeats, _ = split_concept_name(old)
        if repeats and (root / new).is_dir():
            set_repeats(root / new, repeats)
    return done
