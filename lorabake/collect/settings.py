"""What can be chosen for a download: what captions hold, and which files are wanted."""

from __future__ import annotations

import os
from dataclasses import dataclass

from lorabake.core.limits import limits
from lorabake.core.settings import setting

MAX_FILE_MIB = 64
_SPACE = "SPACE_ID"  # set where lorabake runs as a Space, for everybody to see


def explicit_allowed() -> bool:
    """Explicit pictures are for a computer of one's own, where somebody asks for them."""
    return not is_public()


def is_public() -> bool:
    """Does everybody use this page, and the same settings folder?"""
    return bool(os.environ.get(_SPACE)) or not limits().keys


@dataclass(frozen=True, kw_only=True)
class CollectSettings:
    """The guide's Downloads tab, and the caption that lies beside each picture."""

    captions: bool = setting(
        True,
        "Write captions",
        help="A text file beside each picture, with the board's tags. The guide has a tagger "
        "write them afterwards, which works on top of these too. Off writes none.",
    )
    categories: str = setting(
        "character, copyright, general",
        "Tags of",
        help="Kinds of tags and their order in the caption: character, copyright, general, "
        "artist, meta. What is not named here is left out.",
        longest=200,
    )
    people_first: bool = setting(
        True,
        "1girl, solo first",
        help="How many people there are (1girl, solo) stands in front of all other tags. Off, "
        "it stands where its kind does.",
    )
    rating: str = setting(
        "off",
        "Rating",
        help="Writes general, sensitive, questionable or explicit as a tag. off writes none, so "
        "the LoRA learns nothing of it.",
        choices=("off", "first", "last"),
    )
    exclude: str = setting(
        "",
        "Never write",
        help="Tags that never go into a caption, with commas between, for example: watermark, "
        "signature. Empty leaves none out.",
    )
    underscores: bool = setting(
        False,
        "Keep underscores",
        help="Writes long_hair instead of long hair. Off, as taggers and most captions have it; "
        "the two are different words to the model.",
        more=True,
    )
    escape_brackets: bool = setting(
        False,
        "Escape brackets",
        help=r"kafka \(hsr\), as prompts need it. Captions do only if weighted captions are on, "
        r"so leave it off.",
        more=True,
    )
    names: str = setting(
        "number",
        "Names of files",
        help="number: the board and the number of the post. md5: as the board names the file. "
        "It changes nothing but the names.",
        choices=("number", "md5"),
        more=True,
    )
    animated: bool = setting(
        False,
        "Animated pictures too",
        help="Animated pictures are fetched too; only their first frame is used in training. "
        "Off leaves them out. Videos are never fetched.",
        more=True,
    )
    again: bool = setting(
        False,
        "Also what I deleted",
        help="Pictures that were fetched before and are no longer here are fetched once more. "
        "Off, what you deleted stays away.",
        more=True,
    )
    largest: int = setting(
        MAX_FILE_MIB,
        "Largest file",
        help="Larger ones are left out. Not in the guide; 64 is the most that is fetched. Lower "
        "saves time and disk space, but too low leaves out the best pictures.",
        unit="MiB",
        minimum=1,
        maximum=MAX_FILE_MIB,
        more=True,
    )
