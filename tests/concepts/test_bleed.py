"""What bleeds is named before a bake, with the tags and pictures it is about."""

from __future__ import annotations

from pathlib import Path

import pytest

from lorabake.concepts.bleed import Bleed, bleeds
from lorabake.concepts.pile import Sorting, look_at
from lorabake.core.vocabulary.entries import Entry
from lorabake.core.vocabulary.vocabulary import Vocabulary
from tests.concepts.outfits import outfit


@pytest.fixture(scope="module")
def zeta(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("zeta")
    for name in ("zetadef", "zetasummer"):
        outfit(root / f"1_{name}", name, 6, trigger=True, size=(16, 16))
    return root


def named(sorting: Sorting, id: str, **known: object) -> list[Bleed]:
    return [one for one in bleeds(sorting, **known) if one.id == id]  # type: ignore[arg-type]


def test_the_guides_triggers_and_full_descriptions_are_fine(zeta: Path) -> None:
    """“Be descriptive and unique with your tags to minimize bleeding in your model!”"""
    sorting = look_at(zeta)
    seen = {one.sha256: one.tags for one in sorting.pictures}
    assert bleeds(sorting, seen=seen, vocabulary=Vocabulary()) == []


def test_what_all_pictures_show_and_no_caption_says(zeta: Path) -> None:
    sorting = look_at(zeta)
    seen = {
        one.sha256: {*one.tags, *(["red eyes"] if one.concept == "zetadef" else [])}
        for one in sorting.pictures
    }
    (one,) = named(sorting, "bleed.lacking", seen=seen)
    assert (one.folder, one.tags, len(one.pictures)) == ("1_zetadef", ("red eyes",), 6)
    assert "“red eyes”" in one.text
    few = dict(list(seen.items())[:3])
    assert named(sorting, "bleed.lacking", seen=few) == [], "three pictures say nothing"


def test_outfits_that_captions_do_not_tell_apart(tmp_path: Path) -> None:
    for name in ("zetadef", "zetasummer"):
        outfit(tmp_path / f"1_{name}", name, 6, trigger=True, tags=False, size=(16, 16))
    found = named(look_at(tmp_path), "bleed.alike")
    assert [one.folder for one in found] == ["1_zetadef", "1_zetasummer"]
    assert "nothing tells zetadef from the other folders" in found[0].text


def test_triggers_that_mean_something_already(tmp_path: Path) -> None:
    for trigger, name in (
        ("summer", "zetasummer"),
        ("kafka_(hsr)", "zetadef"),
        ("zetadark", "zetadark"),
    ):
        outfit(tmp_path / f"1_{trigger}", name, 4, size=(16, 16))
    (tmp_path / "1_zetadark" / "zetadark-000.txt").write_text("zetadark, summer uniform", "utf-8")
    sorting = look_at(tmp_path)
    boards = Vocabulary([Entry("kafka_(hsr)", "character", 900)])
    found = {(one.id, one.folder): one for one in bleeds(sorting, vocabulary=boards)}
    assert found[("bleed.tag", "1_kafka_(hsr)")].text.startswith("kafka_(hsr) is a tag already")
    assert "is a word that the text encoder knows" in found[("bleed.word", "1_summer")].text
    assert found[("bleed.inside", "1_summer")].tags == ("summer uniform",)
    assert not [key for key in found if key[1] == "1_zetadark" and key[0] != "bleed.untriggered"]
    assert len(found[("bleed.untriggered", "1_summer")].pictures) == 4
    assert len(found[("bleed.untriggered", "1_zetadark")].pictures) == 3
