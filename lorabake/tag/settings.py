"""What can be chosen for "Generate tags": which taggers, what counts, how it joins what is there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lorabake.core.settings import setting

MERGES = ("union", "append", "intersection", "replace")
COMBINES = ("union", "intersection", "mean")
ORDERS = ("probability", "alphabetical", "list")
LOWEST = 0.05  # probabilities are kept from 0.01 up, so that thresholds from here on are exact


@dataclass(frozen=True, kw_only=True)
class TagSettings:
    """The guide's "Generate Tags", and what its users missed there."""

    taggers: str = setting(
        "",
        "Tagger",
        help="Who writes the tags; several with commas between. The guide: eva02-large. Empty: "
        "eva02-large on a graphics card, vit, which is faster, without one.",
    )
    threshold: float = setting(
        0.3,
        "Threshold",
        help="How sure the tagger must be of a general tag, from 0 to 1. The guide: 0.3, which "
        "would rather say too much. Lower finds more, and more that is wrong; higher "
        "misses what is there.",
        minimum=LOWEST,
        maximum=1.0,
    )
    character_threshold: float = setting(
        0.85,
        "Threshold of characters",
        help="The same for names of characters. The guide: 0.3 for both; ours is 0.85, which "
        "keeps look-alikes out. Lower names more, and more wrongly; higher names only the "
        "famous.",
        minimum=LOWEST,
        maximum=1.0,
    )
    merge: str = setting(
        "union",
        "With tags that are there",
        help="union: yours and the board's stay, those of an earlier tagging are replaced. "
        "append: all stay, new ones go behind. intersection: only those that the tagger "
        "also says. replace: only the tagger's.",
        choices=MERGES,
    )
    exclude: str = setting(
        "",
        "Never write",
        help="Tags that are never written, with commas between, for example: watermark, "
        "signature. Empty leaves none out.",
    )
    rating: str = setting(
        "off",
        "Rating",
        help="Writes general, sensitive, questionable or explicit as a tag. off writes none, so "
        "the LoRA learns nothing of it.",
        choices=("off", "first", "last"),
    )
    keep_trigger: bool = setting(
        True,
        "Keep the trigger in front",
        help="The concept's trigger stays in front, however it is merged. Off, it is a tag like "
        "any other.",
    )
    general_mcut: bool = setting(
        False,
        "Find the threshold of general tags",
        help="For each picture, in the middle of the widest gap between probabilities (MCut). "
        "Not in the guide. Off, the threshold above counts.",
        more=True,
    )
    character_mcut: bool = setting(
        False,
        "Find the threshold of characters",
        help="The same for characters; never below 0.15. Not in the guide. Off, the threshold "
        "above counts.",
        more=True,
    )
    tag_thresholds: Mapping[str, float] = setting(
        {},
        "Thresholds of single tags",
        help="For example smile = 0.6. Lower says it more often, higher more rarely, above 1 "
        "never. Not in the guide; empty, all have the thresholds above.",
        more=True,
    )
    characters_first: bool = setting(
        False,
        "Characters first",
        help="Names of characters stand before the general tags. Off, they stand behind them.",
        more=True,
    )
    order: str = setting(
        "probability",
        "Order",
        help="The surest first, by the alphabet, or as in the tagger's list. With Shuffle "
        "captions it makes hardly any difference.",
        choices=ORDERS,
        more=True,
    )
    underscores: bool = setting(
        False,
        "Keep underscores",
        help="Writes long_hair instead of long hair. Off, as most captions have it; the two are "
        "different words to the model.",
        more=True,
    )
    escape_brackets: bool = setting(
        False,
        "Escape brackets",
        help=r"kafka \(hsr\), as prompts need it. Captions do only if weighted captions are on, "
        r"so leave it off.",
        more=True,
    )
    combine: str = setting(
        "union",
        "Several taggers",
        help="With several taggers: a tag that any says, that all say, or whose mean "
        "probability is high enough. The first finds the most, the second errs least.",
        choices=COMBINES,
        more=True,
    )
    max_tags: int = setting(
        0,
        "At most",
        help="How many a picture may have, the surest ones. Not in the guide; 0 is no limit. "
        "Too few leave things unnamed, which then stick to the trigger; more than the "
        "captions' limit are cut off in training.",
        unit="tags",
        minimum=0,
        maximum=1000,
        more=True,
    )
    keep_first: int = setting(
        0,
        "Keep the first",
        help="So many at the front of a caption stay where they are, however it is merged. Not "
        "in the guide; 0 keeps none but the trigger. More keep what you put there; too "
        "many keep old mistakes too.",
        unit="tags",
        minimum=0,
        maximum=50,
        more=True,
    )
    aliases: bool = setting(
        True,
        "Main tags for aliases",
        help="Writes the main tag where the tagger says another name for it, if there is a tag "
        "list. Off, names stay as the tagger has them.",
        more=True,
    )
    batch_size: int = setting(
        0,
        "Pictures at once",
        help="How many the tagger looks at together. Not in the guide; 0 is as many as are fast "
        "on this computer. It changes nothing in the result; too many run out of memory, "
        "fewer are slower.",
        minimum=0,
        maximum=256,
        more=True,
    )
