"""A large dataset with probabilities like a real tagger's, without running one."""

from pathlib import Path

import numpy as np

from lorabake.core.caption import parse_caption
from lorabake.core.dataset import Concept, Dataset, DatasetImage
from lorabake.core.workspace import Workspace
from lorabake.tag.scores import pack

LABELS = 10_861
SAID = 220  # of them with more than 0.01 in a picture


def many_scored(folder: Path, count: int) -> tuple[Workspace, Dataset]:
    """Captions of 30 tags on disk; pictures that exist by name only, which nothing here opens."""
    workspace = Workspace.open(folder / "workspace")
    labels = [(f"tag_{n}", "rating" if n < 4 else "general") for n in range(LABELS)]
    workspace.index.keep_tagger("many", "many", labels)
    generator = np.random.default_rng(0)
    concept = folder / "many" / "1_many"
    concept.mkdir(parents=True)
    images, packed = [], {}
    for number in range(count):
        tags = ", ".join(f"tag {n}" for n in generator.integers(4, LABELS, 30))
        path = concept / f"{number}.png"
        path.with_suffix(".txt").write_text(tags, encoding="utf-8")
        sha = f"{number:064x}"
        images.append(DatasetImage(path, 64, 64, sha, parse_caption(tags), True))
        values = np.zeros(LABELS, dtype=np.float32)
        values[generator.choice(LABELS, SAID, replace=False)] = generator.beta(0.4, 1.5, SAID)
        packed[sha] = pack(values)
    workspace.index.keep_scores("many", packed)
    root = folder / "many"
    return workspace, Dataset(root, (Concept("1_many", concept, 1, "many", tuple(images)),))
