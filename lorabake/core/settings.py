"""A setting is declared once, as a dataclass field; form, preset, TOML, CLI and trainer read it here.

    @dataclass(frozen=True, kw_only=True)
    class NetworkSettings:
        network_dim: int = setting(8, "Network dim", help="8 for PDXL.", minimum=1, maximum=1024)

`from_mapping` builds such a dataclass from what a file or a form says and refuses what does not
fit, in one sentence; `to_mapping` is its inverse.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from functools import cache
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from lorabake.core.errors import RecipeError
from lorabake.core.registry import unknown_name

T = TypeVar("T")
Choices = tuple[Any, ...] | Callable[[], tuple[Any, ...]]

MAX_TEXT = 2000  # characters of one text setting; longer ones only come from hostile files


@dataclass(frozen=True)
class SettingField:
    """What a form, a file and a help page need to know about one setting.

    type: "bool", "int", "float", "floats" (a tuple of numbers), "str" or "table" (free pairs,
    checked by whoever owns them). minimum and maximum are inclusive. longest: characters of a text.
    """

    name: str
    label: str
    help: str
    unit: str
    type: str
    default: Any
    choices: tuple[Any, ...]
    minimum: float | None
    maximum: float | None
    more: bool
    longest: int = MAX_TEXT


def setting(
    default: Any,
    label: str,
    *,
    help: str = "",
    unit: str = "",
    choices: Choices | None = None,
    minimum: float | None = None,
    maximum: float | None = None,
    more: bool = False,
    longest: int = MAX_TEXT,
) -> Any:
    """A dataclass field that carries its own label, help and limits.

    choices may be a function, so that a registry is asked only when somebody looks.
    more: a rare setting, folded away on the page. longest: characters, of a text.
    """
    about = {
        "label": label,
        "help": help,
        "unit": unit,
        "choices": choices,
        "minimum": minimum,
        "maximum": maximum,
        "more": more,
        "longest": longest,
    }
    if isinstance(default, dict):
        return field(default_factory=lambda: dict(default), metadata=about)
    return field(default=default, metadata=about)


@cache
def setting_fields(cls: type) -> tuple[SettingField, ...]:
    """The settings of a dataclass, in the order they were written."""
    hints = get_type_hints(cls)
    return tuple(_describe(f, hints[f.name]) for f in fields(cls) if "label" in f.metadata)


def _describe(f: Field[Any], hint: Any) -> SettingField:
    about = f.metadata
    choices = about["choices"]
    default = f.default_factory() if f.default_factory is not MISSING else f.default
    return SettingField(
        name=f.name,
        label=about["label"],
        help=about["help"],
        unit=about["unit"],
        type=_type_name(hint),
        default=default,
        choices=tuple(choices() if callable(choices) else choices or ()),
        minimum=about["minimum"],
        maximum=about["maximum"],
        more=about["more"],
        longest=about["longest"],
    )


def _type_name(hint: Any) -> str:
    if NoneType in get_args(hint):  # `int | None`: a number, or as elsewhere
        hint = next(kind for kind in get_args(hint) if kind is not NoneType)
    if get_origin(hint) is tuple:
        assert get_args(hint)[0] is float, hint
        return "floats"
    if get_origin(hint) in (dict, Mapping) or hint is dict:
        return "table"
    name: str = hint.__name__
    assert name in ("bool", "int", "float", "str"), hint
    return name


def from_mapping(cls: type[T], mapping: Mapping[str, Any], *, where: str = "") -> T:
    """An instance of a settings dataclass from pairs of name and value.

    Missing names keep their defaults. Raises RecipeError for an unknown name, a wrong type or a
    value outside its limits; `where` is the table's name for the sentence.
    """
    known = {f.name: f for f in setting_fields(cls)}  # type: ignore[arg-type]
    unknown = [name for name in mapping if name not in known]
    if unknown:
        table = f"setting in [{where}]" if where else "setting"
        raise RecipeError(unknown_name(table, unknown[0], tuple(known)))
    return cls(**{name: checked(known[name], value, where) for name, value in mapping.items()})


def to_mapping(settings: Any) -> dict[str, Any]:
    """The pairs of name and value of a settings dataclass, ready for a TOML table."""
    assert is_dataclass(settings)
    values = {f.name: getattr(settings, f.name) for f in setting_fields(type(settings))}  # type: ignore[arg-type]
    return {name: list(v) if isinstance(v, tuple) else v for name, v in values.items()}


def checked(spec: SettingField, value: Any, where: str = "") -> Any:
    """`value` in the setting's own type; text is read as a person would write it."""
    place = f"{where}.{spec.name}" if where else spec.name
    if spec.type == "str" and {"on", "off"} <= set(spec.choices):
        # as other trainers' files and older ones say it
        value = {"true": "on", "false": "off"}.get(str(value).lower(), value)
    try:
        result = _READERS[spec.type](value)
        if isinstance(result, str) and len(result) > spec.longest:
            raise ValueError(value)
    except (TypeError, ValueError, OverflowError):
        raise RecipeError(
            f"{spec.label} ({place}) cannot be {_shown(value)!r}; it wants {_wants(spec)}."
        ) from None
    if spec.choices and result not in spec.choices:
        raise RecipeError(
            unknown_name(f"{spec.label} ({place})", _shown(result), tuple(map(str, spec.choices)))
        )
    numbers = (
        result if spec.type == "floats" else (result,) if spec.type in ("int", "float") else ()
    )
    if not all(_within(number, spec) for number in numbers):
        raise RecipeError(
            f"{spec.label} ({place}) cannot be {_shown(value)}; it wants {_limits(spec)}."
        )
    return result


def _wants(spec: SettingField) -> str:
    about = f" of at most {spec.longest} characters" if spec.type == "str" else ""
    return _WANTS[spec.type] + about


def _shown(value: Any) -> str:
    """A value for a sentence, not longer than a sentence bears."""
    try:
        return str(value)[:80]
    except ValueError:  # Python refuses to write out whole numbers of thousands of digits
        return "that large number"


def _within(number: float, spec: SettingField) -> bool:
    low = -math.inf if spec.minimum is None else spec.minimum
    high = math.inf if spec.maximum is None else spec.maximum
    # Without math.isfinite, which cannot take whole numbers larger than a float.
    return -math.inf < number < math.inf and low <= number <= high


def _limits(spec: SettingField) -> str:
    if spec.minimum is not None and spec.maximum is not None:
        return f"{_WANTS[spec.type]} from {spec.minimum:.10g} to {spec.maximum:.10g}"
    if spec.minimum is not None:
        return f"{_WANTS[spec.type]} of {spec.minimum:.10g} or more"
    return (
        f"{_WANTS[spec.type]} of {spec.maximum:.10g} or less"
        if spec.maximum is not None
        else "a number"
    )


def _read_bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if str(value).strip().lower() in ("true", "yes", "on", "1"):
        return True
    if str(value).strip().lower() in ("false", "no", "off", "0"):
        return False
    raise ValueError(value)


def _read_int(value: Any) -> int:
    if isinstance(value, bool):
        raise TypeError(value)
    number = float(value) if not isinstance(value, int) else value
    if number != int(number):
        raise ValueError(value)
    return int(number)


def _read_float(value: Any) -> float:
    if isinstance(value, bool):
        raise TypeError(value)
    return float(value)


def _read_floats(value: Any) -> tuple[float, ...]:
    if isinstance(value, str):
        value = [part for part in value.strip("[]() ").split(",") if part.strip()]
    if not isinstance(value, list | tuple) or not value or len(value) > 16:
        raise TypeError(value)
    return tuple(_read_float(part) for part in value)


def _read_str(value: Any) -> str:
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        raise TypeError(value)
    text = str(value)
    if "\0" in text:
        raise ValueError(value)
    return text


def _read_table(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError(value)
    return {str(name): item for name, item in value.items()}


_READERS: dict[str, Callable[[Any], Any]] = {
    "bool": _read_bool,
    "int": _read_int,
    "float": _read_float,
    "floats": _read_floats,
    "str": _read_str,
    "table": _read_table,
}
_WANTS = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "floats": "numbers with commas between them",
    "str": "a text",
    "table": "a table of names and values",
}
