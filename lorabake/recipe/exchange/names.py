"""What is called what: arguments of the kohya trainers and settings of the recipe."""

from __future__ import annotations

from typing import Any

Row = tuple[str, str, Any]
"""(argument, setting, what a missing argument means)"""

ARGUMENTS: tuple[Row, ...] = (
    ("seed", "general.seed", 23),
    ("gradient_accumulation_steps", "general.gradient_accumulation_steps", 1),
    ("clip_skip", "general.clip_skip", 1),
    ("max_token_length", "general.max_token_length", 75),
    ("mixed_precision", "general.mixed_precision", "no"),
    ("full_bf16", "general.full_bf16", False),
    ("prior_loss_weight", "general.prior_loss_weight", 1.0),
    ("cache_latents", "general.cache_latents", False),
    ("cache_latents_to_disk", "general.cache_latents_to_disk", False),
    ("training_comment", "general.training_comment", ""),
    ("no_half_vae", "model.no_half_vae", False),
    ("network_dim", "network.network_dim", 4),
    ("network_alpha", "network.network_alpha", 1.0),
    ("network_dropout", "network.network_dropout", 0.0),
    ("ip_noise_gamma", "network.ip_noise_gamma", 0.0),
    ("dim_from_weights", "network.dim_from_weights", False),
    ("lr_scheduler_num_cycles", "optimizer.lr_scheduler_num_cycles", 1),
    ("lr_scheduler_power", "optimizer.lr_scheduler_power", 1.0),
    ("warmup_ratio", "optimizer.warmup_ratio", 0.0),
    ("max_grad_norm", "optimizer.max_grad_norm", 1.0),
    ("loss_type", "optimizer.loss_type", "l2"),
    ("huber_schedule", "optimizer.huber_schedule", "snr"),
    ("huber_c", "optimizer.huber_c", 0.1),
    ("huber_scale", "optimizer.huber_scale", 1.0),
    ("scale_weight_norms", "optimizer.scale_weight_norms", 0.0),
    ("min_snr_gamma", "optimizer.min_snr_gamma", 0.0),
    ("debiased_estimation_loss", "optimizer.debiased_estimation_loss", False),
    (
        "scale_v_pred_loss_like_noise_pred",
        "optimizer.scale_v_pred_loss_like_noise_pred",
        False,
    ),
    ("min_timestep", "noise.min_timestep", 0),
    ("max_timestep", "noise.max_timestep", 1000),
    ("noise_offset", "noise.noise_offset", 0.0),
    ("noise_offset_random_strength", "noise.noise_offset_random_strength", False),
    ("multires_noise_iterations", "noise.multires_noise_iterations", 0),
    ("multires_noise_discount", "noise.multires_noise_discount", 0.3),
    ("ip_noise_gamma_random_strength", "noise.ip_noise_gamma_random_strength", False),
    ("save_precision", "saving.save_precision", "float"),
    ("save_every_n_epochs", "saving.save_every_n_epochs", 1),
    ("save_last_n_epochs", "saving.save_last_n_epochs", 0),
    ("sample_every_n_epochs", "sample.sample_every_n_epochs", 0),
    ("validate_every_n_epochs", "validation.validate_every_n_epochs", 1),
)

DATASET: tuple[Row, ...] = (
    ("batch_size", "general.batch_size", 1),
    ("enable_bucket", "bucket.enable_bucket", False),
    ("min_bucket_reso", "bucket.min_bucket_reso", 256),
    ("max_bucket_reso", "bucket.max_bucket_reso", 1024),
    ("bucket_reso_steps", "bucket.bucket_reso_steps", 64),
    ("bucket_no_upscale", "bucket.bucket_no_upscale", False),
    ("validation_split", "validation.validation_split", 0.0),
)

SUBSET: tuple[Row, ...] = (
    ("keep_tokens", "captions.keep_tokens", 0),
    ("shuffle_caption", "captions.shuffle_caption", False),
    ("caption_prefix", "captions.caption_prefix", ""),
    ("caption_suffix", "captions.caption_suffix", ""),
    ("caption_dropout_rate", "captions.caption_dropout_rate", 0.0),
    ("caption_dropout_every_n_epochs", "captions.caption_dropout_every_n_epochs", 0),
    ("caption_tag_dropout_rate", "captions.caption_tag_dropout_rate", 0.0),
    ("token_warmup_min", "captions.token_warmup_min", 1),
    ("token_warmup_step", "captions.token_warmup_step", 0.0),
    ("flip_aug", "augment.flip_aug", False),
    ("color_aug", "augment.color_aug", False),
    ("random_crop", "augment.random_crop", False),
    ("caption_extension", "captions.caption_extension", ".txt"),
    ("keep_tokens_separator", "captions.keep_tokens_separator", ""),
    ("enable_wildcard", "captions.enable_wildcard", False),
)
ONE_FOR_ALL = ("caption_extension", "keep_tokens_separator", "enable_wildcard")
"""Settings of a subset that a folder cannot have of its own here."""

OPTIMIZERS = {  # our name: (as LETS writes it, as sd-scripts writes it, other spellings)
    "adamw": ("AdamW", "AdamW", ()),
    "adamw8bit": ("AdamW8bit", "AdamW8bit", ()),
    "came": ("Came", "pytorch_optimizer.CAME", ()),
    "prodigy": ("Prodigy", "Prodigy", ()),
    "adafactor": ("AdaFactor", "AdaFactor", ()),
    "lion": ("Lion", "Lion", ()),
    "adamw_schedulefree": (
        "AdamWScheduleFree",
        "AdamWScheduleFree",
        ("schedulefreeadamw",),
    ),
    "dadapt_adam": ("DAdaptAdam", "DAdaptAdam", ()),
}

SCHEDULERS = {  # our name: (lr_scheduler, lr_scheduler_type)
    "rex": (
        "cosine",
        "LoraEasyCustomOptimizer.RexAnnealingWarmRestarts.RexAnnealingWarmRestarts",
    ),
    "rex_annealing_warm_restarts": (
        "cosine",
        "LoraEasyCustomOptimizer.RexAnnealingWarmRestarts.RexAnnealingWarmRestarts",
    ),
    "cosine_annealing_warm_restarts": (
        "cosine",
        "LoraEasyCustomOptimizer.CosineAnnealingWarmRestarts.CosineAnnealingWarmRestarts",
    ),
}
PRESETS = {"attn-only": "attn", "attn-mlp": "attn-mlp", "full": "full"}
SAMPLERS = {
    "euler_a": "Euler a",
    "k_euler_a": "Euler a",
    "euler": "Euler",
    "k_euler": "Euler",
    "ddim": "DDIM",
    "dpmsolver++": "DPM++ 2M Karras",
}
