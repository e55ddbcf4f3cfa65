"""Looking into a LoRA file of anybody's: what it is, what it was trained on, whether it is sound.

Nothing of such a file is trusted: its notes are cut, counted and given on as plain text.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from lorabake.core.errors import ModelFileError
from lorabake.core.workspace import Workspace
from lorabake.grid.handover.folders import folders

MOST_FILES = 2000
MOST_TAGS = 60
DEPTH = 3  # folders below the one where a web UI looks
LONGEST = 500  # characters of one fact


def lora_files(workspace: Workspace) -> list[tuple[Path, str]]:
    """(file, "A1111 · folder/name") of all LoRAs where web UIs look, and in the workspace's outputs."""
    found: list[tuple[Path, str]] = []
    for folder in folders(workspace):
        for path in _below(folder.path):
            place = path.relative_to(folder.path).as_posix()
            found.append((path, f"{folder.label} · {place}"))
            if len(found) >= MOST_FILES:
                return found
    return found


def look_into(path: Path) -> dict[str, Any]:
    """{name, facts: [[label, text]], tags: [[tag, count]], more_tags, warnings}. Needs torch."""
    from lorabake.engine.inspect import inspect_file

    found = inspect_file(path)
    if found.get("kind") != "lora":
        raise ModelFileError(f"{path.name} is no LoRA but: {found.get('label', 'unknown')}.")
    tags = tag_counts(found.get("metadata", {}))
    return {
        "name": path.name,
        "facts": [[label, text[:LONGEST]] for label, text in _facts(found) if text],
        "tags": [[tag[:LONGEST], count] for tag, count in tags[:MOST_TAGS]],
        "more_tags": max(len(tags) - MOST_TAGS, 0),
        "warnings": _warnings(found),
    }


def tag_counts(metadata: Mapping[str, str]) -> list[tuple[str, int]]:
    """The tags of all folders by how many pictures have them; what is odd is left out."""
    counted: Counter[str] = Counter()
    try:
        listed = json.loads(metadata.get("ss_tag_frequency", "{}"))
    except (ValueError, RecursionError):
        return []
    for tags in listed.values() if isinstance(listed, dict) else ():
        for tag, count in tags.items() if isinstance(tags, dict) else ():
            if type(count) is int and 0 < count < 10**9:
                counted[str(tag).strip()] += count
    return counted.most_common()


def _facts(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    notes = found.get("metadata", {})
    families = {"sdxl": "SDXL", "sd15": "SD 1.5"}
    family = found.get("family")
    yield "Made for", families.get(str(family), str(family or "unknown"))
    yield "Base model", _told(found.get("base_model") or notes.get("ss_sd_model_name"))
    yield "Network", _told(found.get("network") or found.get("label"))
    yield "Rank", _several(found.get("rank"))
    yield "Rank of convolutions", _several(found.get("conv_rank"))
    yield "Alpha", _several(found.get("alpha"))
    yield "Trigger words", _told(found.get("trigger"))
    yield "Title", _told(notes.get("modelspec.title") or notes.get("ss_output_name"))
    if (layers := found.get("layers")) is not None:
        yield (
            "Layers",
            ", ".join(
                f"{count} in the {part.replace('_', ' ').replace('unet', 'U-Net')}"
                for part, count in layers.items()
                if count
            ),
        )
    yield "Precision", _several(found.get("dtype"))
    yield "Size", f"{found['mib']:.1f} MB"
    if found.get("norm") is not None:
        yield "Strength ‖ΔW‖ at weight 1", f"{found['norm']:.4g}"
    if "finite" in found:
        yield "All weights are numbers", "yes" if found["finite"] else "no"
    hashes = found.get("hashes", {})
    yield "Hash (AutoV3)", _told(hashes.get("model"))
    epoch, epochs = notes.get("ss_epoch", ""), notes.get("ss_num_epochs", "")
    yield "Epoch", f"{epoch} of {epochs}" if epoch and epochs else ""
    yield "Notes in the file", str(len(notes))


def _warnings(found: Mapping[str, Any]) -> list[str]:
    said = []
    if found.get("finite") is False:
        said.append("Some weights are no numbers: pictures with it will be black or noise.")
    if found.get("norm") == 0:
        said.append("It changes the model by exactly 0: it learned nothing.")
    if found.get("hashes", {}).get("matches") is False:
        said.append(
            "The hash in its notes is not that of its weights: they were changed after it was saved."
        )
    return said


def _told(value: Any) -> str:
    return "" if value in (None, "None") else str(value)


def _several(value: Any) -> str:
    values = value if isinstance(value, list) else [] if value is None else [value]
    texts = [f"{one:g}" if isinstance(one, float) else str(one) for one in values]
    return ", ".join(texts) if len(texts) < 6 else f"{texts[0]} to {texts[-1]}"


def _below(root: Path) -> Iterator[Path]:
    """The .safetensors files in a folder, by name; closed folders and odd names are passed over."""
    with suppress(OSError):
        for folder, names, files in os.walk(root):
            here = Path(folder)
            if len(here.relative_to(root).parts) >= DEPTH:
                names.clear()
            names[:] = sorted(name for name in names if not name.startswith("."))
            for name in sorted(files):
                if name.endswith(".safetensors") and not name.startswith("."):
                    yield here / name
