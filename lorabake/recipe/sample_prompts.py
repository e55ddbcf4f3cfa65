"""The sample prompts of a recipe: a prompt a line with options behind it, as in sd-scripts.

ohwx, 1girl, smile --n lowres --w 832 --h 1216 --d 42 --s 28 --l 5
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from lorabake.core.errors import RecipeError
from lorabake.recipe.recipe import Recipe
from lorabake.recipe.settings.output import SAMPLERS

MOST_PROMPTS = 16
MOST_STEPS, MOST_SIDE = 150, 4096
_OPTION = re.compile(r"\s--(\w+)(?=\s|$)")


@dataclass(frozen=True)
class SamplePrompt:
    """One line. width, height: px, 0 for the recipe's resolution; cfg: 1 leaves the negative out."""

    prompt: str
    negative: str = ""
    width: int = 0
    height: int = 0
    seed: int = 0
    steps: int = 28
    cfg: float = 5.0
    sampler: str = SAMPLERS[0]


def parse_prompts(recipe: Recipe) -> list[SamplePrompt]:
    """The sample prompts of a recipe, one a line; RecipeError names the line that cannot be read.

    Empty lines and those that begin with # are left out. Without --d the recipe's seed is used, so
    that the pictures of two epochs can be compared.
    """
    lines = [line.strip() for line in recipe.sample.sample_prompts.splitlines()]
    wanted = [line for line in lines if line and not line.startswith("#")]
    if len(wanted) > MOST_PROMPTS:
        raise RecipeError(
            f"{len(wanted)} sample prompts are too many; {MOST_PROMPTS} are drawn at most. "
            "Remove some under Sample images."
        )
    usual = SamplePrompt("", seed=recipe.general.seed, sampler=recipe.sample.sample_sampler)
    return [_parse(line, usual) for line in wanted]


def _parse(line: str, usual: SamplePrompt) -> SamplePrompt:
    prompt, *options = _OPTION.split(f" {line}")
    changes: dict[str, Any] = {"prompt": prompt.strip()}
    for name, text in zip(options[::2], options[1::2], strict=True):
        if name not in _READERS:
            raise RecipeError(
                f"--{name[:20]} in a sample prompt is not known. There are --n, --w, --h, --d, --s, --l "
                "and --ss."
            )
        field, read = _READERS[name]
        try:
            changes[field] = read(text.strip())
        except (ValueError, OverflowError):
            raise RecipeError(
                f"--{name} in a sample prompt cannot be {text.strip()[:40]!r}. {_WANTS[name]}"
            ) from None
    return replace(usual, **changes)


def _whole(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        value = int(text)
        if not low <= value <= high:
            raise ValueError(text)
        return value

    return read


def _scale(text: str) -> float:
    value = float(text)
    if not 0 < value <= 100:
        raise ValueError(text)
    return value


def _sampler(text: str) -> str:
    """A sampler by the web UIs' name, or by sd-scripts' short one."""
    known = {name.lower(): name for name in SAMPLERS} | _SHORT_NAMES
    if text.lower() not in known:
        raise ValueError(text)
    return known[text.lower()]


_SHORT_NAMES = {
    **dict.fromkeys(("euler_a", "k_euler_a"), "Euler a"),
    **dict.fromkeys(("euler", "k_euler"), "Euler"),
    **dict.fromkeys(("dpmsolver++", "dpmsolver", "dpm_2m"), "DPM++ 2M Karras"),
    "ddim": "DDIM",
}
_READERS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "n": ("negative", str),
    "w": ("width", _whole(16, MOST_SIDE)),
    "h": ("height", _whole(16, MOST_SIDE)),
    "d": ("seed", _whole(0, 2**32 - 1)),
    "s": ("steps", _whole(1, MOST_STEPS)),
    "l": ("cfg", _scale),
    "ss": ("sampler", _sampler),
}
_WANTS = {
    "n": "",
    "w": f"It wants a width from 16 to {MOST_SIDE} px.",
    "h": f"It wants a height from 16 to {MOST_SIDE} px.",
    "d": "It wants a whole number as the seed.",
    "s": f"It wants 1 to {MOST_STEPS} steps.",
    "l": "It wants a CFG scale above 0.",
    "ss": f"It wants one of {', '.join(SAMPLERS)}.",
}
