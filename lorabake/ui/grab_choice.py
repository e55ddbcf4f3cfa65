"""What was chosen in the Grabber: boards, filters, what captions hold, which folder; per project."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from lorabake.collect.captions import categories_of
from lorabake.collect.settings import CollectSettings, explicit_allowed, is_public
from lorabake.core.errors import LorabakeError, RecipeError
from lorabake.core.settings import SettingField, setting_fields
from lorabake.core.workspace import Project
from lorabake.ui.answers import answered, number, text
from lorabake.ui.chosen import update_settings
from lorabake.ui.form import from_widget, to_widget
from lorabake.ui.place import place

if TYPE_CHECKING:
    from lorabake.collect.query import PostFilters

KEY = "grabber"  # in project.json
MAX_QUERY = 1000  # characters
MAX_VALUE = 2000
USUAL_SITE = "gelbooru"
PUBLIC_SITE = "safebooru"  # where no accounts are kept, and only the mild ratings come
RATINGS = ("general", "sensitive", "questionable", "explicit")
USUAL_RATINGS = ("general", "sensitive")
TYPES = ("jpg", "png", "webp", "gif")
# Stops of the sliders; None: no limit.
SIDES = (0, 256, 384, 512, 640, 768, 896, 1024, 1280, 1536, 2048)
SCORES = (None, 0, 1, 2, 5, 10, 20, 50, 100, 200)
SHAPES = (0.33, 0.5, 0.56, 0.67, 0.75, 1.0, 1.33, 1.5, 1.78, 2.0, 3.0)  # width / height
LISTS = ("exclude",)  # tags with commas between, completed while typing
WORDS: Mapping[str, Mapping[str, str]] = {
    "rating": {"off": "not written", "first": "in front", "last": "at the end"},
    "names": {"number": "board and number of the post", "md5": "md5 of the file"},
}


@dataclass(frozen=True)
class GrabChoice:
    """A search and where its pictures go. narrow, wide: width / height, 0 for no limit.

    folder: the concept's name or folder; repeats: of a new one.
    """

    text: str = ""
    sites: tuple[str, ...] = (USUAL_SITE,)
    min_side: int = 0
    narrow: float = 0.0
    wide: float = 0.0
    min_score: int | None = None
    ratings: tuple[str, ...] = USUAL_RATINGS
    types: tuple[str, ...] = ()
    folder: str = ""
    repeats: int = 1
    settings: CollectSettings = field(default_factory=CollectSettings)


@answered("edit")
def lb_grab_set(data: dict[str, Any]) -> dict[str, Any]:
    """Keep what is chosen; `setting` and `value`: one of the settings of captions and files."""
    project = place().project(data.get("project"))
    choice = with_values(read_choice(project), data.get("values"))
    name = text(data, "setting", limit=80)
    if name:
        changed = with_setting(choice.settings, name, data.get("value"))
        categories_of(changed)
        choice = replace(choice, settings=changed)
    if data.get("usual") is True:
        choice = replace(choice, settings=CollectSettings())
    keep_choice(project, choice)
    return {"values": widget_values(choice), "usual": choice.settings == CollectSettings()}


def read_choice(project: Project) -> GrabChoice:
    """What the project remembers; what no longer fits is as usual."""
    saved = project.read_settings().get(KEY)
    record: dict[str, Any] = saved if isinstance(saved, dict) else {}
    usual = GrabChoice(sites=(PUBLIC_SITE,)) if is_public() else GrabChoice()
    choice = with_values(usual, record)
    kept = record.get("settings")
    for name, value in (kept if isinstance(kept, dict) else {}).items():
        try:
            settings = with_setting(choice.settings, name, value)
            categories_of(settings)
        except LorabakeError:  # written by another version, or by hand
            continue
        choice = replace(choice, settings=settings)
    return choice


def keep_choice(project: Project, choice: GrabChoice) -> None:
    usual = CollectSettings()
    changed = {
        spec.name: getattr(choice.settings, spec.name)
        for spec in setting_fields(CollectSettings)
        if getattr(choice.settings, spec.name) != getattr(usual, spec.name)
    }
    update_settings(project, **{KEY: {**_plain(choice), "settings": changed}})


def with_values(choice: GrabChoice, values: object) -> GrabChoice:
    """A choice with what the page's fields hold; what does not fit stays as it was."""
    if not isinstance(values, dict):
        return choice
    given: dict[str, Any] = {}
    if isinstance(values.get("text"), str):
        given["text"] = values["text"][:MAX_QUERY]
    if isinstance(values.get("folder"), str):
        given["folder"] = values["folder"].strip()[:200]
    for name, known in (("ratings", ratings()), ("types", TYPES)):
        if isinstance(values.get(name), list):
            given[name] = tuple(one for one in known if one in values[name])
    if isinstance(values.get("sites"), list):
        given["sites"] = tuple(dict.fromkeys(map(str, values["sites"][:20])))
    for name in ("narrow", "wide"):
        value = values.get(name)
        if isinstance(value, int | float) and 0 <= value <= 100:
            given[name] = float(value)
    if "min_score" in values:
        score = values["min_score"]
        given["min_score"] = int(score) if isinstance(score, int | float) else None
    if "min_side" in values:
        given["min_side"] = number(values, "min_side", otherwise=0, low=0, high=16_384)
    if "repeats" in values:
        given["repeats"] = number(values, "repeats", otherwise=1, low=1, high=1000)
    return replace(choice, **given)


def with_setting(settings: CollectSettings, name: str, value: object) -> CollectSettings:
    """RecipeError with what is wrong."""
    specs = {spec.name: spec for spec in setting_fields(CollectSettings)}
    if name not in specs:
        raise RecipeError("This setting is no longer there. Reload the page.")
    typed = value[:MAX_VALUE] if isinstance(value, str) else value
    result: Any = from_widget(specs[name], typed)
    return replace(settings, **{name: result})


def filters_of(choice: GrabChoice) -> PostFilters:
    """As the search knows them."""
    from lorabake.collect.query import PostFilters

    return PostFilters(
        min_side=choice.min_side,
        min_aspect=choice.narrow,
        max_aspect=choice.wide,
        min_score=choice.min_score,
        # The usual ratings leave it to the words of the search, which may say otherwise.
        ratings=() if set(choice.ratings) == set(USUAL_RATINGS) else choice.ratings,
        file_types=choice.types,
    )


def widget_values(choice: GrabChoice) -> dict[str, Any]:
    """What the fields show."""
    settings = {
        spec.name: to_widget(spec, getattr(choice.settings, spec.name))
        for spec in setting_fields(CollectSettings)
    }
    return {**_plain(choice), "settings": settings}


def _plain(choice: GrabChoice) -> dict[str, Any]:
    record = asdict(choice)
    del record["settings"]
    return {name: list(v) if isinstance(v, tuple) else v for name, v in record.items()}


def ratings() -> tuple[str, ...]:
    """Those that can be asked for here; on a public Space only the mild ones."""
    return RATINGS if explicit_allowed() else USUAL_RATINGS


def describe() -> list[dict[str, Any]]:
    """The settings of captions and files, in the order they were declared; without values."""
    return [_field(spec) for spec in setting_fields(CollectSettings)]


def _field(spec: SettingField) -> dict[str, Any]:
    words = WORDS.get(spec.name, {})
    return {
        "key": spec.name,
        "label": spec.label,
        "unit": spec.unit,
        "help": spec.help,
        "type": "tags" if spec.name in LISTS else spec.type,
        "choices": [[str(c), words.get(str(c), str(c))] for c in spec.choices],
        "more": spec.more,
    }
