"""One LoRA file per epoch, with everything other programs want to know inside."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from lorabake.core.randomness import derive
from lorabake.engine.base_hash import identify_base
from lorabake.engine.lora_file import save_lora
from lorabake.engine.lora_metadata import Progress, lora_metadata
from lorabake.recipe.recipe import recipe_to_mapping
from lorabake.train.prepare import Setup

if TYPE_CHECKING:
    from lorabake.engine.families.model import Model
    from lorabake.engine.networks.base import Network

DTYPES = {"fp16": torch.float16, "bf16": torch.bfloat16, "float": torch.float32}


class CheckpointWriter:
    """Writes the LoRA of a bake. The base model's hash, seconds for a large file, is computed
    beside the first epoch instead of in front of it."""

    def __init__(self, setup: Setup, model: Model) -> None:
        self.setup = setup
        # what was really trained on, whatever the recipe was written for
        self.recipe = replace(setup.recipe, family=model.family)
        self.prediction = model.prediction
        self.zero_terminal_snr = model.zero_terminal_snr
        self.started = time.time()
        pool = ThreadPoolExecutor(1)
        self._base = pool.submit(identify_base, setup.base, setup.cache)
        self._vae = pool.submit(identify_base, setup.vae, setup.cache) if setup.vae else None
        pool.shutdown(wait=False)

    def write(
        self, path: Path, network: Network, *, epoch: int, step: int, loss: float
    ) -> list[str]:
        """Write `path` whole or not at all; returns warnings about what is in it."""
        setup = self.setup
        metadata = lora_metadata(
            recipe_to_mapping(self.recipe),
            name=setup.name,
            plan=setup.plan.to_mapping(),
            dataset=setup.dataset,
            base=self._base.result(),
            vae=self._vae.result() if self._vae else None,
            progress=Progress(
                epoch=epoch,
                step=step,
                started=self.started,
                finished=time.time(),
                session=derive(setup.recipe.general.seed, "session", setup.name) % 2**32,
                loss=loss,
            ),
            prediction=self.prediction,
            zero_terminal_snr=self.zero_terminal_snr,
        )
        dtype = DTYPES[setup.recipe.saving.save_precision]
        saved = save_lora(path, network.file_state(dtype), metadata)
        return [saved.warning] if saved.warning else []
