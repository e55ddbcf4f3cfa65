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
        help="Empty: eva02-large on a graphics card, vit without one. Several with commas between.",
    )
    threshold: float = setting(
        0.3,
        "Threshold",
        help="How sure the tagger must be of a general tag. The guide uses 0.3; a lower one finds more, and more that is wrong.",
        minimum=LOWEST,
        maximum=1.0,
    )
    character_threshold: float = setting(
        0.85,
        "Threshold of characters",
        help="The same for names of characters. The guide uses 0.3 for both; 0.85 keeps look-alikes out.",
        minimum=LOWEST,
        maximum=1.0,
    )
    merge: str = setting(
        "union",
        "With tags that are there",
        help="union: yours and the board's stay, those of an earlier tagging are replaced. "
        "append: all stay, new ones go behind. intersection: only those that the tagger also says. "
        "replace: only the tagger's.",
        choices=MERGES,
    )
    exclude: str = setting(
        "", "Never write", help="Tags with commas between, for example: watermark, signature."
    )
    rating: str = setting(
        "off",
        "Rating",
        help="general, sensitive, questionable or explicit as a tag.",
        choices=("off", "first", "last"),
    )
    keep_trigger: bool = setting(
        True, "Keep the trigger in front", help="The concept's trigger stays, however it is merged."
    )
    general_mcut: bool = setting(
        False,
        "Find the threshold of general tags",
        help="For each picture, in the middle of the widest gap between probabilities (MCut).",
        more=True,
    )
    character_mcut: bool = setting(
        False,
        "Find the threshold of characters",
        help="The same for characters; never below 0.15.",
        more=True,
    )
    tag_thresholds: Mapping[str, float] = setting(
        {},
        "Thresholds of single tags",
        help="For example smile = 0.6. Above 1: never.",
        more=True,
    )
    characters_first: bool = setting(
        False, "Characters first", help="Before the general tags instead of behind them.", more=True
    )
    order: str = setting(
        "probability",
        "Order",
        help="The surest first, by the alphabet, or as in the tagger's list.",
        choices=ORDERS,
        more=True,
    )
    underscores: bool = setting(
        False, "Keep underscores", help="long_hair instead of long hair.", more=True
    )
    escape_brackets: bool = setting(
        False,
        "Escape brackets",
        help=r"kafka \(hsr\), as prompts need it. Captions do only if weighted captions are on.",
        more=True,
    )
    combine: str = setting(
        "union",
        "Several taggers",
        help="A tag that any says, that all say, or whose mean probability is high enough.",
        choices=COMBINES,
        more=True,
    )
    max_tags: int = setting(
        0,
        "At most",
        help="So many tags of a picture, the surest ones. 0: no limit.",
        unit="tags",
        minimum=0,
        maximum=1000,
        more=True,
    )
    keep_first: int = setting(
        0,
        "Keep the first",
        help="So many tags at the front of a caption stay where they are, however it is merged.",
        unit="tags",
        minimum=0,
        maximum=50,
        more=True,
    )
    aliases: bool = setting(
        True, "Main tags for aliases", help="As the tag list has them, if there is one.", more=True
    )
    batch_size: int = setting(
        0,
        "Pictures at once",
        help="0: as many as are fast on this computer. Changes nothing in the result.",
        minimum=0,
        maximum=256,
        more=True,
    )
