"""What a tagger found is asked by whoever lays it beside captions."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lorabake.core.index import Index
from lorabake.tag.scores import pack
from lorabake.tag.seen import tags_seen

LABELS = [("long_hair", "general"), ("hat", "general"), ("kafka", "character"), ("safe", "rating")]


def test_general_tags_that_are_sure(tmp_path: Path) -> None:
    index = Index(tmp_path / "index.sqlite")
    assert tags_seen(index, ["aa" * 32]) == {}
    for key, values in (("old", [0.9, 0.9, 0.9, 0.9]), ("new", [0.8, 0.3, 0.9, 0.9])):
        index.keep_tagger(key, key, LABELS)
        index.keep_scores(key, {"aa" * 32: pack(np.array(values, np.float32))})
    assert tags_seen(index, ["aa" * 32, "bb" * 32]) == {"aa" * 32: {"long_hair"}}, "the last used"
    assert tags_seen(index, ["aa" * 32], threshold=0.2) == {"aa" * 32: {"long_hair", "hat"}}
    assert tags_seen(index, ["aa" * 32], tagger="old") == {"aa" * 32: {"long_hair", "hat"}}
    index.close()
