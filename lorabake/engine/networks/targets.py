"""Which layers of a model get a LoRA, and what each is called in a file.

The names are those of the kohya trainers, which every web UI reads: a prefix for the part of the
model, then the layer's path with dots turned to underscores; SDXL's U-Net uses Stability's own
block names instead of those of diffusers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

UNET = "unet"
TEXT_ENCODER_1 = "text_encoder_1"
TEXT_ENCODER_2 = "text_encoder_2"
PARTS = (UNET, TEXT_ENCODER_1, TEXT_ENCODER_2)


@dataclass(frozen=True)
class Target:
    """One layer that can carry a LoRA.

    part: one of PARTS. path: where the layer is inside that part.
    kernel: 0 for a linear layer, else the side of the convolution's kernel.
    """

    name: str
    part: str
    path: str
    kernel: int

    @property
    def is_conv(self) -> bool:
        """True for what is trained only with a conv dim: a convolution wider than one pixel."""
        return self.kernel > 1


def find_targets(
    model: Any,
    *,
    parts: tuple[str, ...] = PARTS,
    conv: bool = False,
    layers: str = "attn-mlp",
) -> list[Target]:
    """The layers of a loaded model that a network is put on, in the model's own order.

    conv: also the U-Net's residual blocks and its up- and downsamplers (a "LoCon").
    layers: "attn" for the projections of the attentions alone; otherwise all of the transformers.
    """
    found: list[Target] = []
    for part in parts:
        module = part_of(model, part)
        if module is None:
            continue
        rename = _file_names(model, part)
        found += [
            Target(rename(path), part, path, kernel)
            for path, kernel in _layers(module, part, conv=conv, attention=layers == "attn")
        ]
    return found


def part_of(model: Any, part: str) -> nn.Module | None:
    """The U-Net or one of the text encoders; None where the model has no such part loaded."""
    attribute = "text_encoder" if part == TEXT_ENCODER_1 else part
    return getattr(model, attribute) if model.has(attribute) else None


def _layers(
    module: nn.Module, part: str, *, conv: bool, attention: bool
) -> Iterator[tuple[str, int]]:
    """Path and kernel side of each layer to train."""
    from torch.nn import Conv2d, Linear

    inside = _unet_block if part == UNET else _text_block
    for path, layer in module.named_modules():
        if not inside(path, conv, attention):
            continue
        if isinstance(layer, Linear):
            yield path, 0
        elif isinstance(layer, Conv2d):
            side = int(layer.kernel_size[0])
            if conv or side == 1:
                yield path, side


def _unet_block(path: str, conv: bool, attention: bool) -> bool:
    if ".attentions." in path:
        return not attention or ".attn1." in path or ".attn2." in path
    blocks = (".resnets.", ".downsamplers.", ".upsamplers.")
    return conv and any(block in path for block in blocks)


def _text_block(path: str, _conv: bool, attention: bool) -> bool:
    return ".self_attn." in path or (".mlp." in path and not attention)


def _file_names(model: Any, part: str) -> Callable[[str], str]:
    """What gives each layer of a part its name in a file."""
    from lorabake.engine.families.sdxl import sgm_names, text_model_name

    if part == UNET:
        table = sgm_names(model.unet.config) if model.family == "sdxl" else {}
        return lambda path: "lora_unet_" + table.get(path, path.replace(".", "_"))
    number = "" if model.family != "sdxl" else "1" if part == TEXT_ENCODER_1 else "2"
    return lambda path: f"lora_te{number}_{text_model_name(path)}"
