"""What "Process tags" can do to captions. Form, command line and saved recipes all read it here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from lorabake.core.errors import RecipeError
from lorabake.core.settings import setting

LONG_TEXT: Final = 20_000  # characters; people reuse lists of hundreds of tags

# Fields of the form in groups: (title, names). The first group is the guide's.
FORM_GROUPS: Final = (
    (
        "Tags",
        ("tags_to_add", "tags_to_emphasise", "tags_to_remove", "rename"),
    ),
    (
        "Find and replace",
        ("replace", "regex_find", "regex_replace", "regex_scope"),
    ),
    (
        "Clean up",
        (
            *("remove_duplicates", "redundancy", "rare_below", "categories_to_remove"),
            *("consolidate", "consolidate_by", "keep_tags"),
        ),
    ),
    ("Order", ("sort", "keep_first", "shuffle_seed")),
    ("Spelling", ("underscores", "brackets", "weights")),
    (
        "More",
        ("add_trigger", "tags_to_append", "lines", "rename_start", "rename_order"),
    ),
)
# Texts of several lines, and texts that hold tags (for completion in a form).
LINES: Final = frozenset(("replace", "consolidate"))
TAG_FIELDS: Final = frozenset(
    (
        *("tags_to_add", "tags_to_emphasise", "tags_to_remove", "tags_to_append"),
        *("keep_tags", "replace"),
    )
)


class FieldError(RecipeError):
    """Something typed into one field of ProcessSettings that does not work; `field` is its name."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


@dataclass(frozen=True, kw_only=True)
class ProcessSettings:
    """Operations on captions. They run in the order of `operations.OPERATIONS`, whatever is set."""

    tags_to_add: str = setting(
        "",
        "Tags to add",
        help="Put in front of every caption, in this order. The guide: type a trigger word "
        "here. Commas between tags; empty adds none.",
        longest=LONG_TEXT,
    )
    tags_to_emphasise: str = setting(
        "",
        "Tags to emphasise",
        help="Moved to the front of those captions that have them, behind the added ones. Empty "
        "moves none.",
        longest=LONG_TEXT,
    )
    tags_to_remove: str = setting(
        "",
        "Tags to remove",
        help="Taken out of every caption. The guide no longer prunes hair length, hair colour "
        "and eye colour. Capitals, underscores and escaped brackets make no difference; * "
        "stands for any letters, ? for one: *background.",
        longest=LONG_TEXT,
    )
    rename: bool = setting(
        False,
        "Rename images and captions in ascending order",
        help="1, 2, 3 … in each folder; masks and captions go with their images. The guide "
        "recommends it. Off keeps the names.",
    )
    replace: str = setting(
        "",
        "Replace",
        help="One per line: old = new. Several tags work too: a, b = c puts c for either, a = "
        "b, c puts both, and a, b = c, d pairs them off.",
        longest=LONG_TEXT,
    )
    regex_find: str = setting(
        "",
        "Find (regular expression)",
        help="Searched in each tag; ^ and $ are its beginning and end. Capitals make no "
        "difference. Empty finds nothing.",
        longest=200,
    )
    regex_replace: str = setting(
        "",
        "Replace by",
        help=r"\1 stands for what the first pair of brackets found. A tag that becomes empty is "
        r"dropped.",
        longest=500,
    )
    regex_scope: str = setting(
        "tags",
        "Find in",
        help="Each tag by itself, or the caption's whole line with its commas.",
        choices=("tags", "captions"),
    )
    remove_duplicates: bool = setting(
        True,
        "Remove duplicates",
        help="Of tags that differ only in capitals, underscores, escaped brackets or weight, "
        "the first is kept. Off, both stay.",
    )
    redundancy: str = setting(
        "off",
        "Redundant tags",
        help="Drops what another tag already says: by Danbooru's implications (thighhighs is "
        "implied by striped thighhighs), or by whole words (shirt stands in white shirt).",
        choices=("off", "implications", "whole words", "both"),
    )
    rare_below: int = setting(
        0,
        "Remove tags on fewer than",
        unit="images",
        help="Tags that so few pictures have teach nothing. Counted over all pictures; 0 is "
        "off. Not in the guide. Too high drops what makes single pictures different, and "
        "it is learned unnamed.",
        minimum=0,
        maximum=1_000_000,
    )
    categories_to_remove: str = setting(
        "",
        "Kinds of tags to remove",
        help="Any of general, character, copyright, artist, meta and rating, with commas "
        "between. Empty removes none.",
        longest=200,
        more=True,
    )
    consolidate: str = setting(
        "",
        "One value for each",
        help="Where a caption has two values of one kind, such as two hair colours, one is "
        "kept. One kind per line, or all; hair color = pink hair says which to keep.",
        longest=LONG_TEXT,
    )
    consolidate_by: str = setting(
        "commonest",
        "Which value to keep",
        help="Where none is named above: the commonest in the concept, the tagger's most "
        "probable (where it was run), or the first in the caption.",
        choices=("commonest", "probable", "first"),
    )
    keep_tags: str = setting(
        "solo",
        "Never drop",
        help="Tags that cleaning up leaves alone. Triggers, and tags that you add or emphasise, "
        "are always left.",
        longest=LONG_TEXT,
    )
    sort: str = setting(
        "none",
        "Order of tags",
        help="By category: people, characters, series, artists, then the rest. Tags that you "
        "add or emphasise stay in front. none keeps the order.",
        choices=("none", "alphabetical", "frequency", "category", "shuffle", "reverse"),
    )
    keep_first: int = setting(
        1,
        "Keep in front",
        unit="tags",
        help="So many at the beginning of a caption stay where they are when tags are sorted. 1 "
        "keeps a trigger word in front, as the guide's Keep tokens does. 0 sorts all; too "
        "many leave little to sort.",
        minimum=0,
        maximum=200,
    )
    shuffle_seed: int = setting(
        0,
        "Shuffle seed",
        help="The same number shuffles the same way. Not in the guide; no number is better than "
        "another.",
        minimum=0,
        maximum=2**31 - 1,
        more=True,
    )
    underscores: str = setting(
        "as is",
        "Underscores",
        help="long hair or long_hair. Faces such as ^_^, and score_9, stay as they are. as is "
        "changes nothing.",
        choices=("as is", "spaces", "underscores"),
    )
    brackets: str = setting(
        "as is",
        "Brackets",
        help=r"Plain, kafka (hsr), is usual for training; escaped, kafka \(hsr\), is how prompts "
        r"and weighted captions need them.",
        choices=("as is", "escape", "plain"),
    )
    weights: str = setting(
        "as is",
        "Weights",
        help="(smile:1.2) stays, or becomes smile. Training reads weights as plain letters, so "
        "drop them.",
        choices=("as is", "drop"),
    )
    add_trigger: bool = setting(
        False,
        "Add each folder's trigger word",
        help="In front of its captions: kafka for the folder 5_kafka. The guide gives each "
        "outfit its own. Off adds none.",
        more=True,
    )
    tags_to_append: str = setting(
        "",
        "Tags to add at the end",
        help="Where a caption does not have them yet. They may be cut off or shuffled forward "
        "in training; empty adds none.",
        longest=LONG_TEXT,
        more=True,
    )
    lines: str = setting(
        "first",
        "Captions of several lines",
        help="Change the first line, which is the one that is trained; change every line; or "
        "join them into one.",
        choices=("first", "each", "join"),
        more=True,
    )
    rename_start: int = setting(
        1,
        "First number",
        help="The number of the first image of each folder when they are renamed. Not in the "
        "guide; 1 is usual. Higher leaves room for others before them, 0 counts as "
        "programs do.",
        minimum=0,
        maximum=1_000_000,
        more=True,
    )
    rename_order: str = setting(
        "natural",
        "Rename by",
        help="The order that the numbers follow: by name (2 before 10), date or size of the file.",
        choices=("natural", "date", "size"),
        more=True,
    )
