"""A loaded model: its networks, and the few things that training and rendering do with them.

B batch, H W pixels, h w latents (H / vae_factor), T tokens, D width of the encoded text, P pooled
(0 for SD 1.5, which has no such summary)
"""

from __future__ import annotations

import gc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from lorabake.core.errors import WorkspaceError
from lorabake.core.files import read_json
from lorabake.engine.families import prompts, weighted
from lorabake.engine.families.family import Prediction
from lorabake.engine.families.prompts import Conditioning, KeptChunks
from lorabake.engine.noise import zero_terminal_snr

if TYPE_CHECKING:
    from transformers import CLIPTokenizer


@dataclass
class Model:
    """A model of SD 1.5 or SDXL, frozen (no parameter asks for gradients), in evaluation mode.

    Parts that were not loaded, or were freed, raise when they are asked for.
    dtype: of the U-Net and the text encoders; the VAE has its own, as SDXL's original overflows in
    half precision. family: "sd15" or "sdxl". prediction: what the U-Net answers, noise ("epsilon")
    or velocity ("v"). zero_terminal_snr: whether its last noise level is pure noise.
    """

    parts: dict[str, nn.Module] = field(repr=False)
    configs: Mapping[str, Mapping[str, Any]] = field(repr=False)
    tokenizer: CLIPTokenizer = field(repr=False)
    tokenizer_2: CLIPTokenizer | None = field(repr=False)
    scheduler_config: Mapping[str, Any]
    base_path: Path
    device: torch.device
    dtype: torch.dtype
    family: str = "sdxl"
    prediction: Prediction = "epsilon"
    zero_terminal_snr: bool = False
    _kept: KeptChunks = field(default_factory=KeptChunks, init=False, repr=False)

    @property
    def unet(self) -> Any:
        return self._part("unet")

    @property
    def text_encoder(self) -> Any:
        return self._part("text_encoder")

    @property
    def text_encoder_2(self) -> Any:
        return self._part("text_encoder_2")

    @property
    def vae(self) -> Any:
        return self._part("vae")

    def _part(self, name: str) -> nn.Module:
        assert name in self.parts, f"{name} was not loaded or was freed"
        return self.parts[name]

    def has(self, name: str) -> bool:
        """Whether a part is there: "unet", "text_encoder", "text_encoder_2" or "vae"."""
        return name in self.parts

    def free(self, *names: str) -> None:
        """Drop parts that are not needed any more and give back their memory."""
        for name in names:
            self.parts.pop(name, None)
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def enable_gradient_checkpointing(self) -> None:
        """Keep less for the backward pass and compute it again: less memory, more time."""
        if "unet" in self.parts:
            self.unet.enable_gradient_checkpointing()
        for name in ("text_encoder", "text_encoder_2"):
            if name in self.parts:
                encoder: Any = self.parts[name]
                # transformers checkpoints in training mode only; CLIP has no dropout to wake.
                encoder.train()
                encoder.activation_checkpointing_enable({"use_reentrant": False})
                # It makes a frozen encoder ask for gradients, which only the old way needs.
                encoder.disable_input_require_grads()

    @property
    def vae_factor(self) -> int:
        """Pixels along one side of one latent."""
        return vae_factor(self.configs["vae"])

    @property
    def pixel_multiple(self) -> int:
        """Sides of pictures must be multiples of this, for the U-Net to halve them evenly."""
        return pixel_multiple(self.configs)

    @property
    def alphas_cumprod(self) -> Tensor:
        """How much of the picture is left at each of the 1000 noise levels, on the CPU: (1000,)."""
        plain = alphas_cumprod(self.scheduler_config)
        return zero_terminal_snr(plain) if self.zero_terminal_snr else plain

    def encode_prompts(
        self, captions: Sequence[str], max_token_length: int | None = None, clip_skip: int = 1
    ) -> Conditioning:
        """Encode captions; None: as many chunks of 75 tokens as the longest needs.

        clip_skip: SD 1.5 listens to its text encoder's n-th layer from the end; SDXL always to the
        last but one. Gradients flow into the text encoders where they ask for any.
        """
        return prompts.encode(captions, self._encoders(clip_skip), max_token_length, self._kept)

    def encode_weighted(
        self, prompt: str, clip_skip: int = 1, *, negative: bool = False
    ) -> Conditioning:
        """Encode one prompt as web UIs do for pictures: weights, BREAK, chunks cut at commas.

        negative: SDXL hears nothing at all, not even an empty text, where it is empty.
        """
        encoded = weighted.encode_weighted(prompt, self._encoders(clip_skip))
        if negative and not prompt and self.family == "sdxl" and self.silent_when_empty:
            return Conditioning(*(torch.zeros_like(part) for part in encoded))
        return encoded

    def _encoders(self, clip_skip: int) -> list[prompts.Encoder]:
        if self.family == "sd15":
            return [prompts.Encoder(self.tokenizer, self.text_encoder, clip_skip, normed=True)]
        assert self.tokenizer_2 is not None
        return [
            prompts.Encoder(self.tokenizer, self.text_encoder, 2),
            prompts.Encoder(self.tokenizer_2, self.text_encoder_2, 2, pooled=True),
        ]

    @property
    def silent_when_empty(self) -> bool:
        """Whether an empty negative prompt is all zeros: for SDXL, unless its folder says no."""
        try:
            index = read_json(self.base_path / "model_index.json")
        except (OSError, WorkspaceError):
            return True  # a single file, which says nothing of it
        return not isinstance(index, dict) or bool(index.get("force_zeros_for_empty_prompt", True))

    def time_ids(
        self,
        original: Sequence[tuple[int, int]],
        crop: Sequence[tuple[int, int]],
        target: Sequence[tuple[int, int]],
    ) -> Tensor | None:
        """What SDXL is told about sizes: (B, 6), fp32 as half precision cannot count to 1216.

        original and target: (height, width) in pixels for each picture; crop: (top, left).
        None for SD 1.5, which is told nothing.
        """
        if self.family == "sd15":
            return None
        rows = [
            [*one, *two, *three] for one, two, three in zip(original, crop, target, strict=True)
        ]
        return torch.tensor(rows, dtype=torch.float32, device=self.device)

    def predict(
        self, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning, time_ids: Tensor | None
    ) -> Tensor:
        """What the U-Net sees in `noisy`, noise or velocity: (B, 4, h, w), in the dtype of `noisy`."""
        context = conditioning.context.to(self.dtype)
        added = None
        if time_ids is not None:
            added = {"text_embeds": conditioning.pooled.to(self.dtype), "time_ids": time_ids}
        predicted: Tensor = self.unet(
            noisy.to(self.dtype),
            timesteps,
            encoder_hidden_states=context,
            added_cond_kwargs=added,
            return_dict=False,
        )[0]
        return predicted.to(noisy.dtype)

    def encode_images(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and deviation of the latents of pictures, fp32, not yet scaled: (B, 4, h, w) each.

        pixels: (B, 3, H, W) from -1 to 1.
        """
        vae = self.vae
        posterior = vae.encode(pixels.to(vae.device, vae.dtype)).latent_dist
        return posterior.mean.float(), posterior.std.float()

    def scale_latents(self, latents: Tensor) -> Tensor:
        """Latents of the VAE to those of the U-Net, which are about as large as the noise."""
        return latents * self._scaling_factor

    def decode_latents(self, latents: Tensor) -> Tensor:
        """Scaled latents to pictures, fp32: (B, 3, H, W) from -1 to 1."""
        vae = self.vae
        unscaled = latents.to(vae.device, torch.float32) / self._scaling_factor
        pictures: Tensor = vae.decode(unscaled.to(vae.dtype)).sample
        return pictures.float().clamp(-1, 1)

    @property
    def _scaling_factor(self) -> float:
        return float(self.configs["vae"]["scaling_factor"])


def vae_factor(vae_config: Mapping[str, Any]) -> int:
    """Pixels along one side of one latent, from the VAE's config."""
    return int(2 ** (len(vae_config["block_out_channels"]) - 1))


def pixel_multiple(configs: Mapping[str, Mapping[str, Any]]) -> int:
    """What the sides of pictures must be multiples of: 32 for SDXL, 64 for SD 1.5."""
    return int(vae_factor(configs["vae"]) * 2 ** (len(configs["unet"]["block_out_channels"]) - 1))


def alphas_cumprod(scheduler_config: Mapping[str, Any]) -> Tensor:
    """The product of (1 - beta) up to each step, of betas whose roots grow evenly: (1000,).

    "scaled_linear", the noise schedule of every Stable Diffusion.
    """
    first, last = scheduler_config["beta_start"] ** 0.5, scheduler_config["beta_end"] ** 0.5
    steps = scheduler_config["num_train_timesteps"]
    betas = torch.linspace(first, last, steps, dtype=torch.float64) ** 2
    return torch.cumprod(1 - betas, dim=0).float()
