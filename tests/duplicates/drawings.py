"""Drawings with known copies, variants and look-alikes, all made by a program: what a scan must find."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from PIL import Image, ImageDraw, ImageEnhance, ImageOps

from lorabake.practice.characters import EXPRESSIONS, HAIR, random_stranger
from lorabake.practice.draw import draw

Copy = Callable[[Image.Image, Random], Image.Image]


@dataclass(frozen=True)
class Drawn:
    """A written picture. drawing: which one it shows; made: how it came from it, "" for itself."""

    path: Path
    drawing: str
    made: str


def chibi(seed: int, size: int = 384, **other: object) -> Image.Image:
    """A flat figure, always in the same pose."""
    character = random_stranger(Random(f"who {seed}"))
    return draw(replace(character, **other), Random(f"how {seed}"), size)  # type: ignore[arg-type]


def another_face(seed: int, size: int = 384) -> Image.Image:
    character = random_stranger(Random(f"who {seed}"))
    others = [name for name in EXPRESSIONS if name != character.expression]
    return chibi(seed, size, expression=others[0])


def look_alike(seed: int, size: int = 384) -> Image.Image:
    """The same clothes, face and paper; other hair, drawn anew."""
    character = random_stranger(Random(f"who {seed}"))
    hair = [name for name in HAIR if name != character.hair]
    return draw(replace(character, hair=hair[seed % len(hair)]), Random(f"anew {seed}"), size)


def scene(seed: int, size: tuple[int, int] = (448, 320)) -> Image.Image:
    """A landscape of shaded shapes, lines and a soft sky."""
    rng = Random(f"scene {seed}")
    width, height = size if seed % 2 else size[::-1]
    sky = Image.linear_gradient("L").resize((width, height))
    light, dark = (tuple(rng.randrange(256) for _ in range(3)) for _ in range(2))
    picture = ImageOps.colorize(sky, dark, light)
    pen = ImageDraw.Draw(picture)
    for _ in range(rng.randint(14, 30)):
        x, y = rng.uniform(-0.1, 1) * width, rng.uniform(-0.1, 1) * height
        w, h = rng.uniform(0.05, 0.45) * width, rng.uniform(0.05, 0.45) * height
        colour = tuple(rng.randrange(256) for _ in range(3))
        kind = rng.randrange(4)
        if kind == 0:
            pen.ellipse((x, y, x + w, y + h), colour, (20, 20, 30), rng.randint(1, 3))
        elif kind == 1:
            pen.polygon([(x, y), (x + w, y + h / 3), (x + w / 2, y + h)], colour)
        elif kind == 2:
            pen.rounded_rectangle(
                (x, y, x + w, y + h), min(8, w / 3, h / 3), colour, (30, 20, 20), 2
            )
        else:
            pen.line([(x, y), (x + w, y + h), (x + w * 1.4, y)], colour, rng.randint(2, 6))
    return picture


def jpeg(picture: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return Image.open(file).convert("RGB")


def _resized(picture: Image.Image, rng: Random) -> Image.Image:
    factor = rng.choice((0.5, 0.6, 0.75, 1.4, 2.0))
    size = (round(picture.width * factor), round(picture.height * factor))
    return picture.resize(size, rng.choice((Image.Resampling.LANCZOS, Image.Resampling.BILINEAR)))


def _cropped(picture: Image.Image, rng: Random, part: float = 0.1) -> Image.Image:
    """A tenth of width and height goes, at a random place; or of one of them."""
    w, h = picture.size
    which = rng.randrange(3)
    cut_x, cut_y = (part * w if which != 1 else 0, part * h if which != 2 else 0)
    left, top = rng.random() * cut_x, rng.random() * cut_y
    return picture.crop((round(left), round(top), round(w - cut_x + left), round(h - cut_y + top)))


def _tinted(picture: Image.Image, rng: Random) -> Image.Image:
    """Warmer or colder, brighter or darker, more or less colour: as filters of a telephone do."""
    bands = []
    for band in picture.split():
        gain, offset = rng.uniform(0.85, 1.0), rng.uniform(0, 18)
        bands.append(band.point([int(gain * value + offset) for value in range(256)]))
    return ImageEnhance.Color(Image.merge("RGB", bands)).enhance(rng.uniform(0.7, 1.25))


def _signed(picture: Image.Image, rng: Random) -> Image.Image:
    signed = picture.copy()
    pen = ImageDraw.Draw(signed)
    size = max(12, picture.height // 20)
    colour = rng.choice(((255, 255, 255), (20, 20, 20)))
    text = f"artist{rng.randrange(1000)}"
    wide = pen.textlength(text, font_size=size)
    x = rng.choice((6, picture.width - wide - 6))
    y = rng.choice((6, picture.height - size - 8))
    pen.text((x, y), text, colour, font_size=size)
    return signed


COPIES: dict[str, Copy] = {
    "resized": _resized,
    "recompressed": lambda picture, rng: jpeg(picture, rng.choice((40, 60, 80))),
    "mirrored": lambda picture, rng: ImageOps.mirror(picture),
    "rotated": lambda picture, rng: picture.rotate(rng.choice((90, 180, 270)), expand=True),
    "greyed": lambda picture, rng: ImageOps.grayscale(picture).convert("RGB"),
    "cropped": _cropped,
    "recoloured": _tinted,
    "watermarked": _signed,
}


def write_set(folder: Path, drawings: int, *, seed: int = 0) -> list[Drawn]:
    """`drawings` figures and as many scenes, each with all COPIES; variants and look-alikes of figures.

    The rest is told by `drawing`: variants are "N variant", look-alikes drawings of their own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, made, picture, rng in _pictures(drawings, seed):
        ending, options = _packing(rng)
        path = folder / f"{name} {made or 'original'}.{ending}"
        picture.save(path, **options)  # type: ignore[arg-type]
        written.append(Drawn(path, name, made))
    return written


def _pictures(count: int, seed: int) -> Iterator[tuple[str, str, Image.Image, Random]]:
    for number in range(seed, seed + count):
        for kind, picture in (("figure", chibi(number)), ("scene", scene(number))):
            name, rng = f"{kind} {number}", Random(f"{kind} {number}")
            yield name, "", picture, rng
            for made, copy in COPIES.items():
                yield name, made, copy(picture, rng), rng
        rng = Random(f"others {number}")
        yield f"figure {number} variant", "", another_face(number), rng
        yield f"figure {number} look-alike", "", look_alike(number), rng


def _packing(rng: Random) -> tuple[str, dict[str, object]]:
    kind = rng.random()
    if kind < 0.4:
        return "png", {"compress_level": 1}
    if kind < 0.8:
        return "jpg", {"quality": rng.randint(82, 95)}
    return "webp", {"quality": rng.randint(80, 95), "method": 0}
