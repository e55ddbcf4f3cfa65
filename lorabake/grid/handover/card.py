"""A draft of the model's page for Civitai or Hugging Face, in Markdown. No torch."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from lorabake.grid.handover.choice import Choice, folders_of
from lorabake.grid.handover.settings import HandoverSettings
from lorabake.grid.handover.words import prompt

_MARKS = re.compile(r"([\\`*_{}\[\]()#+!|<>~])")
_TAGS = {"SDXL": "stable-diffusion-xl", "SD 1.5": "stable-diffusion"}

# What people look for on a model's page: label, note of the file.
_SETTINGS = (
    ("Network dim", "ss_network_dim"),
    ("Network alpha", "ss_network_alpha"),
    ("Optimizer", "ss_optimizer"),
    ("U-Net learning rate", "ss_unet_lr"),
    ("Text encoder learning rate", "ss_text_encoder_lr"),
    ("Scheduler", "ss_lr_scheduler"),
    ("Batch size", "ss_total_batch_size"),
    ("Epoch", "ss_epoch"),
    ("Steps", "ss_steps"),
    ("Resolution", "modelspec.resolution"),
    ("Min SNR gamma", "ss_min_snr_gamma"),
    ("Clip skip", "ss_clip_skip"),
)


def model_card(
    choice: Choice, settings: HandoverSettings, metadata: Mapping[str, str] | None = None
) -> str:
    """Trigger, weight, example, settings, data set. metadata: of the finished file, where it
    differs from the baked one; the counts of pictures are always the bake's."""
    notes = {**choice.metadata, **(metadata or {})}
    sections = [
        _front(settings, notes),
        f"# {_plain(settings.name)}",
        _use(choice, settings, notes),
        _pictures(choice, settings),
        _table(
            "Settings",
            ("Setting", "Value"),
            [
                (label, notes[key])
                for label, key in _SETTINGS
                if notes.get(key, "None") not in ("", "None")
            ],
        ),
        _data(choice),
    ]
    return "\n\n".join(filter(None, sections)) + "\n"


def _front(settings: HandoverSettings, notes: Mapping[str, str]) -> str:
    """What Hugging Face reads; texts as JSON, which YAML takes as it is."""
    tags = ["lora", "text-to-image", _TAGS.get(_family(notes), "diffusers")]
    lines = [f"tags: {json.dumps(tags)}", "library_name: diffusers"]
    if settings.trigger:
        lines.append(f"instance_prompt: {json.dumps(settings.trigger, ensure_ascii=False)}")
    return "\n".join(["---", *lines, "---"])


def _use(choice: Choice, settings: HandoverSettings, notes: Mapping[str, str]) -> str:
    base = notes.get("ss_sd_model_name", "")
    lines = [
        f"- Base model: {_plain(base if base not in ('', 'None') else 'unknown')}"
        f" ({_family(notes) or 'unknown family'})",
        f"- Trigger words: {_code(settings.trigger) if settings.trigger else 'none'}",
        f"- Weight: {settings.weight:g}",
    ]
    if settings.negative:
        lines.append(f"- Negative prompt: {_code(settings.negative)}")
    return "\n".join(["## How to use", "", *lines, "", _fenced(prompt(choice, settings))])


def _pictures(choice: Choice, settings: HandoverSettings) -> str:
    if choice.cell is None:
        return ""
    shot = choice.cell.shot
    facts = (
        f"{shot.width} × {shot.height} px, seed {shot.seed}, {shot.steps} steps, "
        f"CFG scale {shot.cfg:g}, {shot.sampler}"
    )
    address = re.sub(
        r"[^\w.~-]", lambda m: "".join(f"%{b:02X}" for b in m[0].encode()), settings.name
    )
    return f"## Example\n\n![{_plain(settings.name)}](./{address}.png)\n\n{_plain(facts)}"


def _data(choice: Choice) -> str:
    trained = folders_of(choice.metadata, trained="ss_dataset_dirs")
    rows = [(name, str(count), str(repeats)) for name, (count, repeats) in trained.items()]
    title = f"Data set: {sum(count for count, _ in trained.values())} pictures"
    return _table(title, ("Concept", "Pictures", "Repeats"), rows)


def _table(title: str, head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    if not rows:
        return ""
    lines = [
        head,
        tuple("---" for _ in head),
        *(tuple(_plain(text) for text in row) for row in rows),
    ]
    return "\n".join([f"## {title}", "", *(f"| {' | '.join(line)} |" for line in lines)])


def _family(notes: Mapping[str, str]) -> str:
    told = notes.get("ss_base_model_version", "")
    return "SDXL" if told.startswith("sdxl") else "SD 1.5" if told == "sd_v1" else ""


def _plain(text: str) -> str:
    """Text that is no markup, whatever a file's notes hold."""
    return _MARKS.sub(r"\\\1", " ".join(text[:500].split()))


def _code(text: str) -> str:
    """Between more backticks than the text has in a row."""
    line = " ".join(text.split())
    fence = "`" * (_longest(line) + 1)
    return f"{fence} {line} {fence}" if "`" in line else f"{fence}{line}{fence}"


def _fenced(text: str) -> str:
    fence = "`" * max(3, _longest(text) + 1)
    return f"{fence}\n{text}\n{fence}"


def _longest(text: str) -> int:
    return max((len(run) for run in re.findall(r"`+", text)), default=0)
