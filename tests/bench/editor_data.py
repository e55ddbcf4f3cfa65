"""A large project for the bench of the editor: pictures, captions, a tag list, a tagger's word.

All of it is made here, the same each time, and needs no file from elsewhere.
"""

from __future__ import annotations

import random
from itertools import accumulate
from pathlib import Path

import numpy as np
from PIL import Image

from lorabake.core.files import sha256_of
from lorabake.core.vocabulary import tag_lists_dir
from lorabake.core.workspace import Workspace
from lorabake.tag.scores import pack
from lorabake.tag.taggers import load_tagger
from tests.tag.models import write_tagger
from tests.ui.completing import large_list

PROJECT = "large"
TRIGGER = "ohwx"
TAGS = 30  # of a caption
COMMON = 6000  # tags that captions choose from
LABELS = 10_861  # of a WD tagger
SAID = 220  # of them with more than 0.01 in a picture


def make_large(root: Path, pictures: int, tags: int) -> Workspace:
    """A workspace with one project, its tag list, and a tagger that has seen every picture."""
    workspace = Workspace.open(root)
    lists = tag_lists_dir(workspace)
    lists.mkdir(exist_ok=True)
    text = large_list(tags)
    (lists / "list.csv").write_text(text, encoding="utf-8")
    names = [line.partition(",")[0] for line in text.splitlines()]
    folder = workspace.create_project(PROJECT).dataset_dir / f"1_{TRIGGER}"
    write_dataset(folder, names, pictures)
    keep_scores(workspace, folder, names)
    return workspace


def write_dataset(folder: Path, names: list[str], count: int) -> None:
    """Small pictures, each another; captions as boards have them: few tags common, many rare."""
    folder.mkdir(parents=True)
    words = [name.replace("_", " ") for name in names[:COMMON]]
    weights = list(accumulate(1 / (rank + 3) for rank in range(len(words))))
    rng = random.Random(1)
    for number in range(count):
        picture = Image.new("RGB", (48, 48), (number % 256, number // 256 % 256, 90))
        picture.save(folder / f"{number:05d}.png", compress_level=1)
        drawn = dict.fromkeys(rng.choices(words, cum_weights=weights, k=2 * TAGS))
        caption = ", ".join([TRIGGER, *list(drawn)[: TAGS - 1]])
        (folder / f"{number:05d}.txt").write_text(caption, encoding="utf-8")


def keep_scores(workspace: Workspace, folder: Path, names: list[str]) -> None:
    """Probabilities of a tagger with as many tags as the real ones, without running it."""
    labels = [*(f"rating_{n}" for n in range(4)), *names[: LABELS - 4]]
    rows = [(name, 9 if n < 4 else 0, (0.0, 0.0, 0.0), 0.0) for n, name in enumerate(labels)]
    write_tagger(workspace.models_dir / "large-tagger", rows=rows)
    tagger = load_tagger(workspace, "large-tagger", "cpu")
    listed = [(label.name, label.category) for label in tagger.labels]
    workspace.index.keep_tagger(tagger.key, tagger.name, listed)
    generator = np.random.default_rng(0)
    usual = 1 / (np.arange(len(labels)) + 3)
    usual /= usual.sum()
    packed = {}
    for path in sorted(folder.glob("*.png")):
        values = np.zeros(len(labels), dtype=np.float32)
        chosen = generator.choice(len(labels), SAID, p=usual)
        values[chosen] = generator.beta(0.4, 1.5, SAID)
        packed[sha256_of(path)] = pack(values)
    if not workspace.index.keep_scores(tagger.key, packed):
        raise OSError("The index could not keep the probabilities. Is the disk full?")
