"""A figure that misses its target is seen, in the table and in the exit code."""

from lorabake.practice.figures import Figure, share, table


def test_targets_have_a_direction() -> None:
    assert Figure("g", "hair", 95.0, 95).is_met
    assert not Figure("g", "hair", 94.9, 95).is_met
    assert Figure("g", "seconds", 90.0, 90, at_most=True).is_met
    assert not Figure("g", "seconds", 90.1, 90, at_most=True).is_met
    assert Figure("g", "only told", 0.0).is_met


def test_the_table_names_what_was_missed() -> None:
    lines = table([Figure("Base", "hair", 99.0, 95), Figure("Base", "eyes", 70.0, 80)]).splitlines()
    assert lines[0] == "Base"
    assert lines[1].split() == ["hair", "99.0", "%", ">=", "95", "ok"]
    assert lines[2].endswith("MISSED")


def test_share_is_in_percent() -> None:
    assert share([True, False, True, True]) == 75
    assert share([]) == 0
