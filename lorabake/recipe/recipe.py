"""Recipe: everything that decides what a bake will be, in the guide's groups and words.

The file form is TOML with one table per group; see `presets.py` for reading and inheritance.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any

from lorabake.core.errors import RecipeError
from lorabake.core.registry import unknown_name
from lorabake.core.settings import (
    SettingField,
    checked,
    from_mapping,
    setting_fields,
    to_mapping,
)
from lorabake.engine.networks.settings import NetworkSettings
from lorabake.engine.optimizers import OPTIMIZERS, optimizer_settings
from lorabake.recipe.kept import clean_kept
from lorabake.recipe.settings import (
    AugmentSettings,
    BucketSettings,
    CaptionSettings,
    GeneralSettings,
    ModelSettings,
    NoiseSettings,
    OptimizerSettings,
    SampleSettings,
    SavingSettings,
    ValidationSettings,
)

FAMILIES = ("sdxl", "sd15")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All settings of one bake.

    kept: what another trainer's file said and means nothing here, so that it can be given back.
    """

    title: str = "My recipe"
    description: str = ""
    family: str = "sdxl"
    model: ModelSettings = field(default_factory=ModelSettings)
    general: GeneralSettings = field(default_factory=GeneralSettings)
    network: NetworkSettings = field(default_factory=NetworkSettings)
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    bucket: BucketSettings = field(default_factory=BucketSettings)
    captions: CaptionSettings = field(default_factory=CaptionSettings)
    augment: AugmentSettings = field(default_factory=AugmentSettings)
    noise: NoiseSettings = field(default_factory=NoiseSettings)
    saving: SavingSettings = field(default_factory=SavingSettings)
    validation: ValidationSettings = field(default_factory=ValidationSettings)
    sample: SampleSettings = field(default_factory=SampleSettings)
    kept: dict[str, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        optimizer_settings(self.optimizer.type, self.optimizer.args)
        if self.family not in FAMILIES:
            raise RecipeError(unknown_name("family", self.family, FAMILIES))

    @property
    def text_encoder_trains(self) -> bool:
        return self.network.train_text_encoder and (
            self.optimizer.text_encoder_lr > 0 or self.text_encoder_2_rate > 0
        )

    @property
    def text_encoder_2_rate(self) -> float:
        """The second text encoder's learning rate; -1 in the recipe means that of the first."""
        own = self.optimizer.text_encoder_2_lr
        return self.optimizer.text_encoder_lr if own < 0 else own

    @property
    def unet_trains(self) -> bool:
        return self.network.train_unet and self.optimizer.unet_lr > 0


GROUPS: dict[str, tuple[str, type]] = {
    "model": ("Model", ModelSettings),
    "general": ("General Args", GeneralSettings),
    "network": ("Network Args", NetworkSettings),
    "optimizer": ("Optimizer Args", OptimizerSettings),
    "bucket": ("Bucket Args", BucketSettings),
    "captions": ("Captions", CaptionSettings),
    "augment": ("Augmentation", AugmentSettings),
    "noise": ("Noise Args", NoiseSettings),
    "saving": ("Saving", SavingSettings),
    "validation": ("Validation", ValidationSettings),
    "sample": ("Sample images", SampleSettings),
}
"""Group name → (title on the page, its dataclass), in the guide's order."""

_TEXTS = ("title", "description", "family")
KEPT = "kept"


def recipe_from_mapping(mapping: dict[str, Any]) -> Recipe:
    """A Recipe from the tables of a TOML file; raises RecipeError for anything unknown or unfit."""
    unknown = [name for name in mapping if name not in (*GROUPS, *_TEXTS, KEPT)]
    if unknown:
        raise RecipeError(unknown_name("table", unknown[0], (*_TEXTS, *GROUPS)))
    texts = {name: mapping[name] for name in _TEXTS if name in mapping}
    for name, text in texts.items():
        if not isinstance(text, str):
            raise RecipeError(f"{name} must be a text in quotes, not {type(text).__name__}.")
    parts: dict[str, Any] = {name: text[:500] for name, text in texts.items()}
    for name, (_, cls) in GROUPS.items():
        table = mapping.get(name, {})
        if not isinstance(table, dict):
            raise RecipeError(f"[{name}] must be a table of settings, not {type(table).__name__}.")
        parts[name] = from_mapping(cls, table, where=name)
    kept = mapping.get(KEPT, {})
    if not isinstance(kept, dict):
        raise RecipeError(f"[{KEPT}] must be a table, not {type(kept).__name__}.")
    return Recipe(**parts, kept=clean_kept(kept))


def recipe_to_mapping(recipe: Recipe) -> dict[str, Any]:
    """The tables of a recipe, every setting written out."""
    mapping: dict[str, Any] = {name: getattr(recipe, name) for name in _TEXTS}
    mapping |= {name: to_mapping(getattr(recipe, name)) for name in GROUPS}
    return mapping | ({KEPT: recipe.kept} if recipe.kept else {})


def find_setting(key: str) -> tuple[str, SettingField]:
    """(group, setting) for "network.network_dim" or, where it is unambiguous, "network_dim"."""
    group, _, name = key.rpartition(".")
    found = [
        (where, spec)
        for where, (_, cls) in GROUPS.items()
        for spec in setting_fields(cls)
        if spec.name == name and group in ("", where)
    ]
    if len(found) == 1:
        return found[0]
    if found:
        raise RecipeError(
            f"{key!r} could be {' or '.join(f'{g}.{name}' for g, _ in found)}; write which."
        )
    every = tuple(
        f"{where}.{s.name}" for where, (_, cls) in GROUPS.items() for s in setting_fields(cls)
    )
    raise RecipeError(unknown_name("setting", key, every))


def with_setting(recipe: Recipe, key: str, value: Any) -> Recipe:
    """`recipe` with one setting changed; `optimizer.args.weight_decay` reaches the optimizer's own."""
    if key.startswith("optimizer.args."):
        args = {**recipe.optimizer.args, key.removeprefix("optimizer.args."): value}
        optimizer_settings(recipe.optimizer.type, args)
        return replace(recipe, optimizer=replace(recipe.optimizer, args=args))
    group, spec = find_setting(key)
    changed = {spec.name: checked(spec, value, group)}
    if (group, spec.name) == ("optimizer", "type"):
        changed["args"] = _args_that_fit(changed["type"], recipe.optimizer.args)
    return replace(recipe, **{group: replace(getattr(recipe, group), **changed)})


def _args_that_fit(optimizer: str, args: dict[str, Any]) -> dict[str, Any]:
    """Optional args the new optimizer also has; a betas pair, say, does not fit CAME's three."""
    known = {spec.name: spec for spec in setting_fields(OPTIMIZERS[optimizer].settings)}
    kept = {name: value for name, value in args.items() if name in known}
    if "betas" in kept and len(checked(known["betas"], kept["betas"])) != len(
        known["betas"].default
    ):
        del kept["betas"]
    return kept


assert {f.name for f in fields(Recipe)} == {*_TEXTS, *GROUPS, KEPT}
