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
        help="How alike two pictures must be, as in dupeGuru: lower finds more and errs more.",
        minimum=1,
        maximum=100,
    )
    prefer_folder: str = setting(
        "", "Keep from this folder first", help="Its pictures are kept before those of others."
    )
    merge_tags: bool = setting(
        False,
        "Add the tags of what goes to the caption of what stays",
        help="Tags that only the deleted twin has are not lost.",
    )
