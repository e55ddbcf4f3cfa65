"""An unsorted folder becomes outfits: by hand, by filter, by what belongs together."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from lorabake.concepts.cluster import suggest_groups
from lorabake.concepts.looks import looks_of
from lorabake.concepts.pile import Picture, look_at
from lorabake.concepts.sorting import (
    PILE,
    assign,
    assign_groups,
    folder_for,
    set_repeats,
    set_trigger,
    write_triggers,
)
from lorabake.core.errors import BadName, DatasetError
from lorabake.core.filter import FilterError
from lorabake.core.history import open_history
from lorabake.core.index import Index
from lorabake.core.sources import Source, Sources
from tests.concepts.outfits import CLOTHES, outfit
from tests.core.test_pictures import everything

COUNTS = {"zetadef": 6, "zetasummer": 8, "zetadark": 12, "zetahalloween": 9}


@pytest.fixture
def unsorted(tmp_path: Path) -> Path:
    for name, count in COUNTS.items():
        outfit(tmp_path, name, count)
    return tmp_path


def outfit_of(one: Picture | str) -> str:
    name = one if isinstance(one, str) else one.name
    return name.rpartition("/")[2].partition("-")[0]


def test_from_an_unsorted_folder_to_four_outfits(unsorted: Path) -> None:
    before = everything(unsorted)
    sorting = look_at(unsorted)
    assert (len(sorting.pile), sorting.concepts) == (35, ())

    folder = folder_for(unsorted, "zetadef")
    summer = sorting.matching('tag:"straw hat" AND NOT name:*-007*')
    assert assign(unsorted, sorting.matching("tag:red_dress"), folder).operation
    assign(unsorted, summer, folder_for(unsorted, "zetasummer", 3))
    sorting = look_at(unsorted)
    assert [(one.trigger, one.repeats, len(one.images)) for one in sorting.concepts] == [
        ("zetadef", 1, 6),
        ("zetasummer", 3, 7),
    ]
    assert Counter(map(outfit_of, sorting.pile)) == {
        "zetasummer": 1, "zetadark": 12, "zetahalloween": 9,
    }  # fmt: skip
    assert len(sorting.matching("tag:standing", pile_only=True)) < len(
        sorting.matching("tag:standing")
    )
    with pytest.raises(FilterError):
        sorting.matching("(")

    rest = {"1_zetadark": [], "1_zetahalloween": [], "3_zetasummer": []}  # type: ignore[var-annotated]
    for picture in sorting.pile:
        next(some for name, some in rest.items() if outfit_of(picture) in name).append(picture)
    outcome = assign_groups(unsorted, rest)
    assert outcome.operation
    assert outcome.operation.title == "Sort 22 pictures into 3 folders"
    sorting = look_at(unsorted)
    assert {one.trigger: len(one.images) for one in sorting.concepts} == COUNTS
    assert sorting.pile == ()
    for _ in range(3):
        open_history(unsorted).undo()
    assert everything(unsorted) == before


def test_pictures_go_back_to_the_pile_and_unknown_ones_are_refused(unsorted: Path) -> None:
    sorting = look_at(unsorted)
    assign(unsorted, sorting.pictures[:3], "1_zetadef")
    sorting = look_at(unsorted)
    some = sorting.named(["1_zetadef/zetadark-001.png"])
    outcome = assign(unsorted, some, PILE)
    assert outcome.operation
    assert outcome.operation.title == "Put 1 picture on the pile"
    assert len(look_at(unsorted).pile) == 33
    with pytest.raises(DatasetError, match="not there any more"):
        sorting.named(["../x.png"])


def test_folder_names_and_repeats_keep_in_step(unsorted: Path) -> None:
    assign(
        unsorted, look_at(unsorted).matching("tag:red_dress"), folder_for(unsorted, "zetadef", 5)
    )
    assert folder_for(unsorted, "ZetaDef") == "5_zetadef", "found again, whatever its repeats"
    set_repeats(unsorted / "5_zetadef", 4)
    assert look_at(unsorted).concepts[0].repeats == 4
    (unsorted / "4_zetadef").rename(unsorted / "6_zetadef")  # by another program
    assert look_at(unsorted).concepts[0].repeats == 6
    set_trigger(unsorted / "6_zetadef", "zeta (gbf)")
    assert look_at(unsorted).concepts[0].trigger == "zeta (gbf)"
    for wrong in ("", "a/b"):
        with pytest.raises((DatasetError, BadName)):
            folder_for(unsorted, wrong)


def test_triggers_go_into_captions_and_only_their_own(tmp_path: Path) -> None:
    outfit(tmp_path / "1_zetadef", "zetadef", 2)
    (stray,) = outfit(tmp_path / "1_zetadef", "zetadark", 1, trigger=True)
    outfit(tmp_path / "1_zetadark", "zetadark", 2, trigger=True)
    (tmp_path / "1_zetadark" / "zetadark-001.txt").write_bytes(b"\xef\xbb\xbf1girl, ZetaDark\r\n")
    before = everything(tmp_path)
    concepts = {one: one.trigger for one in look_at(tmp_path).concepts}
    outcome = write_triggers(tmp_path, concepts)
    assert outcome.operation
    assert outcome.operation.title == "Triggers in 4 captions"
    assert not outcome.skipped
    assert stray.with_suffix(".txt").read_text("utf-8").startswith("zetadef, 1girl, black cape")
    odd = (tmp_path / "1_zetadark" / "zetadark-001.txt").read_bytes()
    assert odd == b"\xef\xbb\xbfzetadark, 1girl\r\n", "once, and the file stays as it was otherwise"
    again = look_at(tmp_path)
    assert all(picture.tags[0] == picture.concept for picture in again.pictures)
    assert write_triggers(tmp_path, {one: one.trigger for one in again.concepts}).operation is None
    open_history(tmp_path).undo()
    assert everything(tmp_path) == before
    with pytest.raises(DatasetError, match="A trigger is one tag"):
        write_triggers(tmp_path, {again.concepts[0]: "a, b"})


def test_generated_pictures_are_known_to_the_filter(unsorted: Path) -> None:
    first = look_at(unsorted).pictures[0]
    Sources.open(unsorted).record(Source(sha256=first.sha256, generated=True))
    assert look_at(unsorted).matching("source:generated")[0].id == first.id


# --- suggestions -----------------------------------------------------------------------------------


def purity(groups: tuple[tuple[str, ...], ...]) -> float:
    right = sum(Counter(map(outfit_of, group)).most_common(1)[0][1] for group in groups)
    return right / sum(map(len, groups))


def test_outfits_are_found_by_tags_and_colours(unsorted: Path, tmp_path: Path) -> None:
    index = Index(tmp_path / "index" / "i.sqlite")
    pictures = look_at(unsorted).pictures
    looks = looks_of(pictures, index)
    found = suggest_groups(pictures, looks)
    assert [len(group.pictures) for group in found.groups] == [12, 9, 8, 6]
    assert purity(tuple(group.pictures for group in found.groups)) == 1
    assert set(found.groups[0].tags) == set(CLOTHES["zetadark"][1])
    assert found.clearness > 0.3
    assert suggest_groups(pictures[::-1], looks) == found, "in whatever order"
    assert len(suggest_groups(pictures, looks, count=2).groups) == 2
    opened: list[int] = []
    kept = looks_of(pictures, index, on_progress=lambda done, _: opened.append(done))
    assert not opened, "nothing is opened twice"
    assert all((kept[sha] == looks[sha]).all() for sha in looks)
    index.close()


def test_outfits_are_found_by_either_alone(tmp_path: Path) -> None:
    for name, count in COUNTS.items():
        outfit(tmp_path, name, count, tags=False)
    pictures = look_at(tmp_path).pictures
    by_look = suggest_groups(pictures, looks_of(pictures))
    assert purity(tuple(group.pictures for group in by_look.groups)) == 1
    tagger = {one.sha256: {*one.tags, outfit_of(one)} for one in pictures}
    by_tagger = suggest_groups(pictures, tags=tagger, count=4)
    assert purity(tuple(group.pictures for group in by_tagger.groups)) == 1


def test_one_outfit_stays_one_group(tmp_path: Path) -> None:
    outfit(tmp_path, "zetadef", 20)
    pictures = look_at(tmp_path).pictures
    found = suggest_groups(pictures, looks_of(pictures))
    assert ([len(group.pictures) for group in found.groups], found.clearness) == ([20], 0)
    few = suggest_groups(pictures[:4])
    assert [len(group.pictures) for group in few.groups] == [4]
    assert suggest_groups([]).groups == ()
