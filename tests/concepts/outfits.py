"""A small data set of outfits: flat figures in different clothes, with captions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

CLOTHES = {
    "zetadef": ((200, 30, 40), ("red dress", "gold armor", "thighhighs")),
    "zetasummer": ((40, 90, 210), ("blue bikini", "straw hat", "sarong")),
    "zetadark": ((30, 30, 30), ("black cape", "gauntlets", "black boots")),
    "zetahalloween": ((230, 130, 20), ("witch hat", "orange skirt", "striped gloves")),
}
POSES = ("standing", "sitting", "from side", "from behind", "arms up", "smile", "holding staff")


def figure(path: Path, colour: tuple[int, int, int], seed: int, size: tuple[int, int]) -> None:
    """Someone in one colour, at another place before another background each time."""
    random = np.random.default_rng(seed)
    back = tuple(int(one) for one in random.integers(190, 250, 3))
    picture = Image.new("RGB", size, back)
    pen = ImageDraw.Draw(picture)
    width, height = size
    x, y = random.uniform(0.2, 0.35), random.uniform(0.25, 0.35)
    box = (x * width, y * height, (x + 0.42) * width, 0.95 * height)
    pen.rectangle(box, fill=colour)
    pen.ellipse((x * width, 0.05 * height, (x + 0.4) * width, y * height), fill=(240, 215, 195))
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path)


def outfit(
    folder: Path,
    name: str,
    count: int,
    *,
    first: int = 0,
    trigger: bool = False,
    tags: bool = True,
    size: tuple[int, int] = (48, 64),
) -> list[Path]:
    """`count` pictures of one outfit with captions; names say what they are for the test only."""
    colour, clothes = CLOTHES[name]
    made = []
    for number in range(first, first + count):
        path = folder / f"{name}-{number:03d}.png"
        figure(path, colour, 1000 * list(CLOTHES).index(name) + number, size)
        poses = (POSES[number % len(POSES)], POSES[(number * 3 + 1) % len(POSES)])
        words = [*([name] if trigger else []), "1girl", *(clothes if tags else ()), *poses]
        path.with_suffix(".txt").write_text(", ".join(dict.fromkeys(words)), encoding="utf-8")
        made.append(path)
    return made
