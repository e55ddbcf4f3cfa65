"""Making the files, putting them in place, and looking at what lies there. Needs torch."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from PIL import Image, PngImagePlugin

from lorabake.core.errors import GridError, ModelFileError
from lorabake.core.files import atomic_write_json, atomic_write_text, atomic_writer
from lorabake.core.names import safe_name
from lorabake.engine.lora_file import (
    inspect_lora,
    model_hash,
    read_lora,
    read_metadata,
    save_lora,
)
from lorabake.engine.networks.lowrank import Part, composed, difference, ranks
from lorabake.grid.handover import words
from lorabake.grid.handover.card import model_card
from lorabake.grid.handover.choice import Choice
from lorabake.grid.handover.folders import Placed, put, workroom
from lorabake.grid.handover.settings import TRIM, HandoverSettings, Merge, parse_keep, parse_merge
from lorabake.grid.job import base_of, recipe_of

Tell = Callable[[str], None]


@dataclass(frozen=True)
class HandedOver:
    """What lies there now.

    norm: ‖ΔW‖ of the file; error: how far its ΔW is from what was asked for, as a share (0 for a
    plain copy). said: sentences for the user.
    """

    files: list[Placed]
    norm: float
    error: float
    ranks: list[int]
    said: list[str]

    def to_mapping(self) -> dict[str, Any]:
        return {
            "files": [str(placed.path) for placed in self.files],
            "norm": self.norm,
            "error": self.error,
            "ranks": self.ranks,
            "said": self.said,
            "placed": [asdict(placed) | {"path": str(placed.path)} for placed in self.files],
        }


@dataclass(frozen=True)
class _Made:
    """The LoRA file before it is put in place."""

    path: Path
    error: float = 0.0
    said: tuple[str, ...] = ()


def hand_over(
    choice: Choice,
    settings: HandoverSettings,
    folder: Path,
    *,
    card: bool = False,
    tell: Tell = lambda text: None,
) -> HandedOver:
    """NAME.safetensors, NAME.json and, with a picture, NAME.png; with `card`, NAME.md too.

    Made and checked in the run's folder first, then put into `folder`, all or none; then opened
    again there. Raises GridError, ModelFileError or WorkspaceError.
    """
    name = safe_name(settings.name)
    if not settings.weight:
        raise GridError("The weight is 0, at which the LoRA does nothing. Choose another.")
    with workroom(choice.run) as room:
        made = _make(choice, settings, room, tell)
        tell("Looking at the file")
        found = _checked(choice, made.path)
        files = {f"{name}.safetensors": made.path}
        files |= _beside(choice, settings, name, made, room, card)
        tell(f"Copying to {folder}")
        placed = put(files, folder)
    if model_hash(placed[0].path) != found["hashes"]["model"]:
        raise ModelFileError(
            f"{placed[0].path.name} does not read back as it was written: the disk may be failing. "
            "Choose another folder."
        )
    said = list(made.said)
    if choice.cell is None:
        said.append(
            f"No grid has a picture of epoch {choice.epoch} at weight {choice.weight:g}, "
            "so there is no preview."
        )
    kept = [one.path.name for one in placed if not one.new]
    if kept:
        said.append(f"{' and '.join(kept)} {'were' if len(kept) > 1 else 'was'} there already.")
    return HandedOver(placed, found["norm"], made.error, _ranks(found), said)


def _make(choice: Choice, settings: HandoverSettings, room: Path, tell: Tell) -> _Made:
    """The file to hand over: the run's own, or a changed one in `room`."""
    keep = parse_keep(settings.resize)
    others = {checkpoint.epoch: checkpoint.path for checkpoint in choice.run.checkpoints()}
    merge = parse_merge(settings.merge_with, [epoch for epoch in others if epoch != choice.epoch])
    reshapes = bool(merge or keep.rank or keep.share)
    if not reshapes and settings.training_notes != TRIM:
        return _Made(choice.file)
    state, notes, said, error = read_lora(choice.file), dict(choice.metadata), [], 0.0
    _require_numbers(state, choice.file.name)
    if reshapes:
        parts = [Part(state, 1 - merge.share if merge else 1.0)]
        if merge:
            tell(f"Averaging with epoch {merge.epoch}")
            other = read_lora(others[merge.epoch])
            _require_numbers(other, others[merge.epoch].name)
            parts.append(Part(other, merge.share))
        else:
            tell("Leaving out the weakest directions")
        made = composed(parts, keep)
        if not merge and ranks(made) == ranks(state):
            raise GridError(
                f"No layer of {choice.file.name} becomes smaller: its rank is "
                f"{max(ranks(state))} already. Choose less, or leave it as it was baked."
            )
        before, state = state, made
        what = _what(choice, before, made, merge)
        notes = words.with_ranks(notes, ranks(made), what)
        said.append(what)
    notes = words.renamed(notes, settings.name, settings.trigger)
    if settings.training_notes == TRIM:
        notes = words.trimmed(notes)
        said.append("The notes of the bake are left out of the file.")
    path = room / "made.safetensors"
    saved = save_lora(path, state, notes)
    if saved.warning:
        said.append(saved.warning.replace(path.name, settings.name))
    if reshapes:
        error = difference(parts, read_lora(path))
        exact = "the exact average" if merge else "the file as it was baked"
        kept = math.sqrt(max(1 - error * error, 0.0))  # what is left out is at right angles to it
        said.append(
            f"It has {_percent(kept)} of the strength of {exact}; {_percent(error)} differs."
        )
    return _Made(path, error, tuple(said))


def _what(
    choice: Choice, before: Mapping[str, Any], made: Mapping[str, Any], merge: Merge | None
) -> str:
    """ "Rank 8 became 4.": for the file's own notes too."""
    now, then = sorted(set(ranks(made))), sorted(set(ranks(before)))
    if merge:
        shares = f"{100 * (1 - merge.share):g} % of epoch {choice.epoch}"
        other = f"{100 * merge.share:g} % of epoch {merge.epoch}"
        return f"Average of {shares} and {other} at rank {_span(now)}."
    return f"Rank {_span(then)} became {_span(now)}."


def _span(numbers: list[int]) -> str:
    return str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if share >= 0.001 else "less than 0.1 %"


def _require_numbers(state: Mapping[str, Any], name: str) -> None:
    if any(not bool(tensor.isfinite().all()) for tensor in state.values()):
        raise ModelFileError(f"{name} holds weights that are no numbers. Take an earlier epoch.")


def _checked(choice: Choice, path: Path) -> dict[str, Any]:
    """What is in a file, which must be numbers, do something, and fit the model it was baked on."""
    from lorabake.engine.families.loading import skeleton
    from lorabake.engine.networks.attaching import require_fit

    found = inspect_lora(path)
    if not found["finite"]:
        raise ModelFileError(
            f"{choice.file.name} holds weights that are no numbers. Take an earlier epoch."
        )
    if not found["norm"] or not math.isfinite(found["norm"]):
        raise ModelFileError(
            f"{choice.file.name} changes the model by exactly 0. Take another epoch."
        )
    try:
        base = base_of(choice.run)
    except GridError:
        return found  # the model is gone by now; the names and shapes were right when it was baked
    family = recipe_of(choice.run).model.family
    require_fit(skeleton(base.path, family), read_lora(path))
    return found


def _beside(
    choice: Choice,
    settings: HandoverSettings,
    name: str,
    made: _Made,
    room: Path,
    card: bool,
) -> dict[str, Path]:
    """The other files, by the name they will have."""
    told = room / "made.json"
    atomic_write_json(told, words.sidecar(choice, settings))
    files = {f"{name}.json": told}
    if choice.cell:
        changed = made.error or model_hash(made.path) != model_hash(choice.file)
        picture = room / "made.png"
        _preview(choice, name, "" if changed else choice.cell.lora_hash, picture)
        files[f"{name}.png"] = picture
    if card:
        text = room / "made.md"
        atomic_write_text(text, model_card(choice, settings, read_metadata(made.path)))
        files[f"{name}.md"] = text
    return files


def _preview(choice: Choice, name: str, lora_hash: str, path: Path) -> None:
    """The cell's pixels, its text under the file's new name."""
    assert choice.cell is not None
    try:
        with Image.open(choice.cell.picture) as picture:
            picture.load()
    except (OSError, ValueError) as error:
        raise GridError(
            f"The picture {choice.cell.picture.name} cannot be read. Render this grid again."
        ) from error
    text = str(picture.info.get("parameters", ""))
    notes = PngImagePlugin.PngInfo()
    notes.add_text("parameters", words.preview_text(text, choice.cell.name, name, lora_hash))
    with atomic_writer(path) as temporary:
        picture.save(temporary, format="PNG", pnginfo=notes)


def _ranks(found: Mapping[str, Any]) -> list[int]:
    listed = [found["rank"], found["conv_rank"]]
    return sorted({r for one in listed for r in (one if isinstance(one, list) else [one]) if r})
