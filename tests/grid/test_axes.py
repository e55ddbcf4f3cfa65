"""What may be written into "Epochs" and "Weights"."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorabake.core.errors import GridError
from lorabake.grid.axes import choose_epochs, parse_weights
from lorabake.grid.values import parse_values


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("7-10", [7, 8, 9, 10]),
        ("7,10", [7, 10]),
        ("1-5 (+2)", [1, 3, 5]),
        ("10-5 (-3)", [10, 7]),
        ("10-7", [10, 9, 8, 7]),
        ("1-10 [5]", [1, 3, 6, 8, 10]),
        ("0.5-1.0 [6]", [0.5, 0.6, 0.7, 0.8, 0.9, 1.0]),
        ("0.5-1.0(+0.1)", [0.5, 0.6, 0.7, 0.8, 0.9, 1.0]),
        ("0.5-1.0", [0.5, 0.6, 0.7, 0.8, 0.9, 1.0]),
        ("1.0-0.5 (-0.25)", [1.0, 0.75, 0.5]),
        ("0-1 (+0.3)", [0, 0.3, 0.6, 0.9]),
        ("-1-1", [-1, 0, 1]),
        ("-0.5", [-0.5]),
        (" 1 , 2,, 2 ,\n3 ", [1, 2, 3]),
        ("5-5", [5]),
        ("3 [1]", None),
        ("0.1-0.3", [0.1, 0.2, 0.3]),
        ("", []),
    ],
)
def test_lists_and_ranges(text: str, values: list[float] | None) -> None:
    if values is None:
        with pytest.raises(GridError):
            parse_values(text)
    else:
        assert parse_values(text) == values


@pytest.mark.parametrize(
    "text",
    ["a", "1-", "1..2", "1-5 (2)", "1-5 (-1)", "5-1 (+1)", "1-5 (+0)", "1-100000", "1-5 [101]",
     "1-5 [0]", "0-1 (+0.001)", "nan", "inf", "1e9", "9" * 400, "1," * 1500],
)  # fmt: skip
def test_what_makes_no_sense_is_said_in_a_sentence(text: str) -> None:
    with pytest.raises(GridError) as error:
        parse_values(text)
    assert str(error.value).endswith(".")


@given(st.text(alphabet="0123456789.,-+()[] >\n", max_size=60))
def test_any_text_gives_numbers_or_a_sentence(text: str) -> None:
    try:
        values = parse_values(text)
    except GridError:
        return
    assert len(values) <= 100
    assert len(set(values)) == len(values)


def test_the_guides_weights() -> None:
    """ "your X values, type something like 1.0>, 0.9>, 0.8>, 0.7>, 0.6>, 0.5>" """
    assert parse_weights("1.0>, 0.9>, 0.8>, 0.7>, 0.6>, 0.5>") == [1.0, 0.9, 0.8, 0.7, 0.6, 0.5]
    with pytest.raises(GridError, match="No weight"):
        parse_weights(" ")
    with pytest.raises(GridError, match="beyond"):
        parse_weights("80")


def test_the_guides_epochs() -> None:
    """ "In X values, you'll type something like -10, -09, -08, -07" """
    available = list(range(1, 11))
    assert choose_epochs("-10, -09, -08, -07", available) == [10, 9, 8, 7]
    assert choose_epochs("7-10", available) == [7, 8, 9, 10]
    assert choose_epochs("", available) == available


def test_epochs_that_are_not_there() -> None:
    with pytest.raises(GridError, match=r"no file of epoch 11. There are: 1 to 10"):
        choose_epochs("9-11", list(range(1, 11)))
    with pytest.raises(GridError, match=r"There are: 2, 4"):
        choose_epochs("3", [2, 4])
    with pytest.raises(GridError, match=r"epoch 7.5"):
        choose_epochs("7.5", [7, 8])
    with pytest.raises(GridError, match="no LoRA file yet"):
        choose_epochs("", [])
