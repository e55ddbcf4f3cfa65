"""A grid before its first picture: what was asked, checked and written into a folder of its own.

The folder lies in the run's, `RUN/grid/NAME/`, with `grid.json`, the cells and the sheet. The same
question about the same files leads to the same folder, so what is already rendered is kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from lorabake.core.errors import GridError, LorabakeError, ModelFileError
from lorabake.core.files import atomic_write_json, read_json
from lorabake.core.run import Run
from lorabake.core.settings import setting
from lorabake.core.toml import read_toml
from lorabake.engine.families import model_pixel_multiple
from lorabake.engine.lora_file import read_metadata
from lorabake.grid.axes import choose_epochs, parse_weights
from lorabake.grid.drawing import cfg_setting, sampler_setting, size_setting, steps_setting
from lorabake.grid.tags import without_lora_tags
from lorabake.grid.values import number
from lorabake.recipe.recipe import Recipe, recipe_from_mapping

PLAN = "grid.json"
SETUP = "setup.json"  # written into the run by train/prepare.py
MAX_CELLS = 400
MAX_PIXELS = 2048 * 2048  # of one cell
DAMAGED = (OSError, LorabakeError, AttributeError, KeyError, TypeError, ValueError)
"""What reading a record raises that is not what was written."""


@dataclass(frozen=True, kw_only=True)
class GridRequest:
    """The guide's "Is it Ready?", as the form and the command line ask it."""

    prompt: str = setting(
        "",
        "Prompt",
        help="What to draw, with your trigger word. The <lora:…> part is put in by itself, "
        "where the guide writes it.",
    )
    negative: str = setting(
        "",
        "Negative prompt",
        help="What not to draw. Not in the guide; empty leaves it to the model.",
    )
    epochs: str = setting(
        "",
        "Epochs",
        help="Whose files are compared: 7-10 or 7,10. The guide begins with the last four; "
        "empty takes all.",
    )
    weights: str = setting(
        "0, 0.6, 0.8, 1.0",
        "Weights",
        help="0.5-1.0 (+0.1) or 0.6, 0.8, 1.0. The guide tries 1.0 down to 0.5: ideally 1.0 "
        "works, about 0.8 is fine. 0 is the plain base.",
    )
    seed: int = setting(
        1,
        "Seed",
        help="All pictures share it, so that only the LoRA differs. Not in the guide; another "
        "number draws other pictures, none better than another.",
        minimum=0,
        maximum=2**32 - 1,
    )
    steps: int = steps_setting()
    cfg: float = cfg_setting()
    sampler: str = sampler_setting()
    size: str = size_setting()


@dataclass(frozen=True)
class Row:
    """One epoch. file: its LoRA in the run folder; lora_hash: to know it again."""

    epoch: int
    file: str
    lora_hash: str

    @property
    def name(self) -> str:
        """As a prompt names it: `hsr_kafka-07`."""
        return self.file.removesuffix(".safetensors")

    @property
    def suffix(self) -> str:
        """The epoch as the file's name writes it: `07`."""
        return self.name.rpartition("-")[2]


@dataclass(frozen=True)
class GridPlan:
    """Everything a grid's pictures depend on, except the base model."""

    prompt: str
    negative: str
    rows: tuple[Row, ...]
    weights: tuple[float, ...]
    seed: int
    steps: int
    cfg: float
    sampler: str
    width: int
    height: int
    clip_skip: int = 1

    @property
    def total(self) -> int:
        return len(self.rows) * len(self.weights)

    def cell_name(self, row: Row, weight: float) -> str:
        return f"{row.name}_{number(weight)}.png"


@dataclass(frozen=True)
class Base:
    """The base model of a run. cache: where its hash is remembered."""

    path: Path
    vae: Path | None
    cache: Path | None


def prepare_grid(run: Run, request: GridRequest) -> Path:
    """The folder of a grid, ready for `python -m lorabake.grid FOLDER`.

    Raises GridError with what to change when the request does not fit the run.
    """
    checkpoints = {checkpoint.epoch: checkpoint.path for checkpoint in run.checkpoints()}
    epochs = choose_epochs(request.epochs, list(checkpoints))
    weights = parse_weights(request.weights)
    if len(epochs) * len(weights) > MAX_CELLS:
        raise GridError(
            f"{len(epochs)} epochs times {len(weights)} weights are {len(epochs) * len(weights)} "
            f"pictures; a sheet holds {MAX_CELLS}. Choose fewer."
        )
    names = [path.stem for path in checkpoints.values()]
    prompt = without_lora_tags(request.prompt, names)
    if not prompt:
        raise GridError("There is no prompt. Write what to draw, with your trigger word.")
    rows = tuple(row_of(epoch, checkpoints[epoch]) for epoch in epochs)
    width, height = size_for(request.size, run, checkpoints[epochs[0]])
    plan = GridPlan(
        prompt=prompt,
        negative=without_lora_tags(request.negative, names),
        rows=rows,
        weights=tuple(weights),
        seed=request.seed,
        steps=request.steps,
        cfg=request.cfg,
        sampler=request.sampler,
        width=width,
        height=height,
        clip_skip=recipe_of(run).general.clip_skip,
    )
    folder = run.grid_dir / folder_name(asdict(plan), plan.prompt)
    folder.mkdir(parents=True, exist_ok=True)
    atomic_write_json(folder / PLAN, {"format": 1, **asdict(plan)})
    return folder


def read_plan(folder: Path) -> GridPlan:
    """What `prepare_grid` wrote; GridError when the folder holds no grid."""
    try:
        return GridPlan(**fields_of(folder / PLAN))
    except DAMAGED as error:
        raise GridError(f"{folder.name} is not a grid ({error}). Start a new one.") from error


def fields_of(path: Path) -> dict[str, Any]:
    """The fields of a record with rows and weights, as its dataclass takes them; one of DAMAGED."""
    record: Any = read_json(path)
    fields = {key: value for key, value in record.items() if key != "format"}
    fields["rows"] = tuple(Row(**row) for row in fields["rows"])
    fields["weights"] = tuple(float(weight) for weight in fields["weights"])
    for row in fields["rows"]:
        if Path(row.file).name != row.file:
            raise ValueError(f"{row.file} is no file of a run")
    return fields


def run_of(folder: Path) -> Run:
    """The run a grid's folder belongs to."""
    return Run(folder.parent.parent)


def base_of(run: Run) -> Base:
    """The base model a run was baked on; GridError when it is gone or not a run."""
    try:
        about: Any = read_json(run.folder / SETUP)
        base, vae, cache = Path(about["base"]), about.get("vae"), about.get("cache")
    except (OSError, LorabakeError, KeyError, TypeError, ValueError) as error:
        raise GridError(f"{run.name} is not a run with a base model ({error}).") from error
    if not base.exists():
        raise GridError(
            f"The base model {base.name} is not where it was when this run was baked. "
            f"Put it back ({base.parent})."
        )
    return Base(base, Path(vae) if vae else None, Path(cache) if cache else None)


def recipe_of(run: Run) -> Recipe:
    return recipe_from_mapping(read_toml(run.recipe_path))


def row_of(epoch: int, path: Path) -> Row:
    """The hash is part of the row, so that pictures of a file that was baked anew are not kept."""
    try:
        known = read_metadata(path).get("sshs_model_hash", "")
    except ModelFileError:
        known = ""  # rendering will say what is wrong with the file; the others are rendered
    return Row(epoch, path.name, known)


def folder_name(asked: Mapping[str, Any], words: str) -> str:
    """The same for the same question. words: those of the prompt, so that people find it."""
    text = json.dumps(asked, sort_keys=True, ensure_ascii=False)
    digest = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    slug = re.sub(r"[^a-z0-9]+", "-", words.lower())[:32].strip("-")
    return f"{slug or 'grid'}-{digest}"


def size_for(text: str, run: Run, lora: Path | None) -> tuple[int, int]:
    """Width and height in px: as asked, or the shape most pictures of a LoRA were trained in."""
    multiple = model_pixel_multiple(base_of(run).path, recipe_of(run).model.family)
    if not text.strip() and lora is not None:
        width, height = _trained_size(run, lora)
        return _nearest(width, multiple), _nearest(height, multiple)
    match = re.fullmatch(r"\s*(\d{1,5})\s*[x×*]\s*(\d{1,5})\s*", text)
    if not match:
        raise GridError(f"{text[:40]!r} is no size. Write for example 832x1216.")
    width, height = int(match[1]), int(match[2])
    if width % multiple or height % multiple or not 0 < width * height <= MAX_PIXELS:
        raise GridError(
            f"{width}x{height} does not fit: both sides must be multiples of {multiple}, and "
            f"{_nearest(width, multiple)}x{_nearest(height, multiple)} would do."
        )
    return width, height


def _trained_size(run: Run, lora: Path) -> tuple[int, int]:
    try:
        buckets = json.loads(read_metadata(lora)["ss_bucket_info"])["buckets"].values()
        width, height = max(buckets, key=lambda bucket: bucket["count"])["resolution"]
        if 0 < width * height <= MAX_PIXELS:
            return int(width), int(height)
    except (LorabakeError, KeyError, TypeError, ValueError):
        pass  # a file of another program, or one that is damaged
    side = recipe_of(run).general.resolution
    return side, side


def _nearest(side: int, multiple: int) -> int:
    return max(round(side / multiple), 1) * multiple
