"""The notes in a LoRA file about its pictures: folders, buckets, tags."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from lorabake.core.concept_settings import changed_settings
from lorabake.core.dataset import Concept, Dataset

MAX_TAG_BYTES = 400_000  # readers refuse headers with more than 1 MiB of notes
_SHARED = (
    ("bucket", ("enable_bucket", "min_bucket_reso", "max_bucket_reso", "bucket_no_upscale")),
    ("captions", ("shuffle_caption", "keep_tokens")),
    ("augment", ("flip_aug", "color_aug", "random_crop")),
)
_OF_FOLDERS = (
    ("captions", ("shuffle_caption", "keep_tokens", "keep_tokens_separator", "caption_prefix",
        "caption_suffix", "caption_dropout_rate", "caption_dropout_every_n_epochs",
        "caption_tag_dropout_rate", "token_warmup_min", "token_warmup_step", "enable_wildcard")),
    ("augment", ("flip_aug", "color_aug", "random_crop")),
)  # fmt: skip


def dataset_notes(
    recipe: Mapping[str, Any], plan: Mapping[str, Any], dataset: Dataset
) -> dict[str, str]:
    """Folders by name with their own settings, buckets and tags: flat and as `ss_datasets`."""
    buckets = {
        "buckets": {
            str(number): {"resolution": [each["width"], each["height"]], "count": each["seen"]}
            for number, each in enumerate(plan["buckets"])
        }
    }
    shared = {name: recipe[group][name] for group, names in _SHARED for name in names}
    described = {
        "is_dreambooth": True,
        "batch_size_per_device": recipe["general"]["batch_size"],
        "num_train_images": plan["seen_per_epoch"],
        "num_reg_images": plan.get("reg_images", 0),
        "resolution": [recipe["general"]["resolution"]] * 2,
        **{name: recipe["bucket"][name] for name in _SHARED[0][1]},
        "bucket_info": buckets,
        "subsets": [_subset(concept, recipe) for concept in dataset.concepts],
    }
    return {
        **{f"ss_{name}": str(value) for name, value in shared.items()},
        "ss_bucket_info": _json(buckets),
        "ss_dataset_dirs": _json(_folders(c for c in dataset.concepts if not c.is_reg)),
        "ss_reg_dataset_dirs": _json(_folders(c for c in dataset.concepts if c.is_reg)),
        "ss_datasets": _json([described]),
        "ss_tag_frequency": _json(tag_frequency(dataset)),
    }


def tag_frequency(dataset: Dataset) -> dict[str, dict[str, int]]:
    """How many training pictures of each folder have each tag, the most frequent first.

    Where the lists grow too long for a file's header, the rarest tags are left out.
    """
    counted = {
        concept.folder.name: Counter(tag for image in concept.images for tag in image.caption.tags)
        for concept in dataset.concepts
        if not concept.is_reg
    }
    keep = max((len(tags) for tags in counted.values()), default=0)
    while True:
        result = {folder: dict(tags.most_common(keep)) for folder, tags in counted.items()}
        if len(_json(result)) <= MAX_TAG_BYTES or keep < 2:
            return result
        keep //= 2


def _folders(concepts: Iterable[Concept]) -> dict[str, Any]:
    return {
        concept.folder.name: {"n_repeats": concept.repeats, "img_count": len(concept.images)}
        for concept in concepts
    }


def _subset(concept: Concept, recipe: Mapping[str, Any]) -> dict[str, Any]:
    """One folder as it was really trained: the recipe's settings with its own in place."""
    settings = {name: recipe[group][name] for group, names in _OF_FOLDERS for name in names}
    own = changed_settings(concept.settings)
    return {
        "img_count": len(concept.images),
        "num_repeats": concept.repeats,
        **{name: own.get(name, value) for name, value in settings.items()},
        "image_dir": concept.folder.name,
        "class_tokens": concept.trigger or None,
        "is_reg": concept.is_reg,
    }


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
