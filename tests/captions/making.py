"""Captions and datasets for the tests of this folder."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from lorabake.captions.process import Item, Preview, preview
from lorabake.captions.settings import ProcessSettings
from lorabake.core.caption import text_hash
from lorabake.core.vocabulary import Entry, Vocabulary

TAGS = Vocabulary(
    [
        Entry("1girl", "general", 6_000_000),
        Entry("solo", "general", 5_000_000),
        Entry("shirt", "general", 2_000_000),
        Entry("white_shirt", "general", 900_000, ("white_shirts",)),
        Entry("thighhighs", "general", 1_000_000, ("thigh_highs",)),
        Entry("striped_thighhighs", "general", 90_000),
        Entry("asymmetrical_legwear", "general", 5_000),
        Entry("legwear", "general", 5_000),
        Entry("saber_(fate)", "character", 60_000),
        Entry("dark_saber", "character", 60),
        Entry("saber", "character", 6),
        Entry("fate_(series)", "copyright", 600_000),
        Entry("somebody", "artist", 900),
        Entry("highres", "meta", 5_000_000),
    ],
    [
        ("striped_thighhighs", "thighhighs"),
        ("thighhighs", "legwear"),
        ("saber_(fate)", "fate_(series)"),
        ("tail_of_ring", "head_of_ring"),
        ("head_of_ring", "tail_of_ring"),
    ],
    source="made up",
)


def item(
    text: str, name: str = "a.png", *, concept: str = "5_kafka", trigger: str = "kafka"
) -> Item:
    return Item(
        f"{concept}/{name}",
        Path("/there") / concept / name,
        text,
        text_hash(text),
        concept,
        trigger,
    )


def items(*texts: str) -> list[Item]:
    return [item(text, f"{number}.png") for number, text in enumerate(texts)]


def after(text: str, **settings: object) -> str:
    """What one caption becomes; the same text when nothing changes."""
    found = looked(text, **settings)
    return found.changes[0].after if found.changes else text


def looked(*texts: str, vocabulary: Vocabulary | None = TAGS, **settings: object) -> Preview:
    return preview(items(*texts), ProcessSettings(**settings), vocabulary)


def afters(found: Preview) -> dict[str, str]:
    """Name of the picture → its new caption."""
    return {change.id.partition("/")[2]: change.after for change in found.changes}


def whys(found: Preview) -> list[tuple[str, str]]:
    return [(one.tag, one.why) for change in found.changes for one in change.reasons]


def write_dataset(root: Path, captions: dict[str, bytes | None]) -> Path:
    """root/5_kafka with a small picture of its own for each caption; None for no file."""
    folder = root / "5_kafka"
    folder.mkdir(parents=True)
    for number, (name, caption) in enumerate(captions.items()):
        Image.new("RGB", (8, 8), (number * 7 % 256, 30, number % 256)).save(folder / f"{name}.png")
        if caption is not None:
            (folder / f"{name}.txt").write_bytes(caption)
    return root


def on_disk(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*.txt")}
