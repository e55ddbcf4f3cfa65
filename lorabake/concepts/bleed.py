"""What will bleed: outfits that cannot be told apart, and words that mean something already.

A tag that all pictures of a folder deserve and their captions lack becomes a part of its trigger; a
trigger that the model knows as a word brings along what the model knows of it. The guide: "Be
descriptive and unique with your tags to minimize bleeding in your model!"
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from lorabake.concepts.cluster import telling_tags
from lorabake.concepts.passing import is_passing
from lorabake.concepts.pile import Picture, Sorting
from lorabake.core.names import shown
from lorabake.core.tags import caption_form, tag_key
from lorabake.engine.token_count import count_tokens

SHARED: Final = 0.9  # of a folder's pictures: "all", with a few slips of the tagger
LACKING: Final = 0.5  # of its captions
TELLING: Final = 3  # tags by which an outfit can be told from the others
LEAST: Final = 4  # pictures of a folder about which something can be said
MOST_NAMED: Final = 5


class Words(Protocol):
    """What is asked of a tag list (core.vocabulary)."""

    def has(self, tag: str) -> bool: ...


@dataclass(frozen=True)
class Bleed:
    """One warning. id: of the rule; folder: of the concept it is about; tags: it is about.

    pictures: ids of those whose captions would change. text: what is so and what to do; why: reason.
    """

    id: str
    folder: str
    text: str
    why: str
    tags: tuple[str, ...] = ()
    pictures: tuple[str, ...] = ()


def bleeds(
    sorting: Sorting,
    *,
    vocabulary: Words | None = None,
    seen: Mapping[str, Collection[str]] | None = None,
) -> list[Bleed]:
    """seen: sha256 → tags that a tagger finds in the picture, whatever its caption says."""
    triggers = {one.folder.name: one.trigger for one in sorting.concepts if not one.is_reg}
    keys = {tag_key(trigger) for trigger in triggers.values()}
    pictures = {folder: sorting.of(folder) for folder in triggers}
    found: list[Bleed] = []
    for folder, trigger in triggers.items():
        found += _lacking(folder, trigger, pictures[folder], seen or {}, keys)
        found += _untriggered(folder, trigger, pictures[folder])
        found += _known_word(folder, trigger, vocabulary)
        others = [word for name, word in triggers.items() if name != folder]
        found += _inside_others(folder, trigger, others, sorting.pictures)
        if len(triggers) > 1:
            found += _alike(folder, trigger, pictures, keys)
    return found


def _lacking(
    folder: str,
    trigger: str,
    pictures: Sequence[Picture],
    seen: Mapping[str, Collection[str]],
    triggers: Collection[str],
) -> Iterator[Bleed]:
    known = [one for one in pictures if one.sha256 in seen]
    if len(known) < LEAST:
        return
    shown_in = Counter(key for one in known for key in {tag_key(tag) for tag in seen[one.sha256]})
    captions = Counter(key for one in known for key in set(one.tags))
    tags = [
        key
        for key, count in shown_in.most_common()
        if count >= SHARED * len(known)
        and captions[key] < LACKING * len(known)
        and key not in triggers
    ]
    if not tags:
        return
    lacking = tuple(one.id for one in known if not set(tags) <= set(one.tags))
    yield Bleed(
        "bleed.lacking",
        folder,
        f"Nearly all pictures of {shown(trigger)} show {_named(tags)}, and most captions do not say so. "
        f"Add it to {len(lacking)} captions, or it becomes a part of the trigger.",
        "What is never named is learned with the word that is always there. The guide: describe the "
        "outfit with all the booru tags you can think of.",
        tuple(map(caption_form, tags)),
        lacking,
    )


def _untriggered(folder: str, trigger: str, pictures: Sequence[Picture]) -> Iterator[Bleed]:
    key = tag_key(trigger)
    without = tuple(one.id for one in pictures if one.tags and key not in one.tags)
    if without:
        count = "1 caption" if len(without) == 1 else f"{len(without)} captions"
        yield Bleed(
            "bleed.untriggered",
            folder,
            f"{count} of {shown(folder)} lack the trigger {shown(trigger)}. Write the triggers.",
            "The guide: associate each outfit with their own activation tag.",
            (trigger,),
            without,
        )


def _known_word(folder: str, trigger: str, vocabulary: Words | None) -> Iterator[Bleed]:
    if vocabulary is not None and vocabulary.has(trigger):
        yield Bleed(
            "bleed.tag",
            folder,
            f"{shown(trigger)} is a tag already, so the model has its own idea of it. "
            "Make up a word, such as the name with the outfit behind.",
            "The guide's triggers are made up: zetadef, zetasummer, zetadark, zetahalloween.",
            (trigger,),
        )
    elif count_tokens(trigger.replace("_", " ")).tokens == 1 and len(trigger) > 1:
        yield Bleed(
            "bleed.word",
            folder,
            f"{shown(trigger)} is a word that the text encoder knows, so it brings a meaning along. "
            "Make up a longer one.",
            "It is a single token of CLIP, which only common words are.",
            (trigger,),
        )


def _inside_others(
    folder: str, trigger: str, others: Sequence[str], pictures: Sequence[Picture]
) -> Iterator[Bleed]:
    """A trigger that stands as a whole word inside of another tag is called whenever that is."""
    key = tag_key(trigger)
    tags = {tag for one in pictures for tag in one.tags} | set(map(tag_key, others))
    holders = sorted(tag for tag in tags if tag != key and f"_{key}_" in f"_{_bare(tag)}_")
    if holders:
        yield Bleed(
            "bleed.inside",
            folder,
            f"{shown(trigger)} is a word of {_named(holders)}, so each calls the other. "
            "Choose a trigger that stands in no other tag.",
            "A text encoder reads words, not tags: the same tokens mean the same.",
            tuple(map(caption_form, holders[:MOST_NAMED])),
        )


def _bare(tag: str) -> str:
    return "".join(letter if letter not in "()'-:,." else "_" for letter in tag)


def _alike(
    folder: str,
    trigger: str,
    pictures: Mapping[str, Sequence[Picture]],
    triggers: Collection[str],
) -> Iterator[Bleed]:
    worn = {
        name: [
            frozenset(tag for tag in one.tags if tag not in triggers and not is_passing(tag))
            for one in some
            if one.tags
        ]
        for name, some in pictures.items()
    }
    inside = worn.pop(folder)
    outside = [tags for some in worn.values() for tags in some]
    if len(inside) < LEAST or len(outside) < LEAST:
        return
    tags = telling_tags(inside, outside, most=TELLING)
    if len(tags) >= TELLING:
        return
    only = f"only {_named(tags)}" if tags else "nothing"
    yield Bleed(
        "bleed.alike",
        folder,
        f"In the captions {only} {'tell' if len(tags) > 1 else 'tells'} {shown(trigger)} from the other folders. Describe its clothes "
        "with more tags.",
        "What two outfits share is learned with both triggers. The guide: be descriptive and unique "
        "with your tags to minimize bleeding in your model.",
        tags,
    )


def _named(tags: Sequence[str]) -> str:
    told = ", ".join(f"“{shown(caption_form(tag))}”" for tag in tags[:MOST_NAMED])
    more = len(tags) - MOST_NAMED
    return f"{told} and {more} more" if more > 0 else told
