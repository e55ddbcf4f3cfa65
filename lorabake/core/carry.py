"""What is known of a picture by its content goes along to what is made of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from lorabake.core.dataset import DatasetImage
from lorabake.core.origins import Origins
from lorabake.core.sources import Sources


def carry(root: Path, image: DatasetImage, sha: str) -> None:
    """Where its tags come from, and where it is from. sha: of the bytes of a cut or a changed copy."""
    tags = image.caption.tags
    origins = Origins.open(root)
    groups: dict[tuple[Any, str], list[str]] = {}
    for tag, origin in zip(tags, origins.of(image.sha256, tags), strict=True):
        if origin != "you":
            groups.setdefault((origin, origins.by(image.sha256, tag)), []).append(tag)
    for (origin, by), names in groups.items():
        origins.record(sha, names, origin, by)
    sources = Sources.open(root)
    source = sources.of(image.sha256)
    if source is not None:
        sources.record(replace(source, sha256=sha))
