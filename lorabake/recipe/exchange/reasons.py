"""Why a setting of another trainer has no effect here: one fixed list, so that all places agree."""

from __future__ import annotations

REASONS: dict[str, str] = {
    "fp8_base": "the base model is kept in 16 bit",
    "fp8_base_unet": "the base model is kept in 16 bit",
    "lowram": "memory is managed automatically",
    "highvram": "memory is managed automatically",
    "xformers": "PyTorch's own attention (SDPA) is used; the result is the same",
    "mem_eff_attn": "PyTorch's own attention (SDPA) is used; the result is the same",
    "full_fp16": "what is learned stays in 32 bit",
    "fa": "LoRA-FA is not offered",
    "log_with": "losses are drawn on the page and kept in the run folder",
    "logging_dir": "losses are drawn on the page and kept in the run folder",
    "log_prefix": "losses are drawn on the page and kept in the run folder",
    "log_tracker_name": "losses are drawn on the page and kept in the run folder",
    "v2": "Stable Diffusion 2 is not offered",
    "face_crop_aug_range": "cropping around faces is not offered",
    "cache_text_encoder_outputs": "captions are encoded as they are needed",
    "cache_text_encoder_outputs_to_disk": "captions are encoded as they are needed",
    "max_data_loader_n_workers": "workers are chosen automatically and change no result",
    "persistent_data_loader_workers": "workers are chosen automatically and change no result",
    "save_state": "every run can be resumed",
    "resume": "a run is resumed from its own folder",
    "save_every_n_steps": "files are saved by epoch",
    "save_last_n_steps": "files are saved by epoch",
    "save_n_epoch_ratio": "use Save every n epochs",
    "save_model_as": "files are always .safetensors",
    "output_dir": "files go into the run folder",
    "tag_occurrence": "tag counts are always in the file",
    "tag_file_location": "tag counts are always in the file",
    "save_toml": "the recipe is always in the run folder",
    "save_toml_location": "the recipe is always in the run folder",
    "sample_prompts": "it names a file on the other computer; paste its lines under Sample images",
    "sample_every_n_steps": "samples are drawn by epoch",
    "adaptive_noise_scale": "adaptive noise scale is not offered",
    "down_lr_weight": "learning rates of single blocks are not offered",
    "mid_lr_weight": "learning rates of single blocks are not offered",
    "up_lr_weight": "learning rates of single blocks are not offered",
    "block_dims": "dims of single blocks are not offered",
    "block_alphas": "dims of single blocks are not offered",
    "conv_block_dims": "dims of single blocks are not offered",
    "conv_block_alphas": "dims of single blocks are not offered",
    "bypass_mode": "DoRA and LyCORIS are always computed exactly",
    "use_tucker": "Tucker decomposition is not offered",
    "use_cp": "Tucker decomposition is not offered",
    "train_norm": "norm layers are not trained",
    "rescaled": "rescaled OFT is not offered",
    "constraint": "OFT is not offered",
    "unit": "DyLoRA is not offered",
    "secondary_separator": "a secondary separator is not offered",
    "class_tokens": "pictures without a caption are trained without words",
    "weighted_captions": "weights in captions are not offered",
    "training_started_at": "it is no setting",
}
UNKNOWN = "it is not known here"


def not_honoured(name: str, why: str = "") -> str:
    """The line about one setting that has no effect here."""
    return f"{name[:80]}: {why or REASONS.get(name.rpartition('.')[2], UNKNOWN)}"
