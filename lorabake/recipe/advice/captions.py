"""Advice about captions: trigger words, what is kept in front, and how long they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from lorabake.core.concept_settings import overridden
from lorabake.core.dataset import Concept, Dataset
from lorabake.core.names import shown
from lorabake.core.tags import tag_key
from lorabake.engine.token_count import count_many
from lorabake.recipe.advice.advice import Advice, setting_fix
from lorabake.recipe.recipe import Recipe

LONGEST: Final = 225  # tokens; the guide's
_MOSTLY: Final = 0.9  # share of a folder's captions that begin alike
_FEW: Final = 4  # captions from which nothing is concluded about a missing trigger
# What a tagger puts in front by itself, and so no sign of a trigger word.
_USUAL_FIRST: Final = frozenset(
    (
        *("1girl", "2girls", "3girls", "multiple_girls", "1boy", "2boys", "multiple_boys"),
        *("1other", "solo", "no_humans", "general", "sensitive", "questionable", "explicit"),
    )
)


def about_captions(dataset: Dataset, recipe: Recipe) -> Iterator[Advice]:
    """Captions that are missing, too long, or shuffled where they should not be."""
    images = dataset.images
    empty = sum(not image.caption.tags for image in images)
    if images and empty == len(images):
        yield Advice(
            "warn",
            "No picture has a caption, so the LoRA will be tied to no word.",
            "captions.none",
            "The guide tags every picture, and looks over the tags by hand.",
        )
    elif empty:
        yield Advice(
            "warn",
            f"{empty} of {len(images)} pictures have no caption. Add one under Project.",
            "captions.missing",
        )
    yield from _triggers(dataset, recipe)
    yield from _long(dataset, recipe)


def trigger_in_front(concept: Concept) -> str:
    """The word that (nearly) all captions of a folder begin with; "" when there is none.

    What every tagger puts in front, such as 1girl, counts only when the folder is named so.
    """
    first = [image.caption.tags[0] for image in concept.images if image.caption.tags]
    if not first:
        return ""
    keys = Counter(map(tag_key, first))
    key, count = keys.most_common(1)[0]
    named = key == tag_key(concept.trigger)
    if count < _MOSTLY * len(first) or (not named and (key in _USUAL_FIRST or len(first) < 2)):
        return ""
    return next(tag for tag in first if tag_key(tag) == key)


def _triggers(dataset: Dataset, recipe: Recipe) -> Iterator[Advice]:
    loose, without, kept = [], 0, 0
    for concept in dataset.concepts:
        options = overridden(recipe.captions, concept.settings)
        captions = sum(bool(image.caption.tags) for image in concept.images)
        if not options.shuffle_caption or options.keep_tokens_separator or not captions:
            continue
        trigger = trigger_in_front(concept)
        if trigger and not options.keep_tokens and captions > 1:
            loose.append(trigger)
        if options.keep_tokens and not concept.is_reg:
            kept += 1
            without += not trigger and captions >= _FEW
    if loose:
        yield _loose(loose)
    if kept and without == kept:
        yield Advice(
            "hint",
            "No word stands in front of all captions, but Keep tokens holds the first tag of each "
            "where it is.",
            "trigger.none",
            "The guide: set Keep tokens to 0 if you're not using an activation token.",
            setting_fix(captions__keep_tokens=0),
        )


def _loose(triggers: list[str]) -> Advice:
    named = f"“{shown(triggers[0])}”"
    if len(triggers) == 1:
        text = (
            f"Every caption begins with {named}. Set Keep tokens to at least 1, so that "
            "your trigger word stays in front."
        )
    else:
        text = (
            f"{len(triggers)} folders have a trigger word in front, such as {named}. Set Keep tokens to "
            "at least 1, so that it stays there."
        )
    why = "The guide: if you have a trigger word, make sure that Keep tokens is set to at least 1."
    return Advice("warn", text, "trigger.loose", why, setting_fix(captions__keep_tokens=1))


def _long(dataset: Dataset, recipe: Recipe) -> Iterator[Advice]:
    limit = recipe.general.max_token_length
    # A token has at least one byte, so that short captions need no counting.
    texts = [
        text
        for image in dataset.images
        if len((text := image.caption.text).encode("utf-8", "replace")) > limit
    ]
    longest = [count for count in count_many(texts, recipe.family) if count > limit]
    if not longest:
        return
    captions = "1 caption is" if len(longest) == 1 else f"{len(longest)} captions are"
    yield Advice(
        "warn",
        f"{captions} longer than {limit} tokens (up to {max(longest)}), and what is behind is not "
        "learned. Shorten them in the editor.",
        "captions.long",
        "The guide: Max token length 225, three chunks of 75. A tag has about 4 tokens.",
        setting_fix(general__max_token_length=LONGEST) if limit < LONGEST else None,
    )
