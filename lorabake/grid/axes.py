"""What can be compared along X, Y and Z: one row for each kind of axis.

The guide's own strings mean what they say there: `-10, -09, -08` and `1.0>, 0.9>, 0.8>`.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from lorabake.core.errors import GridError
from lorabake.core.registry import unknown_name
from lorabake.engine.sampler_names import SAMPLER_NAMES
from lorabake.grid.block_text import shown_blocks
from lorabake.grid.shot import Shot
from lorabake.grid.tags import MAX_WEIGHT, blocks_text, reblocked, renamed, reweighted
from lorabake.grid.values import number, parse_values, parse_words, short_number

MAX_SEED = 2**32 - 1
MAX_STEPS = 150
MAX_CFG = 30.0
MAX_CLIP_SKIP = 12

Put = Callable[[Shot, str, Sequence[str]], Shot]


@dataclass(frozen=True)
class Known:
    """What an axis's values are looked up in.

    files: names of the run's LoRA files that a text of epochs lists. size: a text to "832x1216".
    base: the name of a base model, checked. Each raises a sentence for what is not there.
    """

    files: Callable[[str], list[str]]
    size: Callable[[str], str]
    base: Callable[[str], str]


@dataclass(frozen=True)
class AxisKind:
    """A kind of axis. name: on screen and on the sheet; also: what else it may be called.

    webui: the type of X/Y/Z plot that makes the same pictures. cost: of going from one value to the
    next; the dearest is changed least often. read: a text to values, as they are shown. put: a
    picture with one value, given the names of the run's files; None for what replaces text.
    bare: labels are the value alone. needle: the value as it stands in a prompt, which a web UI's
    Prompt S/R searches for. example: of its values, and what they do.
    """

    name: str
    webui: str
    cost: float
    read: Callable[[str, Known], list[str]]
    put: Put | None
    also: tuple[str, ...] = ()
    bare: bool = False
    needle: Callable[[str], str] = str
    example: str = ""


@dataclass(frozen=True)
class Axis:
    """One axis of a grid. kind: the name of its AxisKind. fixed: a seed of -1 was drawn here."""

    kind: str
    values: tuple[str, ...]
    fixed: bool = False

    @property
    def row(self) -> AxisKind:
        return axis_kind(self.kind)

    def label(self, value: str) -> str:
        """As on the sheet: the text itself, or "Steps: 20"."""
        return value if self.row.bare else f"{self.row.name}: {value}"


def parse_weights(text: str) -> list[float]:
    """LoRA weights, as `0.5-1.0 (+0.1)` or the guide's `1.0>, 0.9>, 0.8>`."""
    weights = parse_values(text.replace(">", ""), what="weights")
    if not weights:
        raise GridError("No weight is given. Write for example 0.6, 0.8, 1.0.")
    for weight in weights:
        if abs(weight) > MAX_WEIGHT:
            raise GridError(
                f"A weight of {weight:g} is beyond anything useful. Most LoRAs work from 0.5 to 1.0."
            )
    return weights


def choose_epochs(text: str, available: Sequence[int]) -> list[int]:
    """The epochs a text lists, as `7-10` or the guide's `-10, -09`; all of them when it is empty."""
    if not available:
        raise GridError("This run has no LoRA file yet. Wait for its first epoch to be saved.")
    pieces = [piece.strip() for piece in text.replace("\n", ",").split(",")]
    # "-10" is how the guide searches for the end of a file's name; there is no epoch below 1
    plain = ",".join(piece[1:] if re.fullmatch(r"-\d+", piece) else piece for piece in pieces)
    values = parse_values(plain, what="epochs")
    if not values:
        return list(available)
    for value in values:
        if value not in available:
            raise GridError(
                f"There is no file of epoch {value:g}. There are: {_spoken(available)}."
            )
    return [int(value) for value in values]


def read_axis(kind: str, text: str, known: Known) -> Axis:
    """An axis from its type and the text of its values."""
    row = axis_kind(kind)
    values = row.read(text, known)
    if not values:
        raise GridError(f"{row.name} has no values. Write some, or leave the axis out.")
    return Axis(row.name, tuple(values), row.name == "Seed" and "-1" in text)


def axis_kind(name: str) -> AxisKind:
    """By its name on screen, by X/Y/Z plot's, or by a short one; upper case does not matter."""
    wanted = " ".join(name.split()).casefold()
    for row in AXES:
        if wanted in (row.name.casefold(), *row.also):
            return row
    raise GridError(unknown_name("axis", name, tuple(row.name for row in AXES)))


# --- reading --------------------------------------------------------------------------------------


def _whole(what: str, low: int, high: int) -> Callable[[str, Known], list[str]]:
    def read(text: str, _known: Known) -> list[str]:
        values = parse_values(text, what=what)
        for value in values:
            if not value.is_integer() or not low <= value <= high:
                raise GridError(f"{value:g} is none of the {what}, which go from {low} to {high}.")
        return [str(int(value)) for value in values]

    return read


def _seeds(text: str, known: Known) -> list[str]:
    """-1 is any seed, as everywhere; it is drawn now, so that the grid can be made again."""
    read = _whole("seeds", -1, MAX_SEED)
    return [str(secrets.randbelow(2**32)) if seed == "-1" else seed for seed in read(text, known)]


def _guidance(text: str, _known: Known) -> list[str]:
    values = parse_values(text, what="CFG scales")
    for value in values:
        if not 1 <= value <= MAX_CFG:
            raise GridError(f"A CFG scale of {value:g} is not between 1 and {MAX_CFG:g}.")
    return [number(value) for value in values]


def _samplers(text: str, _known: Known) -> list[str]:
    chosen = []
    for word in filter(None, parse_words(text, what="samplers")):
        found = [name for name in SAMPLER_NAMES if name.casefold() == word.casefold()]
        if not found:
            raise GridError(unknown_name("sampler", word, SAMPLER_NAMES))
        chosen.append(found[0])
    return chosen


def _each(look: Callable[[Known], Callable[[str], str]]) -> Callable[[str, Known], list[str]]:
    def read(text: str, known: Known) -> list[str]:
        return [look(known)(word) for word in filter(None, parse_words(text))]

    return read


def _blocks(text: str, _known: Known) -> list[str]:
    """Presets, blocks, or lists of numbers in quotes; a list alone needs none."""
    words = [word for word in parse_words(text, what="block weights") if word]
    if words and all(_is_number(word) for word in words):
        words = [text]
    return [shown_blocks(word) for word in words]


def _is_number(word: str) -> bool:
    return re.fullmatch(r"[+-]?\d{1,10}(\.\d{1,8})?", word) is not None


def _prompts(text: str, _known: Known) -> list[str]:
    return [word for word in parse_words(text, what="prompts") if word]


# --- the list -------------------------------------------------------------------------------------

PROMPT_SR, PROMPT, EPOCH, WEIGHT = "Prompt S/R", "Prompt", "Epoch", "Weight"
BLOCKS = "Block weights"


def _put_size(shot: Shot, value: str, _names: Sequence[str]) -> Shot:
    width, _, height = value.partition("x")
    return replace(shot, width=int(width), height=int(height))


AXES = (
    AxisKind(
        "Base model",
        "Checkpoint name",
        1.0,
        _each(lambda known: known.base),
        lambda shot, value, _: replace(shot, base=value),
        ("base", "model", "checkpoint", "checkpoint name"),
        example="practice, other_model. Its VAE comes with it.",
    ),
    AxisKind(
        EPOCH,
        PROMPT_SR,
        0.5,
        lambda text, known: known.files(text),
        lambda shot, value, names: replace(shot, prompt=renamed(shot.prompt, names, value)),
        ("epochs", "lora"),
        example="7-10, or -10, -09, or other_run:7-10. Empty: all of this run.",
    ),
    AxisKind(
        "Size",
        "Size",
        0.3,
        _each(lambda known: known.size),
        _put_size,
        example="832x1216, 1024x1024",
    ),
    AxisKind(
        PROMPT,
        PROMPT_SR,
        0.2,
        _prompts,
        lambda shot, value, _: replace(shot, prompt=value),
        ("prompts",),
        bare=True,
        example='One prompt a line, or with commas in quotes: "1girl, smile", "1girl, hat".',
    ),
    AxisKind(
        PROMPT_SR,
        PROMPT_SR,
        0.2,
        lambda text, _: parse_words(text),
        None,
        ("s/r", "sr"),
        bare=True,
        example="-10, -09, -08: looks for the first and puts the others in its place.",
    ),
    AxisKind(
        "Clip skip",
        "Clip skip",
        0.2,
        _whole("clip skips", 1, MAX_CLIP_SKIP),
        lambda shot, value, _: replace(shot, clip_skip=int(value)),
        ("clip_skip",),
        example="1, 2",
    ),
    AxisKind(
        "Sampler",
        "Sampler",
        0.1,
        _samplers,
        lambda shot, value, _: replace(shot, sampler=value),
        ("samplers",),
        example="Euler a, DDIM",
    ),
    AxisKind(
        "Steps",
        "Steps",
        0.1,
        _whole("steps", 1, MAX_STEPS),
        lambda shot, value, _: replace(shot, steps=int(value)),
        example="20, 30",
    ),
    AxisKind(
        "CFG scale",
        "CFG Scale",
        0.1,
        _guidance,
        lambda shot, value, _: replace(shot, cfg=float(value)),
        ("cfg",),
        example="4-8 (+1)",
    ),
    AxisKind(
        WEIGHT,
        PROMPT_SR,
        0.0,
        lambda text, _: [number(weight) for weight in parse_weights(text)],
        lambda shot, value, names: replace(
            shot, prompt=reweighted(shot.prompt, names, float(value))
        ),
        ("weights",),
        example="0.5-1.0 (+0.1), or 1.0>, 0.9>, 0.8>",
        needle=lambda value: f"{value}>",
    ),
    AxisKind(
        BLOCKS,
        PROMPT_SR,
        0.0,
        _blocks,
        lambda shot, value, names: replace(shot, prompt=reblocked(shot.prompt, names, value)),
        ("blocks", "lbw"),
        needle=blocks_text,
        example='OUTALL, MIDD, OUT05, or "1,0,…" in quotes: 12 or 20 numbers for SDXL, 17 or 26 for SD 1.5',
    ),
    AxisKind(
        "Seed",
        "Seed",
        0.0,
        _seeds,
        lambda shot, value, _: replace(shot, seed=int(value)),
        ("seeds",),
        example="1-4, or -1 for any",
    ),
)


def _spoken(numbers: Sequence[int]) -> str:
    if len(numbers) > 2 and numbers[-1] - numbers[0] == len(numbers) - 1:
        return f"{numbers[0]} to {numbers[-1]}"
    return ", ".join(map(short_number, numbers))
