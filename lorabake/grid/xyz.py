"""A grid with any axes: what was asked for X, Y and Z, checked and written into a folder of its own.

The folder lies in the run's, `RUN/grid/NAME/`, with `xyz.json`, the cells and the sheet. The same
question about the same files leads to the same folder, so what is already rendered is kept.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from math import prod
from pathlib import Path
from typing import Any

from lorabake.core.errors import GridError, LorabakeError
from lorabake.core.files import MIB, atomic_write_json, read_json
from lorabake.core.run import Run
from lorabake.engine.families.emphasis import weigh
from lorabake.engine.identify import require_base
from lorabake.grid.axes import (
    BLOCKS,
    EPOCH,
    MAX_SEED,
    PROMPT,
    PROMPT_SR,
    WEIGHT,
    Axis,
    Known,
    read_axis,
)
from lorabake.grid.block_text import not_meant
from lorabake.grid.board import AxisText, Board, LoraFile, Spot, board_of
from lorabake.grid.job import (
    MAX_CELLS,
    PLAN,
    Base,
    base_of,
    folder_name,
    read_plan,
    recipe_of,
    run_of,
    size_for,
)
from lorabake.grid.library import Bases, Library
from lorabake.grid.replace import concerns
from lorabake.grid.shot import Shot
from lorabake.grid.tags import lora_tag, lora_uses, named, renamed, reweighted, without_tags
from lorabake.grid.values import join_words
from lorabake.grid.xyz_cells import EACH, NO_AXIS, XyzPlan, shots_by_place, with_tag
from lorabake.grid.xyz_request import XyzRequest

XYZ = "xyz.json"
MAX_PLAN = 4 * MIB
GUIDE_EPOCHS = 4
GUIDE_WEIGHTS = "1.0>, 0.9>, 0.8>, 0.7>, 0.6>, 0.5>"


def prepare_xyz(run: Run, request: XyzRequest, bases: Bases, folders: Sequence[Path] = ()) -> Path:
    """The folder of a grid, ready for `python -m lorabake.grid FOLDER`.

    bases: finds a base model by its name. folders: where LoRAs of other programs lie. Raises
    GridError with what to change when the request does not fit the run.
    """
    plan = plan_xyz(run, request, bases, folders)
    folder = run.grid_dir / _folder_name(plan)
    folder.mkdir(parents=True, exist_ok=True)
    atomic_write_json(folder / XYZ, {"format": 1, **asdict(plan)}, limit=MAX_PLAN)
    return folder


def plan_xyz(
    run: Run,
    request: XyzRequest,
    bases: Bases,
    folders: Sequence[Path] = (),
    *,
    hashed: bool = True,
) -> XyzPlan:
    """The same without writing anything. hashed: LoRA files are known by their content, which
    takes time for large ones of other programs; who only looks can do without."""
    library = Library(run, folders)
    known = Known(library.files_of, lambda text: _size(run, text), bases.check)
    axes = tuple(_axis(text, letter, known) for text, letter in _asked(request))
    width, height = size_for(request.size, run, library.newest)
    shot = Shot(
        prompt=request.prompt,
        negative=request.negative,
        seed=secrets.randbelow(MAX_SEED + 1) if request.seed < 0 else request.seed,
        steps=request.steps,
        cfg=request.cfg,
        sampler=request.sampler,
        width=width,
        height=height,
        clip_skip=request.clip_skip or recipe_of(run).general.clip_skip,
    )
    plan = XyzPlan(
        shot,
        (axes[0], axes[1], axes[2]),
        tuple(library.names),
        {},
        {value: str(bases.path(value)) for axis in axes if axis.kind == "Base model"
         for value in axis.values},
        request.margin,
        vary=_varied(request),
    )  # fmt: skip
    _require_few(plan)
    shots = shots_by_place(plan)
    warnings = (*_warnings(plan, shots), *_foreign_blocks(run, shots.values()))
    return replace(plan, files=_files_used(shots.values(), library, hashed), warnings=warnings)


def as_the_guide_does(run: Run, prompt: str) -> dict[str, str]:
    """Prompt, X and Y for the guide's two questions at once: which epoch, and which weight.

    The prompt asks for the newest file at weight 1.0; X looks for its epoch, Y for its weight.
    """
    names = list(Library(run).own)
    newest = names[-1]
    if set(named(prompt)) & set(names):
        prompt = reweighted(renamed(prompt, names, newest), names, 1.0)
    else:
        prompt = ", ".join(filter(None, [lora_tag(newest, 1.0), prompt.strip(" ,\n")]))
    epochs = [f"-{name.rpartition('-')[2]}" for name in reversed(names)][:GUIDE_EPOCHS]
    return {
        "prompt": prompt,
        "x": f"{PROMPT_SR}={join_words(epochs)}",
        "y": f"{PROMPT_SR}={GUIDE_WEIGHTS}",
        "z": "",
    }


def read_xyz(folder: Path) -> XyzPlan:
    """What `prepare_xyz` wrote; GridError when the folder holds no such grid."""
    try:
        record: Any = read_json(folder / XYZ, limit=MAX_PLAN)
        x, y, z = (
            Axis(axis["kind"], tuple(axis["values"]), axis["fixed"]) for axis in record["axes"]
        )
        if not (x.values and y.values and z.values):
            raise ValueError("an axis has no values")
        return XyzPlan(
            Shot(**record["shot"]),
            (x, y, z),
            tuple(record["names"]),
            {name: (file[0], file[1]) for name, file in record["files"].items()},
            dict(record["bases"]),
            int(record["margin"]),
            tuple(record["warnings"]),
            str(record.get("vary", "")),
        )
    except (OSError, LorabakeError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise GridError(f"{folder.name} is not a grid ({error}). Start a new one.") from error


def open_board(folder: Path) -> Board:
    """The grid in a folder, whichever kind it is."""
    if (folder / PLAN).is_file():
        return board_of(read_plan(folder), run_of(folder))
    plan, run = read_xyz(folder), run_of(folder)
    try:
        return _board(plan, run)
    except (LookupError, AttributeError, TypeError, ValueError, OverflowError) as error:
        raise GridError(f"{folder.name} is not a grid ({error}). Start a new one.") from error


def _board(plan: XyzPlan, run: Run) -> Board:
    x_axis, y_axis, z_axis = plan.axes
    shots = shots_by_place(plan)
    spots = [
        Spot(x, y, z, shots[x, y, z], f"{z + 1}-{y + 1:02d}-{x + 1:02d}.png", _spoken(plan, (x, y, z)))
        for z in range(len(z_axis.values))
        for y in range(len(y_axis.values))
        for x in range(len(x_axis.values))
    ]  # fmt: skip
    return Board(
        spots=tuple(spots),
        columns=_labels(x_axis),
        rows=_labels(y_axis),
        sheets=_labels(z_axis),
        axes=tuple(_as_webui(axis, spots[0].shot.prompt) for axis in plan.axes),
        files={
            name: LoraFile(run.folder / path, lora_hash)
            for name, (path, lora_hash) in plan.files.items()
        },
        bases={name: Base(Path(path), None, None) for name, path in plan.bases.items()},
        margin=plan.margin,
        title=plan.shot.prompt,
        axis_names=tuple("" if axis == NO_AXIS else axis.kind for axis in plan.axes),
    )


# --- checking -------------------------------------------------------------------------------------


def _asked(request: XyzRequest) -> list[tuple[str, str]]:
    return [(request.x, "X"), (request.y, "Y"), (request.z, "Z")]


def _varied(request: XyzRequest) -> str:
    """The letters of "Vary seeds for", in order; EACH where -1 is kept for every picture."""
    letters = set(request.vary_seeds.upper()) - set(" ,/")
    if letters - set("XYZ"):
        raise GridError(f"Seeds vary for X, Y or Z, not for {request.vary_seeds[:20]!r}.")
    if request.keep_random and request.seed < 0:
        return EACH
    return "".join(sorted(letters))


def _axis(text: str, letter: str, known: Known) -> Axis:
    """`TYPE=VALUES`; an axis that is left out has one value that changes nothing."""
    if not text.strip():
        return NO_AXIS
    kind, equals, values = text.partition("=")
    if not equals:
        raise GridError(f"{letter} wants TYPE=VALUES, for example weight=0.6, 0.8, 1.0.")
    return read_axis(kind, values, known)


def _files_used(
    shots: Iterable[Shot], library: Library, hashed: bool
) -> dict[str, tuple[str, str]]:
    used = {use.name for shot in shots for use in lora_uses(shot.prompt) if not use.idle}
    if not hashed:
        return {name: (str(library.path(name)), "") for name in sorted(used)}
    return {name: library.record(name) for name in sorted(used)}


def _require_few(plan: XyzPlan) -> None:
    """Before there is anything for each cell."""
    total = prod(len(axis.values) for axis in plan.axes)
    if total > MAX_CELLS:
        raise GridError(f"These are {total} pictures; a sheet holds {MAX_CELLS}. Choose fewer.")


def _warnings(plan: XyzPlan, shots: Mapping[tuple[int, int, int], Shot]) -> tuple[str, ...]:
    """What is no mistake and still may not be meant; raises for what is one."""
    kinds = [axis.kind for axis in plan.axes if axis != NO_AXIS]
    if twice := next((kind for kind in kinds if kinds.count(kind) > 1 and kind != PROMPT_SR), None):
        raise GridError(f"Two axes are {twice}. Change one of them.")
    for shot in dict.fromkeys(shots.values()):
        weigh(without_tags(shot.prompt))
        weigh(shot.negative)
        if not without_tags(shot.prompt).strip(" ,\n"):
            raise GridError("There is no prompt. Write what to draw, with your trigger word.")
    needles = [axis.values[0] for axis in plan.axes if axis.kind == PROMPT_SR]
    prompts = next(
        (axis.values for axis in plan.axes if axis.kind == PROMPT and axis != NO_AXIS), None
    )
    told = [
        sentence
        for prompt in prompts or (plan.shot.prompt,)
        for sentence in concerns(with_tag(prompt, plan), plan.shot.negative, needles)
    ]
    changed = [axis.kind for axis in plan.axes if axis.kind in (EPOCH, WEIGHT, BLOCKS)]
    if changed and not any(set(named(shot.prompt)) & set(plan.names) for shot in shots.values()):
        told.append(
            f"The prompt names no LoRA of this run, so {' and '.join(changed)} change nothing."
        )
    return tuple(dict.fromkeys(told))


def _foreign_blocks(run: Run, shots: Iterable[Shot]) -> list[str]:
    """What to know of block weights that were written for another family's models."""
    uses = [use for shot in shots for use in lora_uses(shot.prompt)]
    sizes = sorted({use.blocks.size for use in uses if use.blocks is not None})
    if not sizes:
        return []
    family = require_base(base_of(run).path, recipe_of(run).model.family).family or ""
    return [sentence for size in sizes if (sentence := not_meant(size, family))]


def _size(run: Run, text: str) -> str:
    width, height = size_for(text, run, None)
    return f"{width}x{height}"


def _folder_name(plan: XyzPlan) -> str:
    asked = {key: value for key, value in asdict(plan).items() if key not in ("warnings", "vary")}
    if plan.vary:
        asked["vary"] = plan.vary
    return folder_name(asked, without_tags(plan.shot.prompt))


# --- words ----------------------------------------------------------------------------------------


def _labels(axis: Axis) -> tuple[str, ...]:
    return ("",) if axis == NO_AXIS else tuple(axis.label(value) for value in axis.values)


def _spoken(plan: XyzPlan, place: tuple[int, int, int]) -> str:
    parts = [
        axis.label(axis.values[index])
        for axis, index in zip(plan.axes, place, strict=True)
        if axis != NO_AXIS
    ]
    return ", ".join(parts) or "the picture"


def _as_webui(axis: Axis, first: str) -> AxisText:
    """The axis with which X/Y/Z plot makes the same pictures. first: the prompt of the first one."""
    if axis == NO_AXIS:
        return AxisText("", "")
    needles = [axis.row.needle(value) for value in axis.values]
    if axis.kind == WEIGHT and needles[0] not in first:  # block weights stand behind it
        needles = [f":{value}:" for value in axis.values]
    words = join_words(needles)
    if axis.fixed:
        return AxisText(axis.row.webui, "-1", words)
    return AxisText(axis.row.webui, words)
