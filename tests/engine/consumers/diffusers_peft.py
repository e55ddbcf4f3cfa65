"""diffusers itself, which is installed here: its own conversion of kohya names, on peft's layers.

    python -m tests.engine.consumers.diffusers_peft FOLDER

renders every FOLDER/<kind>@<family>.safetensors into FOLDER/answers, and notes there how a whole
pipeline took those whose names begin with "made". A process of its own, as any
program is to which a file is given; lorabake loads diffusers without peft.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

WEIGHTS = (1.0, 0.7)


def put_on_unet(unet: Any, state: Mapping[str, Tensor], m: float, *, sdxl: bool) -> None:
    """Loads a kohya file's U-Net part as a pipeline does; raises what diffusers raises."""
    from diffusers.loaders import (
        StableDiffusionLoraLoaderMixin,
        StableDiffusionXLLoraLoaderMixin,
    )

    mixin: Any = StableDiffusionXLLoraLoaderMixin if sdxl else StableDiffusionLoraLoaderMixin
    config = {"unet_config": unet.config} if sdxl else {}
    converted, alphas = mixin.lora_state_dict(dict(state), **config)
    mixin.load_lora_into_unet(converted, network_alphas=alphas, unet=unet, adapter_name="it")
    unet.set_adapters(["it"], [m])


def main(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    from tests.engine.consumers.diffusers_pipeline import used
    from tests.engine.tiny_networks import render, tiny_model

    said: dict[str, Tensor] = {}
    refused: dict[str, str] = {}
    for path in sorted(folder.glob("*.safetensors")):
        if path.name.startswith("made"):
            refused[path.stem] = json.dumps(used(path))
            continue
        family = path.stem.partition("@")[2]
        for m in WEIGHTS:
            model = tiny_model(family)
            try:
                put_on_unet(model.unet, load_file(path), m, sdxl=family == "sdxl")
            except ValueError as error:
                refused[path.stem] = str(error)
            else:
                said[f"{path.stem}@{m}"] = render(model, 2).contiguous()
    save_file(said, folder / "answers", metadata=refused)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
