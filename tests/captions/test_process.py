"""Process tags: what is shown before is what is done, and one undo takes it all back."""

from __future__ import annotations

import string
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorabake.captions.operations import OPERATIONS
from lorabake.captions.process import apply, items_of, match_counts, preview
from lorabake.captions.settings import FORM_GROUPS, LINES, TAG_FIELDS, FieldError, ProcessSettings
from lorabake.core.dataset import scan_dataset
from lorabake.core.history import open_history
from lorabake.core.settings import setting_fields
from lorabake.core.tags import tag_key
from tests.captions.making import (
    TAGS,
    after,
    afters,
    item,
    items,
    looked,
    on_disk,
    whys,
    write_dataset,
)

# --- the settings --------------------------------------------------------------------------------


def test_every_field_stands_in_the_form_once():
    names = [spec.name for spec in setting_fields(ProcessSettings)]
    shown = [name for _, group in FORM_GROUPS for name in group]
    assert sorted(shown) == sorted(names)
    assert set(names) >= LINES | TAG_FIELDS


def test_every_field_explains_itself():
    for spec in setting_fields(ProcessSettings):
        assert spec.help.endswith("."), spec.name


def test_names_of_operations_are_their_own():
    assert len({one.name for one in OPERATIONS}) == len(OPERATIONS)


def test_untouched_settings_change_no_tidy_caption():
    texts = ("a, b", "", "one,two", "a, b\nsecond line, of words\n")
    assert looked(*texts).changes == ()


# --- the guide -----------------------------------------------------------------------------------


def test_in_the_tags_to_add_field_type_a_trigger_word():
    """In front of every caption, also of one that is empty; never twice."""
    found = looked("1girl, smile", "", "smile, Zeta_Def", "zeta def, smile", tags_to_add="zeta def")
    assert afters(found) == {
        "0.png": "zeta def, 1girl, smile",
        "1.png": "zeta def",
        "2.png": "zeta def, smile",
    }
    assert found.counts["add"] == 3


def test_several_tags_are_added_in_the_order_they_were_typed():
    assert after("b, x, a", tags_to_add="a, b") == "a, b, x"


def test_tags_to_remove_are_removed_across_all_caption_files():
    found = looked(
        "Long_Hair, smile", "(long hair:1.2), a", "long hairs", tags_to_remove="long hair"
    )
    assert afters(found) == {"0.png": "smile", "1.png": "a"}
    assert ("(long hair:1.2)", "you asked to remove it") in whys(found)


def test_what_was_just_added_is_not_removed():
    assert after("x, a", tags_to_add="a", tags_to_remove="a") == "a, x"


# --- single operations ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "removed", "left"),
    [
        ("simple background, white background, a", "*background", "a"),
        ("cat, car, cart", "ca?", "cart"),
        ("solo, kafka, solos", "*o*", "solo, kafka"),  # a wildcard does not name anybody
        ("?, !?, a", "?", "!?, a"),
        ("a, b", "*", "a, b"),
        ("[x], ax", "[x]", "ax"),
        ("kafka (hsr), a", r"kafka \(hsr\)", "a"),
    ],
)
def test_wildcards(text, removed, left):
    assert after(text, tags_to_remove=removed) == left


def test_solo_and_the_trigger_go_only_when_they_are_named():
    found = looked("kafka, solo, a", tags_to_remove="solo, kafka")
    assert afters(found) == {"0.png": "a"}
    assert "solo would disappear from one caption, as you asked." in found.warnings
    assert "kafka would disappear from one caption, as you asked." in found.warnings


@pytest.mark.parametrize(
    ("typed", "text", "now"),
    [
        ("a = b", "x, a, y", "x, b, y"),
        ("a=b", "a, b", "b"),  # not twice
        ("a, b = c", "a, x, b", "c, x"),
        ("a = b, c", "x, a", "x, b, c"),
        ("a, b = c, d", "b, a", "d, c"),
        ("a = b\nb = a", "a, b", "b, a"),
        ("=_= = closed eyes", "=_=", "closed eyes"),
        ("long_hair → very long hair", "Long Hair, a", "very long hair, a"),
        ("a = A", "a, b", "A, b"),
    ],
)
def test_replace(typed, text, now):
    assert after(text, replace=typed) == now


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("a", "Line 1 is not understood"),
        ("a = b\n\nc = d = e", "Line 3"),
        ("a =", "both sides"),
        ("a, b, c = d, e", "3 tags on the left and 2 on the right"),
        ("a = b\nA = c", "A is replaced twice"),
    ],
)
def test_a_line_of_replacements_that_does_not_work_is_named(typed, says):
    with pytest.raises(FieldError, match=says) as told:
        looked("a", replace=typed)
    assert told.value.field == "replace"


def test_find_and_replace_by_an_expression():
    found = looked(
        "light blue hair, Dark Eyes, a", regex_find="^(light|dark) (.+)$", regex_replace=r"\2"
    )
    assert afters(found) == {"0.png": "blue hair, Eyes, a"}
    assert ("light blue hair", "becomes blue hair") in whys(found)


def test_an_expression_may_empty_and_divide_tags():
    assert after("watermark, a b, c", regex_find="^watermark$") == "a b, c"
    assert after("a b, c", regex_find=" ", regex_replace=",") == "a, b, c"


def test_an_expression_over_the_whole_caption_sees_the_commas():
    assert (
        after("a, b, c", regex_find="a, b", regex_replace="ab", regex_scope="captions") == "ab, c"
    )


def test_emphasised_tags_move_only_where_they_are():
    found = looked("x, b, a", "x, y", tags_to_emphasise="a, b")
    assert afters(found) == {"0.png": "a, b, x"}


def test_added_tags_stand_before_emphasised_ones():
    assert after("x, e", tags_to_add="t", tags_to_emphasise="e") == "t, e, x"


def test_each_folder_gets_its_own_trigger():
    pictures = [item("a"), item("a", concept="2_blade", trigger="blade")]
    found = preview(pictures, ProcessSettings(add_trigger=True))
    assert [change.after for change in found.changes] == ["kafka, a", "blade, a"]


def test_tags_at_the_end():
    assert after("a, b", tags_to_append="c, A") == "a, b, c"


def test_duplicates_are_one_tag_in_several_spellings():
    found = looked("Long Hair, a, long_hair, (long hair:1.3), a")
    assert afters(found) == {"0.png": "Long Hair, a"}
    assert whys(found) == [
        ("long_hair", "the same as Long Hair"),
        ("(long hair:1.3)", "the same as Long Hair"),
        ("a", "stands there already"),
    ]
    assert looked("a, a", remove_duplicates=False).changes == ()


def test_rare_tags_are_counted_over_all_pictures():
    everything = items("kafka, a, b, solo", "a, b", "a")
    found = preview(everything[:1], ProcessSettings(rare_below=3), all_items=everything)
    assert afters(found) == {"0.png": "kafka, a, solo"}
    assert whys(found) == [("b", "on 2 images only")]


def test_rare_tags_are_counted_as_they_are_after_replacing():
    found = looked("colour", "color", rare_below=2, replace="colour = color")
    assert afters(found) == {"0.png": "color"}


def test_kinds_of_tags_are_removed():
    found = looked("a, highres, somebody", categories_to_remove="meta, Artist")
    assert afters(found) == {"0.png": "a"}
    with pytest.raises(FieldError, match="no kind of tag called 'metal'"):
        looked("a", categories_to_remove="metal")


@pytest.mark.parametrize(
    ("how", "now"),
    [
        ("alphabetical", "first, A10, b, highres, saber (fate), solo, x2, x10"),
        ("reverse", "first, A10, x10, highres, saber (fate), solo, x2, b"),
        ("category", "first, solo, saber (fate), b, x2, x10, A10, highres"),
    ],
)
def test_sorting_behind_what_stays_in_front(how, now):
    assert after("first, b, x2, solo, saber (fate), highres, x10, A10", sort=how) == now


def test_sorting_by_frequency_keeps_ties_as_they_were():
    found = looked("k, z, y, x", "k, x", "k, x, y", sort="frequency")
    assert afters(found)["0.png"] == "k, x, y, z"


def test_shuffling_is_the_same_every_time_and_leaves_the_front():
    text = ", ".join(["kafka", *string.ascii_lowercase])
    once = after(text, sort="shuffle", shuffle_seed=4)
    assert once == after(text, sort="shuffle", shuffle_seed=4)
    assert once != after(text, sort="shuffle", shuffle_seed=5)
    assert once.startswith("kafka, ")
    assert sorted(once) == sorted(text)


def test_sorting_never_moves_the_trigger_in_front_nor_what_was_added():
    assert after("kafka, b, a", sort="alphabetical", keep_first=0) == "kafka, a, b"
    assert after("b, a", sort="alphabetical", keep_first=0, tags_to_add="z, y") == "z, y, a, b"


@pytest.mark.parametrize(
    ("text", "settings", "now"),
    [
        ("long_hair, ^_^, score_9_up", {"underscores": "spaces"}, "long hair, ^_^, score_9_up"),
        ("long hair, ^_^", {"underscores": "underscores"}, "long_hair, ^_^"),
        (r"a (b), c \(d\)", {"brackets": "escape"}, r"a \(b\), c \(d\)"),
        (r"a (b), c \(d\)", {"brackets": "plain"}, "a (b), c (d)"),
        (r"(a \(b\):1.20), c", {"weights": "drop"}, r"a \(b\), c"),
        ("(a b:1.20), c_d", {"underscores": "spaces"}, "(a b:1.20), c d"),
        ("(a_b:1.2)", {"underscores": "spaces"}, "(a b:1.2)"),
        (
            "kafka, my_tag, a_b",
            {"underscores": "spaces", "tags_to_add": "my_tag"},
            "my_tag, kafka, a b",
        ),
    ],
)
def test_spelling(text, settings, now):
    assert after(text, **settings) == now


# --- several lines -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "now"),
    [
        ("first", "\nt, a, b\r\nc ,d\n\n"),
        ("each", "\nt, a, b\r\nt, c, d\n\n"),
        ("join", "t, a, b, c, d"),
    ],
)
def test_captions_of_several_lines(lines, now):
    assert after("\na,  b\r\nc ,d\n\n", tags_to_add="t", lines=lines) == now


def test_an_untouched_line_stays_word_for_word():
    assert after("a ,b\nx,  y", lines="each", tags_to_remove="a") == "b\nx,  y"


# --- what is said --------------------------------------------------------------------------------


def test_a_slip_of_the_pen_is_told():
    found = looked("a", tags_to_remove="simle, *foo", tags_to_emphasise="b", replace="c = d")
    assert found.warnings == (
        "No caption has simle, which you want to remove.",
        "No caption has b, which you want to emphasise.",
        "No caption has c, which you want to replace.",
    )


def test_captions_that_would_become_empty_are_told():
    assert looked("a", tags_to_remove="a").warnings[-1].startswith("One caption would have no tag")


def test_missing_lists_are_told():
    told = looked("a", vocabulary=None, redundancy="implications", sort="category").warnings
    assert any("implications" in one for one in told)
    assert any("kinds of tags are not known" in one for one in told)


def test_matches_are_counted_while_somebody_types():
    texts = items("long hair, a", "Long_Hair, long dress", "b")
    typed = ProcessSettings(
        tags_to_remove="long hair",
        regex_find="long",
        replace="a = c\nb = d",
        tags_to_emphasise="l*",
    )
    counts = {name: (one.tags, one.captions) for name, one in match_counts(texts, typed).items()}
    assert counts == {
        "tags_to_remove": (2, 2),
        "tags_to_emphasise": (3, 2),
        "replace": (2, 2),
        "regex_find": (3, 2),
    }


# --- doing it ------------------------------------------------------------------------------------

FILES = {
    "a": b"\xef\xbb\xbf1girl, smile\r\n",
    "b": "キャラ, smile".encode("cp932"),
    "c": b"x, y\nsecond, line\n",
    "d": None,
    "e": b"",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "dataset", FILES)


def test_what_was_previewed_is_what_is_written_and_one_undo_brings_back_every_byte(root):
    before = on_disk(root)
    read = items_of(scan_dataset(root))
    first = read[0]
    assert (first.id, first.concept, first.trigger) == ("5_kafka/a.png", "5_kafka", "kafka")
    seen = preview(read, ProcessSettings(tags_to_add="kafka", tags_to_remove="smile"))
    done = apply(root, read, seen, "Process tags")
    assert len(done.changed) == 5
    assert not done.skipped
    assert done.operation
    assert (done.operation.origin, done.operation.count) == ("process", 5)
    now = on_disk(root)
    assert now["5_kafka/a.txt"] == b"\xef\xbb\xbfkafka, 1girl\r\n"
    assert now["5_kafka/c.txt"] == b"kafka, x, y\nsecond, line\n"
    assert now["5_kafka/d.txt"].strip() == b"kafka"
    assert {one.id: one.text for one in items_of(scan_dataset(root))} == {
        change.id: change.after for change in seen.changes
    }
    open_history(root).undo()
    assert on_disk(root) == before
    open_history(root).redo()
    assert on_disk(root) == now


def test_a_caption_that_another_program_changed_is_skipped_and_told(root):
    read = items_of(scan_dataset(root))
    seen = preview(read, ProcessSettings(tags_to_add="kafka"))
    (root / "5_kafka" / "a.txt").write_bytes(b"somebody was faster")
    done = apply(root, read, seen, "Process tags")
    assert [path for path, _ in done.skipped] == ["5_kafka/a.txt"]
    assert len(done.changed) == 4
    assert (root / "5_kafka" / "a.txt").read_bytes() == b"somebody was faster"


def test_only_chosen_pictures_and_other_kinds_of_caption_files(root):
    (root / "5_kafka" / "a.caption").write_text("one", encoding="utf-8")
    read = items_of(scan_dataset(root), {"5_kafka/a.png"}, ".caption")
    assert [one.text for one in read] == ["one"]
    apply(root, read, preview(read, ProcessSettings(tags_to_add="t")), "Add")
    assert (root / "5_kafka" / "a.caption").read_text(encoding="utf-8") == "t, one"
    assert (root / "5_kafka" / "a.txt").read_bytes() == FILES["a"]


def test_what_is_no_caption_is_left_alone(root):
    (root / "5_kafka" / "a.txt").write_bytes(b"\0\1\2")
    assert "5_kafka/a.png" not in {one.id for one in items_of(scan_dataset(root))}


# --- promises for any caption --------------------------------------------------------------------

_TAGS = st.sampled_from(
    [
        *(
            "kafka",
            "solo",
            "1girl",
            "2girls",
            "long hair",
            "long_hair",
            "(Long Hair:1.2)",
            "short hair",
        ),
        *("blue hair", "red hair", "shirt", "white shirt", "striped_thighhighs", "thighhighs"),
        *(
            "thigh highs",
            "^_^",
            "saber (fate)",
            r"saber \(fate\)",
            "fate (series)",
            "highres",
            "é, ü",
        ),
        *("head of ring", "tail of ring", "", " ", "score_9", "=_=", "?"),
    ]
)
_ENDS = st.sampled_from(["\n", "\r\n", "\u2028", ""])
_TEXTS = st.lists(
    st.tuples(st.lists(_TAGS | st.text(max_size=8), max_size=8), _ENDS), max_size=3
).map(lambda lines: "".join(",".join(tags) + end for tags, end in lines))
_SETTINGS = st.builds(
    ProcessSettings,
    tags_to_add=st.sampled_from(["", "t", "kafka, t_t"]),
    tags_to_emphasise=st.sampled_from(["", "solo, shirt"]),
    replace=st.sampled_from(["", "shirt = dress, hat\nred hair, blue hair = pink hair"]),
    regex_find=st.sampled_from(["", "^(.)(.+)$"]),
    regex_replace=st.sampled_from(["", r"\2\1", ","]),
    remove_duplicates=st.booleans(),
    redundancy=st.sampled_from(["off", "implications", "whole words", "both"]),
    rare_below=st.sampled_from([0, 2]),
    consolidate=st.sampled_from(["", "all", "hair color = red hair"]),
    sort=st.sampled_from(["none", "alphabetical", "frequency", "category", "shuffle", "reverse"]),
    keep_first=st.integers(0, 3),
    underscores=st.sampled_from(["as is", "spaces", "underscores"]),
    brackets=st.sampled_from(["as is", "escape", "plain"]),
    weights=st.sampled_from(["as is", "drop"]),
    lines=st.sampled_from(["first", "each", "join"]),
)


@given(st.lists(_TEXTS, max_size=4), _SETTINGS)
def test_nothing_is_dropped_without_a_reason_and_nobody_protected_unasked(texts, settings):
    settings = replace(settings, regex_find="")
    found = preview(items(*texts), settings, TAGS)
    for change in found.changes:
        told = {tag_key(reason.tag) for reason in change.reasons if reason.tag}
        had, has = (
            {tag_key(tag) for line in text.splitlines() for tag in line.split(",") if tag.strip()}
            for text in (change.before, change.after)
        )
        gone = had - has
        assert gone <= told, (change, gone - told)
        assert not gone & {"solo", "kafka"}
        assert change.before != change.after


@given(st.lists(_TEXTS, max_size=4), _SETTINGS)
def test_doing_it_again_changes_nothing_more_where_it_cannot(texts, settings):
    """Without what by nature goes on (expressions, replacing, counting, turning round)."""
    tame = replace(
        settings,
        regex_find="",
        replace="",
        rare_below=0,
        consolidate_by="first",
        sort="none" if settings.sort in ("reverse", "shuffle", "frequency") else settings.sort,
    )
    first = preview(items(*texts), tame, TAGS)
    now = {change.id: change.after for change in first.changes}
    again = [item(now.get(one.id, one.text), one.id.partition("/")[2]) for one in items(*texts)]
    assert preview(again, tame, TAGS).changes == ()


@given(st.lists(_TEXTS, max_size=3), _SETTINGS)
def test_any_caption_and_any_settings_give_a_caption_that_reads_back(texts, settings):
    for change in preview(items(*texts), settings, TAGS).changes:
        assert item(change.after).tags == item(change.after.strip()).tags
        assert len(change.after) < 100_000
