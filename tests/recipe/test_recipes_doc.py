"""docs/recipes.md says what the presets and the exchange really do: its tables are made from them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from lorabake.engine.optimizers import OPTIMIZERS
from lorabake.recipe.exchange.optimizer_args import NEAREST, THEIR_DEFAULTS, defaults_to_write
from lorabake.recipe.exchange.reasons import REASONS
from lorabake.recipe.presets import load_recipe, overlay_names, preset_names
from lorabake.recipe.recipe import find_setting, recipe_to_mapping

ROOT = Path(__file__).parents[2]
DOC = ROOT / "docs" / "recipes.md"
OF_PRESETS = (
    "general.resolution general.epochs general.batch_size general.clip_skip general.max_token_length "
    "network.type network.network_dim network.network_alpha network.ip_noise_gamma optimizer.type "
    "optimizer.args.weight_decay optimizer.args.betas optimizer.unet_lr optimizer.text_encoder_lr "
    "optimizer.lr_scheduler optimizer.min_snr_gamma bucket.max_bucket_reso model.no_half_vae"
)


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = list(head)
    lines = [head, ["---"] * len(head), *map(list, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def shown(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list | tuple):
        return ", ".join(map(shown, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def value_of(recipe: dict[str, Any], key: str) -> Any:
    for part in key.split("."):
        recipe = recipe.get(part, "") if isinstance(recipe, dict) else ""
    return recipe


def label(key: str) -> str:
    if key.startswith("optimizer.args."):
        return f"`{key.rpartition('.')[2]}`"
    return find_setting(key)[1].label


def presets() -> str:
    names = [name for name in preset_names() if name != "practice"]
    recipes = [recipe_to_mapping(load_recipe(name)) for name in names]
    rows = (
        [label(key), *(shown(value_of(recipe, key)) for recipe in recipes)]
        for key in OF_PRESETS.split()
    )
    return table(["", *names], rows)


def overlays() -> str:
    """What each changes in PDXL's settings."""
    rows = []
    before = recipe_to_mapping(load_recipe("pdxl"))
    for name in overlay_names():
        after = recipe_to_mapping(load_recipe(f"pdxl+{name}"))
        changes = [
            f"{label(key)} {shown(value_of(after, key))}"
            for key in flat(after)
            if value_of(after, key) != value_of(before, key)
        ]
        rows.append([f"`{name}`", "; ".join(changes) or "nothing PDXL does not have already"])
    return table(["overlay", "changes"], rows)


def flat(recipe: dict[str, Any]) -> list[str]:
    args = [f"optimizer.args.{name}" for name in recipe["optimizer"]["args"]]
    plain = [
        f"{group}.{name}"
        for group, values in recipe.items()
        if isinstance(values, dict)
        for name in values
        if name != "args"
    ]
    return [*plain, *args]


def optimizers() -> str:
    rows = []
    for entry in OPTIMIZERS:
        there = THEIR_DEFAULTS[entry.name]
        values = ", ".join(f"{key} {shown(value)}" for key, value in there.items())
        other = ", ".join(f"`{key}`" for key in defaults_to_write(entry.name))
        rows.append([entry.label, values, other or "none"])
    return table(["optimizer", "what a file that says nothing means there", "other here"], rows)


def nearest() -> str:
    rows = [[f"… {part} …", OPTIMIZERS[ours].label] for part, ours in NEAREST]
    return table(
        ["name contains", "taken instead"], [*rows, ["anything else", OPTIMIZERS["adamw"].label]]
    )


def reasons() -> str:
    by_reason: dict[str, list[str]] = {}
    for name, why in REASONS.items():
        by_reason.setdefault(why, []).append(f"`{name}`")
    return table(["setting", "why"], ([", ".join(names), why] for why, names in by_reason.items()))


@pytest.mark.parametrize("made", [presets, overlays, optimizers, nearest, reasons])
def test_the_tables_are_those_of_the_code(made: Callable[[], str]) -> None:
    assert made() in DOC.read_text(encoding="utf-8"), f"Put this into docs/recipes.md:\n{made()}"


def test_the_readme_leads_there() -> None:
    assert "docs/recipes.md" in (ROOT / "README.md").read_text(encoding="utf-8")
