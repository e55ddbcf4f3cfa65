"""What can be chosen for "dupeGuru"."""

from __future__ import annotations

from dataclasses import dataclass

from lorabake.core.settings import setting


@dataclass(frozen=True, kw_only=True)
class DuplicateSettings:
    """When two pictures are duplicates, and what is done with them."""

    hardness: int = setting(
        95,
        "Filter hardness",
        unit="%",
        help="How alike two pictures must be. The guide leaves it to you; 95 is dupeGuru's "
        "default. Lower finds more and errs more; higher misses changed copies, and 100 "
        "finds exact ones only.",
        minimum=1,
        maximum=100,
    )
    prefer_folder: str = setting(
        "",
        "Keep from this folder first",
        help="Its pictures are kept before those of others. Empty, the one with the most real "
        "detail is kept.",
    )
    merge_tags: bool = setting(
        False,
        "Add the tags of what goes to the caption of what stays",
        help="Tags that only the deleted twin has are not lost. Off, the kept caption stays as "
        "it is.",
    )
