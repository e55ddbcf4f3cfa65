"""Sample images while it bakes: the prompts of the recipe, drawn with what is learned so far."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, PngImagePlugin

from lorabake.core.files import atomic_writer
from lorabake.recipe.recipe import Recipe
from lorabake.recipe.sample_prompts import SamplePrompt

if TYPE_CHECKING:
    from lorabake.engine.families.model import Model


def draw(model: Model, sample: SamplePrompt, recipe: Recipe, path: Path, *, note: str = "") -> None:
    """Draw one prompt with the network that is on the model, and save it as PNG.

    note: what the picture's `parameters` say besides, such as the epoch.
    """
    import torch

    from lorabake.engine.sample import sample as render

    width, height = (_side(side, recipe, model) for side in (sample.width, sample.height))
    with torch.no_grad():
        both = model.encode_prompts(
            [sample.prompt, sample.negative], clip_skip=recipe.general.clip_skip
        )
    rows = [type(both)(*(tensor[place : place + 1] for tensor in both)) for place in (0, 1)]
    pictures = render(
        model,
        rows[0],
        rows[1],
        seeds=[sample.seed],
        width=width,
        height=height,
        steps=sample.steps,
        cfg=sample.cfg,
        sampler=sample.sampler,
    )
    pixels = ((pictures[0] + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    about = PngImagePlugin.PngInfo()
    about.add_text("parameters", _parameters(sample, width, height, note))
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_writer(path) as temporary:
        image = Image.fromarray(pixels.permute(1, 2, 0).numpy())
        image.save(temporary, format="PNG", pnginfo=about)


def _side(wanted: int, recipe: Recipe, model: Model) -> int:
    """A side in px that the model can draw: the wanted one, cut down to what fits."""
    multiple = model.pixel_multiple
    return max(multiple, (wanted or recipe.general.resolution) // multiple * multiple)


def _parameters(sample: SamplePrompt, width: int, height: int, note: str) -> str:
    """As the web UIs write it, so that they can read it back."""
    lines = [sample.prompt]
    if sample.negative:
        lines.append(f"Negative prompt: {sample.negative}")
    lines.append(
        f"Steps: {sample.steps}, Sampler: {sample.sampler}, CFG scale: {sample.cfg}, "
        f"Seed: {sample.seed}, Size: {width}x{height}" + (f", {note}" if note else "")
    )
    return "\n".join(lines)
