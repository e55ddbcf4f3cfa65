"""One measuring, from the base model to verdict.json. Read `Measuring.run` from top to bottom."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lorabake.core.dataset import Concept, Dataset
from lorabake.core.errors import LorabakeError, Stopped
from lorabake.core.events import EventType
from lorabake.core.files import MIB, read_json
from lorabake.core.manifest import thaw
from lorabake.core.tags import escape_brackets
from lorabake.core.workspace import Workspace
from lorabake.engine.networks.switch import LoraSwitch
from lorabake.grid.job import Row, base_of, recipe_of, run_of
from lorabake.grid.painter import load_base, prepare_thread
from lorabake.grid.render import Events, never, render_board
from lorabake.grid.verdict.asked import Key, grid_of, read_asked
from lorabake.grid.verdict.evidence import Evidence
from lorabake.grid.verdict.extra import (
    Prompt,
    SmallFiles,
    extra_board,
    file_name,
    items_of,
    other_seed,
)
from lorabake.grid.verdict.held_out import (
    LossMeter,
    caption_of,
    choose_pictures,
    is_unchanged,
    measure_file,
    strength,
)
from lorabake.grid.verdict.kept import KeptLosses, fingerprint
from lorabake.grid.verdict.looks import look_at
from lorabake.grid.verdict.record import write_verdict
from lorabake.grid.verdict.tagging import Painted, compare_tags, tagger_for

if TYPE_CHECKING:
    from lorabake.engine.families.model import Model

MOST_LOOKED_AT = 200  # pictures of the data set, for colours and for what a tagger always sees
MANIFEST_LIMIT = 256 * MIB


def measure(
    folder: Path, *, events: Events, should_stop: Callable[[], bool] = never
) -> dict[str, Any]:
    """Measure what `prepare_verdict` asked for; the record that was written into the grid's folder.

    Raises Stopped when `should_stop` says so; what is done is kept, and found again.
    """
    return Measuring(folder, events, should_stop).run()


class Measuring:
    """The stages of a verdict. After each the record is written, with what is known by then."""

    def __init__(self, folder: Path, events: Events, should_stop: Callable[[], bool]) -> None:
        self.asked = read_asked(folder)
        self.grid = grid_of(folder)
        self.baked = run_of(self.grid)
        self.events = events
        self.should_stop = should_stop
        self.recipe = recipe_of(self.baked)
        self.base = base_of(self.baked)
        self.dataset = _dataset(self.baked.manifest_path)
        self.choice = choose_pictures(self.dataset, self.recipe, self.asked.pictures)
        self.prompts = self._prompts()
        mark = fingerprint(
            self.asked, [one.image.sha256 for one in self.choice.pictures], self.prompts
        )
        self.kept = KeptLosses(folder, mark)
        self.evidence = Evidence(self.asked, held_out=self.choice.held_out)
        self.evidence.losses = self.kept.losses
        self.evidence.strengths = self.kept.strengths
        self.evidence.items = items_of(self.asked, self.prompts)
        pictures = folder / f"pictures-{mark[:8]}"
        pictures.mkdir(exist_ok=True)
        self.files = SmallFiles(pictures, extra_board(self.baked, self.asked, self.evidence.items))

    def run(self) -> dict[str, Any]:
        if self._missing_losses() or self.files.done < self.files.board.total:
            self.events.write("phase", name="load", detail=f"Loading {self.base.path.name}")
            model = load_base(self.base, self.recipe)
            prepare_thread(model)
            try:
                self._losses(model)
                self._paint(model)
            finally:
                model.free(*list(model.parts))
        self._looks()
        self._tags()
        return write_verdict(self.grid, self.evidence, done=True)

    # --- losses -------------------------------------------------------------------------------

    def _missing_losses(self) -> bool:
        keys: list[Key | None] = [None, *self.asked.cells]
        return bool(self.choice.pictures) and any(key not in self.kept.losses for key in keys)

    def _losses(self, model: Model) -> None:
        if not self._missing_losses():
            return
        self._tell("Encoding pictures", 0, len(self.asked.cells))
        meter = LossMeter(
            model, self.recipe, self.choice, levels=self.asked.levels, seed=self.asked.seed
        )
        with LoraSwitch(model) as switch:
            if None not in self.kept.losses:
                self.kept.losses[None] = meter.losses(switch, text_weight=0.0)
            for row in self.asked.rows:
                self._losses_of(row, meter, switch)
                self.kept.write()
                write_verdict(self.grid, self.evidence, done=False)

    def _losses_of(self, row: Row, meter: LossMeter, switch: LoraSwitch) -> None:
        missing = [w for w in self.asked.painted if (row.epoch, w) not in self.kept.losses]
        if not missing:
            return
        self._raise_if_stopped()

        def keep(weight: float, losses: list[float]) -> None:
            self.kept.losses[row.epoch, weight] = losses
            self._tell("Measuring the loss", len(self.kept.losses) - 1, len(self.asked.cells))
            self._raise_if_stopped()

        try:
            switch.load(self.baked.folder / row.file)
            self.kept.strengths[row.epoch] = strength(switch)
            measure_file(meter, switch, missing, keep)
        except Stopped:
            self.kept.write()
            raise
        except (LorabakeError, OSError) as error:
            self.events.write("warning", text=f"{row.file} was left out: {error}")

    # --- paintings ----------------------------------------------------------------------------

    def _paint(self, model: Model) -> None:
        render_board(
            self.files,
            self.baked,
            events=_Painted(self.events),
            should_stop=self.should_stop,
            model=model,
        )

    def _painted(self) -> Painted:
        found: Painted = {}
        keys: list[Key | None] = [None, *self.asked.cells]
        for key in keys:
            items = self.evidence.items
            if key is None:
                items = [*items, *other_seed(self.asked, items)]
            for item in items:
                path = self.files.folder / file_name(key, item)
                if path.exists():
                    found[key, item.name] = path
        return found

    def _looks(self) -> None:
        painted = self._painted()
        for place, (spot, path) in enumerate(painted.items()):
            self._raise_if_stopped()
            if not place % 20:
                self._tell("Looking at the paintings", place, len(painted))
            with suppress(LorabakeError, OSError):
                self.evidence.looks[spot] = look_at(path)
        for path in [path for _, paths in self._data() for path in paths]:
            with suppress(LorabakeError, OSError):
                self.evidence.data.append(look_at(path))

    # --- tags ---------------------------------------------------------------------------------

    def _tags(self) -> None:
        workspace = Workspace(Path(self.asked.workspace))
        name = tagger_for(workspace, self.base.path)
        if not name:
            return
        try:
            compare_tags(
                self.evidence,
                workspace,
                name,
                self._data(),
                self._painted(),
                on_progress=lambda done, total: self._tell("Asking the tagger", done, total),
                should_stop=self.should_stop,
            )
        except Stopped:
            raise
        except LorabakeError as error:
            self.events.write("warning", text=f"Likeness was not measured. {error}")

    def _data(self) -> list[tuple[Concept, list[Path]]]:
        """The pictures of each concept that are still as they were."""
        if not hasattr(self, "_concepts"):
            concepts = [concept for concept in self.dataset.concepts if not concept.is_reg]
            most = max(MOST_LOOKED_AT // max(len(concepts), 1), 1)
            self._concepts = [
                (concept, [one.path for one in concept.images[:most] if is_unchanged(one)])
                for concept in concepts
            ]
        return self._concepts

    def _prompts(self) -> list[Prompt]:
        """Captions of the pictures that are measured, each once; else the grid's own prompt."""
        found: dict[str, Prompt] = {}
        for one in self.choice.pictures:
            text = escape_brackets(caption_of(one, self.recipe))
            if text.strip():
                found.setdefault(text, Prompt(text, one.concept.name))
        chosen = list(found.values())[: self.asked.prompts]
        concepts = [concept.name for concept in self.dataset.concepts]
        return chosen or [Prompt(self.asked.prompt, concepts[0] if concepts else "")]

    def _tell(self, detail: str, done: int, total: int) -> None:
        self.events.write("phase", name="measure", detail=detail, done=done, total=total)

    def _raise_if_stopped(self) -> None:
        if self.should_stop():
            raise Stopped("Stopped, as you asked. What was measured is kept.")


class _Painted:
    """The events of rendering, told as a phase: a verdict's pictures are not a grid's cells."""

    def __init__(self, events: Events) -> None:
        self._events = events

    def write(self, type: EventType, **data: Any) -> None:
        if type == "cell":
            self._events.write(
                "phase",
                name="measure",
                detail="Painting small samples",
                done=data["done"],
                total=data["total"],
            )
        elif type in ("note", "warning"):
            self._events.write(type, **data)


def _dataset(manifest: Path) -> Dataset:
    """What the run was baked from; without pictures when it does not say."""
    with suppress(OSError, LorabakeError):
        record: Any = read_json(manifest, limit=MANIFEST_LIMIT)
        return thaw(record)
    return Dataset(manifest.parent, ())
