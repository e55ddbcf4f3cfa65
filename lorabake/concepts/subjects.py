"""What is to be learned, and how the settings change with it.

The guide tells it in sentences; here each is a change of a setting with its reason. Sections do not
know each other, so a change is a name as in a recipe, and whoever holds the recipe makes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from lorabake.core.registry import Registry


@dataclass(frozen=True)
class Change:
    """One setting that a subject wants otherwise. setting: "general.epochs".

    value: what it becomes; None where it depends on what it is: at least `least`, or multiplied by
    `factor`. optional: "if necessary", so it is offered and not made.
    """

    setting: str
    why: str
    value: Any = None
    least: float | None = None
    factor: float | None = None
    optional: bool = False

    def becomes(self, now: Any) -> Any:
        """The new value, given the present one."""
        if self.least is not None:
            return max(now, self.least)
        if self.factor is not None:
            return float(f"{now * self.factor:.3g}")
        return self.value


@dataclass(frozen=True)
class Subject:
    """name: for files and the command line; overlay: the preset's overlay that does the same, or "".

    captions: what to write into them, a sentence. has_trigger: does a word call it?
    """

    name: str
    label: str
    help: str
    captions: str
    has_trigger: bool
    several: bool
    overlay: str
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class Changed:
    """A change as it would be made. before, after: values; they differ."""

    setting: str
    before: Any
    after: Any
    why: str
    optional: bool


_KEEP: Final = Change(
    "captions.keep_tokens",
    "The activation tag stays in front: if you have a trigger word, Keep tokens is at least 1.",
    least=1,
)
_SHUFFLE: Final = Change(
    "captions.shuffle_caption",
    "The other tags mix behind it, which makes the LoRA less rigid.",
    value=True,
)
_EACH: Final = Change(
    "captions.keep_tokens",
    "Each folder has an activation tag of its own in front, and Keep tokens holds it there.",
    least=1,
)

SUBJECTS: Final = Registry(
    "subject",
    Subject(
        "character",
        "Character",
        "One person, from all sides, in one or many clothes.",
        "A trigger word in front. Tags that are always so may stay: the trigger takes them up.",
        True,
        False,
        "",
        (_KEEP, _SHUFFLE),
    ),
    Subject(
        "outfits",
        "Outfit set",
        "One person in several outfits: a folder and an activation tag for each.",
        "An activation tag for each outfit, and all the tags you can think of that describe it.",
        True,
        True,
        "outfit",
        (_EACH, _SHUFFLE),
    ),
    Subject(
        "concept",
        "Concept",
        "Something anybody can do or show: a gesture, a pose, a kind of picture.",
        "An activation tag, then a helper tag for what the model knows already, such as arm up.",
        True,
        False,
        "concept",
        (_KEEP, _SHUFFLE),
    ),
    Subject(
        "style",
        "Style",
        "How things are drawn, whatever they are. All pictures must agree in it.",
        "No activation tag: the tagger's tags are enough, and all that is left untagged is the style.",
        False,
        False,
        "style",
        (
            Change(
                "captions.keep_tokens",
                "Set Keep tokens to 0 if you're not using an activation tag: nothing has to stay in front.",
                value=0,
            ),
            _SHUFFLE,
            Change(
                "general.epochs",
                "You'll want to raise up the epochs and test each one: a style comes slowly.",
                least=20,
            ),
            Change(
                "optimizer.text_encoder_lr",
                "There is no new word to learn: you may lower the text encoder's rate or set it to zero.",
                value=0.0,
            ),
            Change(
                "optimizer.unet_lr",
                "Lower the U-Net's rate if necessary: when it grows too strong before it is right.",
                factor=0.5,
                optional=True,
            ),
        ),
    ),
    Subject(
        "characters",
        "Several characters",
        "Each in a folder with a trigger word of its own, as outfits are.",
        "A trigger word for each character. Describe each, so that they do not bleed into each other.",
        True,
        True,
        "outfit",
        (_EACH, _SHUFFLE),
    ),
)


def changes_for(subject: str, settings: Mapping[str, Mapping[str, Any]]) -> list[Changed]:
    """What choosing a subject changes in a recipe, each with its reason; nothing that is so already.

    settings: group → setting → value, as `recipe_to_mapping` gives them.
    """
    found = []
    for change in SUBJECTS[subject].changes:
        group, _, name = change.setting.partition(".")
        before = settings[group][name]
        after = change.becomes(before)
        if after != before:
            found.append(Changed(change.setting, before, after, change.why, change.optional))
    return found
