"""A setting is declared once; whatever does not fit is refused in a sentence that says what would."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorabake.core.errors import RecipeError
from lorabake.core.settings import (
    MAX_TEXT,
    checked,
    from_mapping,
    setting,
    setting_fields,
    to_mapping,
)


@dataclass(frozen=True, kw_only=True)
class Cake:
    layers: int = setting(2, "Layers", help="More is better.", minimum=1, maximum=9)
    sugar: float = setting(0.5, "Sugar", unit="kg", minimum=0, more=True)
    icing: bool = setting(True, "Icing")
    flavour: str = setting("plain", "Flavour", choices=lambda: ("plain", "lemon", "chocolate"))
    heights: tuple[float, ...] = setting((1.0, 2.0), "Heights", minimum=0, maximum=5)
    tin: int = setting(20, "Tin", choices=(18, 20, 24))
    extras: dict[str, Any] = setting({}, "Extras")  # noqa: RUF009
    note: str = setting("", "Note")
    unlisted: int = 3


def test_a_setting_carries_its_label_help_unit_and_limits() -> None:
    by_name = {spec.name: spec for spec in setting_fields(Cake)}
    assert list(by_name) == [field.name for field in fields(Cake)][:-1]
    layers = by_name["layers"]
    assert (layers.label, layers.help, layers.type, layers.default) == (
        "Layers",
        "More is better.",
        "int",
        2,
    )
    assert (layers.minimum, layers.maximum, layers.more) == (1, 9, False)
    assert (by_name["sugar"].unit, by_name["sugar"].more) == ("kg", True)
    assert by_name["flavour"].choices == ("plain", "lemon", "chocolate")
    assert [spec.type for spec in by_name.values()] == [
        *("int", "float", "bool", "str", "floats", "int", "table", "str")
    ]


def test_what_is_not_mentioned_keeps_its_default() -> None:
    assert from_mapping(Cake, {}) == Cake()
    assert from_mapping(Cake, {"layers": 3}) == Cake(layers=3)


def test_tables_are_not_shared_between_instances() -> None:
    Cake().extras["nuts"] = 1
    assert Cake().extras == {}


@pytest.mark.parametrize(
    ("name", "value", "result"),
    [
        ("layers", "3", 3),
        ("layers", 3.0, 3),
        ("layers", " 4 ", 4),
        ("sugar", "1e-4", 1e-4),
        ("sugar", 2, 2.0),
        ("icing", "false", False),
        ("icing", "No", False),
        ("icing", " on ", True),
        ("icing", 1, True),
        ("icing", 0, False),
        ("flavour", "lemon", "lemon"),
        ("heights", "0.9, 0.99", (0.9, 0.99)),
        ("heights", "[0.9,0.99]", (0.9, 0.99)),
        ("heights", [1, "2"], (1.0, 2.0)),
        ("tin", "24", 24),
        ("extras", {"nuts": 3}, {"nuts": 3}),
        ("note", 5, "5"),
    ],
)
def test_values_are_read_as_a_person_writes_them(name: str, value: Any, result: Any) -> None:
    got = getattr(from_mapping(Cake, {name: value}), name)
    assert (got, type(got)) == (result, type(result))


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("layers", 0, "Layers (cake.layers) cannot be 0; it wants a whole number from 1 to 9."),
        ("layers", 10, "from 1 to 9"),
        ("layers", 2.5, "wants a whole number"),
        ("layers", "many", "Layers (cake.layers) cannot be 'many'; it wants a whole number."),
        ("layers", True, "wants a whole number"),
        ("layers", None, "wants a whole number"),
        ("layers", float("inf"), "wants a whole number"),
        ("layers", 10**400, "from 1 to 9"),
        ("layers", 16**5000, "cannot be that large number"),
        ("sugar", -1, "wants a number of 0 or more"),
        ("sugar", float("nan"), "wants a number"),
        ("sugar", "inf", "wants a number"),
        ("sugar", 16**5000, "cannot be 'that large number'"),
        ("sugar", False, "wants a number"),
        ("icing", "perhaps", "wants true or false"),
        ("icing", 16**5000, "wants true or false"),
        ("icing", None, "wants true or false"),
        ("flavour", "lemno", "Did you mean 'lemon'?"),
        ("flavour", "", "There are: plain, lemon, chocolate."),
        ("tin", 19, "There are: 18, 20, 24."),
        ("heights", [], "numbers with commas"),
        ("heights", "a, b", "numbers with commas"),
        ("heights", 0.9, "numbers with commas"),
        ("heights", [1.0] * 17, "numbers with commas"),
        ("heights", [1, 6], "from 0 to 5"),
        ("extras", "nuts=3", "wants a table"),
        ("note", "x" * (MAX_TEXT + 1), "at most 2000 characters"),
        ("note", "a\0b", "at most 2000 characters"),
        ("note", ["a"], "wants a text"),
    ],
    ids=lambda value: "huge" if isinstance(value, int) and value > 10**300 else None,
)
def test_what_does_not_fit_is_refused_with_what_would(name: str, value: Any, sentence: str) -> None:
    with pytest.raises(RecipeError) as refused:
        from_mapping(Cake, {name: value}, where="cake")
    assert sentence in str(refused.value)
    assert len(str(refused.value)) < 300


def test_limits_themselves_are_allowed() -> None:
    assert from_mapping(Cake, {"layers": 9, "sugar": 0, "heights": [0, 5]}).layers == 9


def test_large_limits_are_written_out() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Seeded:
        seed: int = setting(0, "Seed", minimum=0, maximum=2**32 - 1)

    with pytest.raises(RecipeError, match="from 0 to 4294967295"):
        from_mapping(Seeded, {"seed": 2**32})


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(RecipeError) as refused:
        from_mapping(Cake, {"layer": 3}, where="cake")
    assert "There is no setting in [cake] called 'layer'. Did you mean 'layers'?" in str(
        refused.value
    )


def test_what_is_no_setting_cannot_be_set() -> None:
    with pytest.raises(RecipeError, match="unlisted"):
        from_mapping(Cake, {"unlisted": 4})


@given(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=30),
        st.lists(st.one_of(st.floats(), st.text(max_size=5)), max_size=4),
        st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
    ),
    st.sampled_from(setting_fields(Cake)),
)
def test_any_value_is_taken_within_limits_or_refused(value: Any, spec: Any) -> None:
    try:
        result = checked(spec, value)
    except RecipeError:
        return
    assert checked(spec, result) == result
    if spec.type in ("int", "float"):
        assert spec.minimum is None or result >= spec.minimum
        assert spec.maximum is None or result <= spec.maximum


def test_to_mapping_is_the_inverse_of_from_mapping() -> None:
    cake = Cake(layers=5, heights=(3.0, 4.0), extras={"nuts": 1})
    assert to_mapping(cake)["heights"] == [3.0, 4.0]
    assert from_mapping(Cake, to_mapping(cake)) == cake
