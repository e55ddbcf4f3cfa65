"""Every measure in words: its title, how its numbers are written, what it says and what it does not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lorabake.grid.values import short_number
from lorabake.grid.verdict.asked import Key


@dataclass(frozen=True)
class About:
    """title: on a button; unit: how a number is written, see `shown`; text: what it is and is not."""

    title: str
    unit: str
    text: str


ABOUT = {
    "score": About(
        "Score",
        "plain",
        "What the proposal is made of: how much of the loss a cell takes away (weight 0.35; 0.15 when the "
        "pictures were trained on), its likeness (0.45) and how well it obeys the prompt (0.2), each as a "
        "share of the best cell's. The plainest sign of overcooking takes up to half of it away (drift "
        "up to a quarter). The weights are ours.",
    ),
    "loss": About(
        "Validation loss",
        "loss",
        "How well the noise of held-out pictures is predicted, always the same pictures with the same "
        "noise at the same noise levels. Lower is better. It falls while the LoRA learns and rises when "
        "it only learns its own pictures by heart. Cells marked ≈ are within two standard errors of the "
        "lowest, so that chance may have ordered them. It knows nothing of style or of hands.",
    ),
    "memory": About(
        "Loss of its own pictures",
        "loss",
        "This run held no pictures out, so the loss is that of pictures it was trained on: it tells how "
        "much was learned by heart and not how well it does elsewhere, and it falls even where the LoRA "
        "is overcooked. Set Held-out share to 0.1 for the next bake. Lower is better; cells marked ≈ are "
        "within two standard errors of the lowest.",
    ),
    "likeness": About(
        "Likeness",
        "percent",
        "A tagger looks at small paintings of each cell. Found is how surely it sees what it sees in at "
        "least 60 % of your pictures and not in the plain base's; expected is the share of what it sees "
        "that you asked for or that your pictures have. Likeness is their F-score, 2·f·e / (f + e). It "
        "only knows what has a tag: a face that is nobody's may still be tagged right.",
    ),
    "obeyed": About(
        "Obeys the prompt",
        "percent",
        "How surely the tagger sees the other words of the prompt: clothes, mood, background. An "
        "overcooked LoRA paints its own pictures whatever it is asked for.",
    ),
    "saturation": About(
        "Saturation",
        "ratio",
        "How colourful the paintings are, beside your pictures or the plain base, whichever is more "
        "colourful. From 115 % it is a sign of overcooking, from 160 % a plain one; the thresholds are ours.",
    ),
    "contrast": About(
        "Contrast",
        "ratio",
        "How far light and dark are apart, beside your pictures or the plain base. From 115 % it is a "
        "sign of overcooking, from 160 % a plain one; the thresholds are ours.",
    ),
    "clipped": About(
        "Burnt out",
        "points",
        "The share of pixels in which a colour is at its end, so that no detail is left, above that of "
        "your pictures and the plain base. From 5 points it is a sign, from 25 a plain one; the "
        "thresholds are ours.",
    ),
    "variety": About(
        "Variety",
        "ratio",
        "How different the paintings of one prompt are when only the seed differs, beside the plain "
        "base's. Much of the loss is what a LoRA is for: somebody's hair is no longer anybody's. Below "
        "10 % it is a sign of overcooking, at 2 % a plain one: then every seed is the same picture. The "
        "thresholds are ours.",
    ),
    "drift": About(
        "Drift of other prompts",
        "plain",
        "How far paintings of somebody else, without your trigger word, move away from the plain base's. "
        "1 is as different as another seed. From 0.8 it is a sign of overcooking, from 1.6 a plain one; "
        "the thresholds are ours. Regularisation pictures keep it low.",
    ),
    "change": About(
        "Change",
        "plain",
        "How far the paintings of your own prompts are from the plain base's with the same seed; 1 is as "
        "different as another seed. Near 0 the LoRA does nothing.",
    ),
}


def shown(value: float, unit: str) -> str:
    """A number of a measure as the table writes it."""
    if unit == "loss":
        return f"{value:.4f}"
    if unit in ("percent", "ratio"):
        return f"{100 * value:.0f} %"
    if unit == "points":
        return f"{100 * value:+.0f}"
    return f"{value:.2f}"


def cell_words(key: Key) -> str:
    return f"epoch {key[0]} at weight {weight_words(key[1])}"


def weight_words(weight: float) -> str:
    """`1.0`, `0.85`: as the guide writes weights."""
    return f"{weight:.1f}" if round(weight, 1) == round(weight, 6) else short_number(weight)


def listed(words: Sequence[str], most: int = 6) -> str:
    """`a, b and c`; of many the first ones and how many more."""
    if len(words) > most:
        return f"{', '.join(words[:most])} and {len(words) - most} more"
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def cells_words(keys: Iterable[Key]) -> str:
    """`epoch 8 at 0.8 and 1.0; epoch 9 at 1.0`"""
    by_epoch: dict[int, list[float]] = {}
    for epoch, weight in sorted(keys):
        by_epoch.setdefault(epoch, []).append(weight)
    told = [
        f"epoch {epoch} at {listed([weight_words(weight) for weight in weights])}"
        for epoch, weights in by_epoch.items()
    ]
    return "; ".join(told[:4]) + (f"; and {len(told) - 4} more epochs" if len(told) > 4 else "")


def on_weight(weight: float) -> str:
    """The guide on weights: ideally 1.0, and about 0.8 is fine."""
    if weight == 1:
        return "Weight 1.0 is what a LoRA should ideally work at."
    if weight > 1:
        return "Ideally it works at 1.0: bake it longer, or at a higher rate."
    if weight >= 0.75:
        return "Ideally it works at 1.0; about 0.8 is fine."
    return "Ideally it works at 1.0, and about 0.8 is fine; this is low: bake fewer steps, or at a lower rate."
