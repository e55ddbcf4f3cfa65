"""What the measures hint at, in sentences; each with what it rests on, none of them the truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from lorabake.grid.verdict.asked import Key
from lorabake.grid.verdict.evidence import Evidence
from lorabake.grid.verdict.measures import Measure, overcooked
from lorabake.grid.verdict.score import Proposal
from lorabake.grid.verdict.words import (
    ABOUT,
    cell_words,
    cells_words,
    listed,
    on_weight,
    shown,
    weight_words,
)

Tone = Literal["info", "warn", "ok"]
UNCHANGED = 0.1  # of another seed: no more than a different machine would do
WEAK = 1e-5  # ‖ΔW‖ / ‖W‖ below which nothing can be seen
SIGN = 0.5  # half of the way from where a sign begins to where it is plain

SIGN_WORDS = {
    "saturation": "colours stronger than your pictures'",
    "contrast": "more contrast than your pictures",
    "clipped": "burnt out areas",
    "variety": "little difference between seeds",
    "drift": "other prompts change as well",
}


@dataclass(frozen=True)
class Hint:
    """tone: as the page marks it; text: the hint; why: what it rests on, folded."""

    tone: Tone
    text: str
    why: str


def hints_of(
    evidence: Evidence, measures: Mapping[str, Measure], proposal: Proposal | None
) -> list[Hint]:
    found = [
        _nothing(evidence, measures),
        _loss(evidence, measures.get("loss")),
        _likeness(evidence, measures.get("likeness")),
        _overcooked(measures),
        _underbaked(evidence, proposal),
    ]
    return [hint for hint in found if hint is not None]


def learned_nothing(evidence: Evidence, measures: Mapping[str, Measure]) -> list[str]:
    """Why it looks as if nothing was learned; [] where something was.

    All that was measured has to agree: a loss that does not fall, pictures that do not change.
    """
    reasons = []
    loss, change = measures.get("loss"), measures.get("change")
    if loss is not None and loss.base is not None and loss.best is not None:
        fell = loss.base - loss.values[loss.best]
        if fell > max(2 * loss_error(evidence, loss.best), 1e-4 * loss.base):
            return []
        reasons.append("the loss does not fall below the plain base's")
    if change is not None and change.best is not None:
        if change.values[change.best] > UNCHANGED:
            return []
        reasons.append("the paintings are the plain base's")
    strengths = evidence.strengths
    if strengths and max(strengths.values()) < WEAK:
        reasons.append("its weights are next to nothing")
    return reasons


def loss_error(evidence: Evidence, key: Key) -> float:
    from lorabake.grid.verdict.paired import error_of_difference

    return error_of_difference(evidence.losses[None], evidence.losses[key])


def sentence_of(
    evidence: Evidence, measures: Mapping[str, Measure], proposal: Proposal | None
) -> str:
    """The verdict: which cell and why."""
    reasons = learned_nothing(evidence, measures)
    if reasons:
        return (
            f"It looks as if nothing was learned: {listed(reasons)}. Bake longer or at a higher "
            "learning rate, and look whether the trigger word is in the captions."
        )
    if proposal is None:
        return ""
    told = [f"E{cell_words(proposal.best)[1:]}: {_reasons(measures, proposal)}."]
    told.append(on_weight(proposal.best[1]))
    if proposal.runner_up is not None:
        told.append(f"Next best: {cell_words(proposal.runner_up)}.")
    return " ".join(told)


def _reasons(measures: Mapping[str, Measure], proposal: Proposal) -> str:
    key, told = proposal.best, []
    loss, likeness = measures.get("loss"), measures.get("likeness")
    if likeness is not None:
        how = shown(likeness.values[key], "percent")
        top = "the most alike" if likeness.best == key else "as alike as any within noise"
        if key not in likeness.near:
            assert likeness.best is not None
            top = f"against {shown(likeness.values[likeness.best], 'percent')} at best"
        told.append(f"likeness {how}, {top}")
    if loss is not None:
        if loss.best == key:
            told.append("the lowest loss")
        elif key in loss.near:
            told.append("a loss within noise of the lowest")
        else:
            assert loss.best is not None
            told.append(
                f"a loss of {shown(loss.values[key], 'loss')} against "
                f"{shown(loss.values[loss.best], 'loss')} at best"
            )
    signs = [name for name, share in overcooked(measures, key).items() if share >= SIGN]
    told.append(
        f"but {listed([SIGN_WORDS[name] for name in signs])}"
        if signs
        else "no plain sign of overcooking"
    )
    if len(proposal.tied) > 1:
        told.append(
            f"{len(proposal.tied)} cells are too close to tell apart, and of these it is the one "
            "nearest to weight 1.0 and the earliest"
        )
    return "; ".join(told)


def _nothing(evidence: Evidence, measures: Mapping[str, Measure]) -> Hint | None:
    reasons = learned_nothing(evidence, measures)
    if not reasons:
        return None
    why = (
        "Said only when all that was measured agrees: no cell predicts the pictures better than the plain "
        f"base by two standard errors, and no painting moves further from it than {UNCHANGED:g} of what "
        "another seed does. These limits are ours."
    )
    return Hint("warn", f"Nothing seems to be learned: {listed(reasons)}.", why)


def _loss(evidence: Evidence, loss: Measure | None) -> Hint | None:
    if loss is None or loss.best is None:
        return Hint(
            "info",
            "No loss was measured: the pictures of this bake are not where they were, or were changed.",
            "The loss needs the very pictures that were baked or held out. The other measures stand "
            "without them.",
        )
    count = len(evidence.losses.get(None, []))
    about = ABOUT["loss" if evidence.held_out else "memory"]
    what = (
        f"{count} held-out pictures" if evidence.held_out else f"{count} pictures it was baked on"
    )
    text = f"The loss of {what} is lowest for {cell_words(loss.best)}"
    if len(loss.near) > 1:
        others = len(loss.near) - 1
        text += (
            "; 1 more cell is within noise of it"
            if others == 1
            else f"; {others} more cells are within noise of it"
        )
    text += "."
    if not evidence.held_out:
        text += " It measures memory, not how well it does elsewhere: set Held-out share for the next bake."
    return Hint("info", text, about.text)


def _likeness(evidence: Evidence, likeness: Measure | None) -> Hint | None:
    if not evidence.tagger:
        return Hint(
            "info",
            "No tagger is on this computer, so likeness was not measured. Download one under Generate "
            "tags, then measure again.",
            "A tagger (WD v3) sees whether the tags of your pictures come back in the paintings.",
        )
    if likeness is None or likeness.best is None:
        return None
    why = ABOUT["likeness"].text
    if not evidence.telling:
        return Hint(
            "info",
            f"{evidence.tagger} sees nothing in your pictures that the plain base does not paint as "
            "well, so likeness says little here. Trust your eyes.",
            why,
        )
    text = (
        f"{evidence.tagger} looks for {listed(evidence.telling)}: most alike is "
        f"{cell_words(likeness.best)} with {shown(likeness.values[likeness.best], 'percent')}"
    )
    if likeness.base is not None:
        text += f" (plain base {shown(likeness.base, 'percent')})"
    return Hint("info", text + ".", why)


def _overcooked(measures: Mapping[str, Measure]) -> Hint | None:
    signs: dict[str, list[Key]] = {}
    keys = {key for measure in measures.values() if measure.scale for key in measure.values}
    if not keys:
        return None
    for key in keys:
        for name, share in overcooked(measures, key).items():
            if share >= SIGN:
                signs.setdefault(name, []).append(key)
    if not signs:
        return Hint(
            "ok",
            "No cell shows a plain sign of overcooking.",
            "Looked at: saturation, contrast, burnt out areas, difference between seeds, drift of other "
            "prompts. Thresholds are ours; what they cannot see are doubled lines and melted hands.",
        )
    told = [f"{SIGN_WORDS[name]} ({cells_words(cells)})" for name, cells in signs.items()]
    why = "\n".join(f"{ABOUT[name].title}: {ABOUT[name].text}" for name in signs)
    return Hint("warn", f"Signs of overcooking: {'; '.join(told)}.", why)


def _underbaked(evidence: Evidence, proposal: Proposal | None) -> Hint | None:
    if proposal is None or len(evidence.asked.rows) < 3:
        return None
    last = max(row.epoch for row in evidence.asked.rows)
    weights = [weight for weight in evidence.asked.painted if weight > 0]
    strongest = max(weights)
    if proposal.best[0] == last and proposal.best == max(
        proposal.scores, key=lambda key: proposal.scores[key]
    ):
        return Hint(
            "info",
            f"The last epoch of this grid ({last}) is the best one: a later one or a longer bake may be better still.",
            "The score still rises at the end. Render later epochs if there are some, or bake more.",
        )
    if proposal.best[1] == strongest and strongest < 1:
        return Hint(
            "info",
            f"The strongest weight of this grid ({weight_words(strongest)}) is the best one. Render one "
            "with 1.0 too.",
            "The guide: a LoRA should ideally work at weight 1.0.",
        )
    return None
