"""What goes beside the file: A1111's sidecar, the prompt, the text in the preview. No torch."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from lorabake.core.tags import tag_key
from lorabake.grid.handover.choice import Choice
from lorabake.grid.handover.settings import HandoverSettings
from lorabake.grid.tags import lora_tag

_HASHES = re.compile(r', Lora hashes: ("(?:\\.|[^"\\])*"|[^,]*)')

# What a file without the notes of its bake still tells: enough for web UIs' filters, for pictures
# to be matched with it, and for other trainers to go on from it.
_ESSENTIAL = re.compile(
    r"ss_(base_model_version|v2|network_(module|dim|alpha|args)|output_name|sd_model_name"
    r"|sd_model_hash|new_sd_model_hash|clip_skip|mixed_precision)|modelspec\..*|lorabake\.version"
)


def sidecar(choice: Choice, settings: HandoverSettings) -> dict[str, object]:
    """NAME.json as A1111 and Forge read it (extensions-builtin/Lora/ui_edit_user_metadata.py)."""
    version = sd_version(choice.metadata)
    return {
        "description": choice.told(),
        **({"sd version": version} if version else {}),
        "activation text": settings.trigger,
        "preferred weight": settings.weight,
        "negative text": settings.negative,
        "notes": settings.notes,
    }


def sd_version(metadata: Mapping[str, str]) -> str:
    """ "SDXL" or "SD1", as A1111's list has them; "" when the file does not tell."""
    told = metadata.get("ss_base_model_version", "")
    return "SDXL" if told.startswith("sdxl") else "SD1" if told == "sd_v1" else ""


def prompt(choice: Choice, settings: HandoverSettings) -> str:
    """To paste into a web UI: the LoRA, the trigger words, and what the chosen cell shows."""
    shown = choice.cell.prompt if choice.cell else ""
    there = {tag_key(tag) for tag in shown.split(",")}
    missing = [
        tag.strip()
        for tag in settings.trigger.split(",")
        if tag.strip() and tag_key(tag) not in there
    ]
    parts = [lora_tag(settings.name, settings.weight), *missing, *([shown] if shown else [])]
    return ", ".join(parts)


def preview_text(text: str, before: str, name: str, lora_hash: str) -> str:
    """A cell's infotext under the file's new name; lora_hash: "" when its weights were changed,
    since the picture is of those before."""
    text = text.replace(f"<lora:{before}:", f"<lora:{name}:")
    own = [f"{name}: {lora_hash[:12]}"] if lora_hash else []

    def rewritten(match: re.Match[str]) -> str:
        told = match[1]
        try:
            listed = json.loads(told) if told.startswith('"') else told
        except ValueError:
            listed = told
        others = [one for one in str(listed).split(", ") if not one.startswith(f"{before}: ")]
        hashes = ", ".join([*own, *filter(None, others)])
        return f", Lora hashes: {json.dumps(hashes, ensure_ascii=False)}" if hashes else ""

    return _HASHES.sub(rewritten, text, count=1)


def trimmed(metadata: Mapping[str, str]) -> dict[str, str]:
    """The notes without recipe, tags and folders; `save_lora` adds the hashes."""
    return {key: text for key, text in metadata.items() if _ESSENTIAL.fullmatch(key)}


def renamed(metadata: Mapping[str, str], name: str, trigger: str) -> dict[str, str]:
    """The notes under the file's new name."""
    told = {**metadata, "ss_output_name": name, "modelspec.title": name}
    return told | ({"modelspec.trigger_phrase": trigger} if trigger else {})


def with_ranks(metadata: Mapping[str, str], ranks: list[int], comment: str) -> dict[str, str]:
    """The notes of a file whose ranks were changed, as the kohya trainers' own resizing writes them.

    comment: what was done, put before the bake's own comment.
    """
    dim = str(ranks[0]) if len(set(ranks)) == 1 else "Dynamic"
    before = metadata.get("ss_training_comment", "")
    told = [comment, before if before not in ("", "None") else ""]
    changed = {
        "ss_network_dim": dim,
        "ss_network_alpha": str(max(ranks)),
        "ss_training_comment": "; ".join(filter(None, told)),
    }
    args = _with_conv(metadata.get("ss_network_args", "{}"), dim, max(ranks))
    return {**metadata, **changed, "ss_network_args": args}


def _with_conv(text: str, dim: str, alpha: int) -> str:
    """The network args with the convolutions' new dim and alpha, where they had any."""
    try:
        args = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if isinstance(args, dict) and "conv_dim" in args:
        args |= {"conv_dim": dim, "conv_alpha": str(alpha)}
    return json.dumps(args)
