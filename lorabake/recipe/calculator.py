"""The calculator: what repeats, epochs and batch size come to, and how they come to a wish.

A row is a concept folder. The exact steps are those of `plan.make_plan`, which counts as the trainer
does; the guide's simple sum stands beside them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import gcd
from typing import Any, Final

from lorabake.core.dataset import MAX_REPEATS, Concept, Dataset
from lorabake.core.errors import RecipeError
from lorabake.core.names import shown
from lorabake.engine.networks.sizes import file_mib
from lorabake.recipe.plan import Plan, fit_of, make_plan, steps_per_epoch
from lorabake.recipe.recipe import Recipe, with_setting
from lorabake.recipe.tables import (
    Row,
    Suggestion,
    Table,
    nearest,
    steps_by_table,
    suggest,
    table_for,
)

CURVE_POINTS: Final = 40
MAX_EPOCHS: Final = 1000
_MOST_FACTOR: Final = 40  # repeats that are tried for one folder, or multiples for several


@dataclass(frozen=True)
class FolderRow:
    """A concept folder. seen: pictures an epoch shows; share: of T, 0 to 1 (0 for regularisation)."""

    folder: str
    name: str
    images: int
    repeats: int
    seen: int
    share: float
    is_reg: bool


@dataclass(frozen=True)
class Point:
    """On the chart: pictures or T, and steps. sentence: the guide's, "" on the curve."""

    count: int
    steps: float
    sentence: str = ""


@dataclass(frozen=True)
class Chart:
    """Where a plan lies. unit: "images" or "T"; rows: the table's, at the plan's batch size.

    curve: between the rows and a little beyond; here: the plan itself, its exact steps.
    """

    unit: str
    rows: tuple[Point, ...]
    curve: tuple[Point, ...]
    here: Point


@dataclass(frozen=True)
class Files:
    """What will be written. each, total: MiB; total counts those that are kept."""

    count: int
    each: float
    total: float


@dataclass(frozen=True)
class Calculation:
    """All that the calculator shows.

    count: pictures of one concept, or T of several. seconds: None until a speed was measured.
    notes: sentences about where the exact steps and the simple sum differ, and why.
    """

    rows: tuple[FolderRow, ...]
    seen_per_epoch: int
    epochs: int
    batch_size: int
    steps: int
    simple_steps: int
    plan: Plan
    table: Table
    count: int
    row: Row
    suggestion: Suggestion
    by_table: float
    chart: Chart
    files: Files
    seconds: float | None
    notes: tuple[str, ...]

    def to_mapping(self) -> dict[str, Any]:
        """For a page or `--json`: figures and texts only."""
        return {
            "rows": [vars(row) for row in self.rows],
            "T": self.seen_per_epoch,
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "steps": self.steps,
            "simple_steps": self.simple_steps,
            "table": {"name": self.table.name, "label": self.table.label},
            "nearest": vars(self.row),
            "suggestion": vars(self.suggestion),
            "chart": {
                "unit": self.chart.unit,
                "rows": [vars(point) for point in self.chart.rows],
                "curve": [vars(point) for point in self.chart.curve],
                "here": vars(self.chart.here),
            },
            "files": vars(self.files),
            "seconds": self.seconds,
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class Way:
    """One way to a wanted number of steps.

    repeats: folder → repeats; off: steps too many (+) or too few. why: a sentence.
    """

    epochs: int
    batch_size: int
    repeats: Mapping[str, int]
    steps: int
    off: int
    why: str


def calculate(
    dataset: Dataset, recipe: Recipe, *, seconds_per_step: float | None = None
) -> Calculation:
    """seconds_per_step: as measured in another bake of such a recipe; None: not known.

    Raises RecipeError for buckets that contradict each other.
    """
    plan = make_plan(dataset, recipe)
    batch = recipe.general.batch_size
    table = table_for(recipe.family, len(_trained(dataset)))
    count = plan.images if table.kind == "single" else plan.seen_per_epoch
    return Calculation(
        rows=tuple(_folder_rows(dataset)),
        seen_per_epoch=plan.seen_per_epoch,
        epochs=plan.epochs,
        batch_size=batch,
        steps=plan.total_steps,
        simple_steps=plan.simple_steps,
        plan=plan,
        table=table,
        count=count,
        row=nearest(table, count),
        suggestion=suggest(table, count, batch),
        by_table=steps_by_table(table, count, batch),
        chart=_chart(table, count, batch, plan.total_steps),
        files=files_of(plan, recipe),
        seconds=None if seconds_per_step is None else plan.total_steps * seconds_per_step,
        notes=tuple(_notes(plan, recipe, table, count)),
    )


def files_of(plan: Plan, recipe: Recipe) -> Files:
    """How many files a bake writes, and their size in MiB."""
    network = replace(
        recipe.network,
        train_unet=recipe.unet_trains,
        train_text_encoder=recipe.text_encoder_trains,
    )
    family = "practice" if recipe.model.base == "practice" else recipe.family
    each = file_mib(network, family, recipe.saving.save_precision)
    written = plan.files * (2 if recipe.optimizer.ema else 1)
    kept = min(plan.files, recipe.saving.save_last_n_epochs or plan.files)
    return Files(written, each, each * kept * (2 if recipe.optimizer.ema else 1))


def with_repeats(dataset: Dataset, repeats: Mapping[str, int]) -> Dataset:
    """The same folders shown more or less often; folder name → repeats. Nothing is renamed."""
    known = {concept.folder.name for concept in dataset.concepts}
    for folder, number in repeats.items():
        if folder not in known:
            raise RecipeError(f"There is no folder {shown(folder)}. Look at the folders again.")
        if not 1 <= number <= MAX_REPEATS:
            raise RecipeError(f"Repeats can be from 1 to {MAX_REPEATS}, not {number}.")
    concepts = tuple(
        replace(concept, repeats=repeats.get(concept.folder.name, concept.repeats))
        for concept in dataset.concepts
    )
    return replace(dataset, concepts=concepts)


def what_if(
    dataset: Dataset,
    recipe: Recipe,
    *,
    repeats: Mapping[str, int] | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    seconds_per_step: float | None = None,
) -> Calculation:
    """The calculator with some cells changed; nothing is written."""
    return calculate(
        with_repeats(dataset, repeats or {}),
        with_length(recipe, epochs=epochs, batch_size=batch_size),
        seconds_per_step=seconds_per_step,
    )


def with_length(
    recipe: Recipe, *, epochs: int | None = None, batch_size: int | None = None
) -> Recipe:
    """Other epochs, which then count instead of "Steps instead of epochs", and another batch size."""
    if epochs is not None:
        recipe = with_setting(recipe, "general.epochs", epochs)
        recipe = with_setting(recipe, "general.max_train_steps", 0)
    if batch_size is not None:
        recipe = with_setting(recipe, "general.batch_size", batch_size)
    return recipe


def ways_to(dataset: Dataset, recipe: Recipe, steps: int, *, limit: int = 3) -> list[Way]:
    """Repeats and epochs that come nearest to `steps`, at the batch size of the recipe.

    First by the epochs alone, because that changes nothing else; then those that come nearer still,
    with all repeats multiplied alike, so that the folders keep their weights.
    """
    if steps < 1:
        raise RecipeError("The wanted number of steps must be at least 1.")
    now = {concept.folder.name: concept.repeats for concept in _trained(dataset)}
    fit = fit_of(recipe)

    def way(repeats: Mapping[str, int]) -> Way | None:
        an_epoch = steps_per_epoch(with_repeats(dataset, repeats), recipe, fit)
        return _way(recipe, repeats, steps, an_epoch) if an_epoch else None

    first = way(now)
    if first is None:
        return []
    others: list[Way] = []
    for repeats in _multiples(now):
        found = way(repeats) if repeats != now else first
        if found is None or found.steps > 2 * steps:  # one epoch alone is too much by now
            break
        others.append(found)
    others.sort(key=lambda way: (abs(way.off), abs(way.epochs - recipe.general.epochs)))
    better = [way for way in others if abs(way.off) < abs(first.off)]
    return [first, *better][:limit]


def _way(recipe: Recipe, repeats: Mapping[str, int], steps: int, an_epoch: int) -> Way:
    epochs = min(MAX_EPOCHS, max(1, (2 * steps + an_epoch) // (2 * an_epoch)))
    total = epochs * an_epoch
    off = total - steps
    how = f"{_count(epochs, 'epoch')} of {_count(an_epoch, 'step')} {'is' if epochs == 1 else 'are'} {total}"
    if off == 0:
        why = f"{how}, exactly what you want."
    else:
        why = f"{how}, {_count(abs(off), 'step')} {'more' if off > 0 else 'fewer'} than you want."
        if epochs == 1 and off > 0:
            why += " One epoch is the least there is; lower the repeats, or leave out pictures."
    return Way(epochs, recipe.general.batch_size, dict(repeats), total, off, why)


def _multiples(repeats: Mapping[str, int]) -> list[dict[str, int]]:
    """The same proportions, as small as they go and upwards."""
    divisor = gcd(*repeats.values()) if repeats else 1
    found = []
    for factor in range(1, _MOST_FACTOR + 1):
        one = {folder: number // divisor * factor for folder, number in repeats.items()}
        if max(one.values(), default=0) > MAX_REPEATS:
            break
        found.append(one)
    return found


def _trained(dataset: Dataset) -> list[Concept]:
    return [concept for concept in dataset.concepts if not concept.is_reg]


def _folder_rows(dataset: Dataset) -> list[FolderRow]:
    total = dataset.seen_per_epoch
    rows = []
    for concept in dataset.concepts:
        seen = concept.repeats * len(concept.images)
        share = 0.0 if concept.is_reg or not total else seen / total
        rows.append(
            FolderRow(
                concept.folder.name,
                concept.trigger or concept.name,
                len(concept.images),
                concept.repeats,
                seen,
                share,
                concept.is_reg,
            )
        )
    return rows


def _chart(table: Table, count: int, batch_size: int, steps: int) -> Chart:
    low = min(max(count, 1), table.rows[0].count)
    high = max(count, table.rows[-1].count)
    ratio = (high / low) ** (1 / (CURVE_POINTS - 1))
    counts = sorted({round(low * ratio**number) for number in range(CURVE_POINTS)})
    return Chart(
        table.unit,
        tuple(Point(row.count, row.steps_at(batch_size), row.sentence) for row in table.rows),
        tuple(Point(each, steps_by_table(table, each, batch_size)) for each in counts),
        Point(count, steps),
    )


def _notes(plan: Plan, recipe: Recipe, table: Table, count: int) -> list[str]:
    notes = []
    if plan.reg_images:
        notes.append(
            f"{plan.reg_images} regularisation pictures an epoch are in the steps, but not in T."
        )
    extra = plan.total_steps - plan.simple_steps
    if recipe.general.max_train_steps:
        notes.append(f"“Steps instead of epochs” ends it after {plan.total_steps} steps.")
    elif extra > 0:
        shapes = len(plan.buckets)
        where = f"each of the {shapes} shapes" if shapes > 1 else "each epoch"
        notes.append(
            f"{_count(extra, 'step')} more than the simple sum, because {where} may end in a batch "
            "that is not full."
        )
    if recipe.general.gradient_accumulation_steps > 1:
        notes.append(
            f"{recipe.general.gradient_accumulation_steps} batches make one step, so there are fewer steps."
        )
    row = nearest(table, count)
    if row.rounded:
        notes.append(
            f"The guide rounds this row to {row.steps}; its own sum is {row.simple_steps:.0f}, which is used."
        )
    if not table.covers(count):
        ends = f"{table.rows[0].count} to {table.rows[-1].count}"
        what = "T" if table.unit == "T" else "pictures"
        notes.append(f"The table goes from {ends} {what}; beyond that it is only carried on.")
    return notes


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
