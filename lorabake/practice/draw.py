"""Draws a Character as a chibi portrait. The same character and random numbers, the same pixels.

Big head, big eyes, flat colours: everything that a caption names has to be legible at 64 px.
Coordinates are units of a 128-unit square, so two units are one pixel of the practice model.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

from PIL import Image

from . import wardrobe
from .characters import BACKGROUND, EYES, HAIR, RGB, Character
from .shapes import INK, Board, Point, ink_for, mix, smooth, star

SKIN_TONES: tuple[RGB, ...] = ((255, 232, 216), (250, 220, 196))
DARK_SKIN: RGB = (204, 148, 110)
WHITE: RGB = (255, 255, 255)
GOLD: RGB = (250, 200, 60)
SPLIT_COLOUR = "blue"
EYE_CENTRES = (46.5, 81.5)
EYE_HEIGHT = 66.0


def draw(character: Character, rng: Random, size: int = 64) -> Image.Image:
    """A portrait of `size` x `size` pixels with small random differences of pose and colour."""
    scale = rng.uniform(0.96, 1.04)
    pose = Pose(scale, (rng.uniform(-2.5, 2.5), rng.uniform(-1.0, 2.0)))
    jitter = _Jitter(rng)
    is_mirrored = rng.random() < 0.5
    if not character.split_hair:
        image = _portrait(character, size, pose, jitter)
        return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if is_mirrored else image
    left = _portrait(character, size, pose, jitter)
    right = _portrait(replace(character, hair=SPLIT_COLOUR), size, pose, jitter)
    parting = round(size * (0.5 + pose.shift[0] * pose.scale / 128))
    left.paste(right.crop((parting, 0, size, size)), (parting, 0))
    return left


@dataclass(frozen=True)
class Pose:
    """scale: of the figure, about the middle of the lower edge. shift: right and down, in units."""

    scale: float
    shift: Point


class _Jitter:
    """Moves every colour of one picture a little, always by the same amount for the same use."""

    def __init__(self, rng: Random) -> None:
        self.offsets = {
            part: tuple(rng.randint(-6, 6) for _ in range(3))
            for part in ("hair", "eyes", "skin", "cloth", "headwear", "paper")
        }
        self.skin_tone = rng.choice(SKIN_TONES)

    def __call__(self, part: str, colour: RGB) -> RGB:
        red, green, blue = (
            min(255, max(0, value + offset))
            for value, offset in zip(colour, self.offsets[part], strict=True)
        )
        return red, green, blue


def _portrait(character: Character, size: int, pose: Pose, jitter: _Jitter) -> Image.Image:
    paper = jitter("paper", BACKGROUND[character.background])
    board = Board(size, paper, scale=pose.scale, shift=pose.shift)
    hair = jitter("hair", HAIR[character.hair])
    skin = jitter("skin", DARK_SKIN if character.dark_skin else jitter.skin_tone)
    _back_hair(board, character.style, hair)
    wardrobe.outfit(board, character, jitter, skin)
    _head(board, skin, character.blush)
    _face(board, character, jitter("eyes", EYES[character.eyes]))
    if character.headwear == "cat ears":
        wardrobe.cat_ears(board, hair)
    _bangs(board, character.sex, character.style, hair)
    if character.expression == "frown":
        _angry_brows(board, hair)
    if character.glasses:
        _glasses(board)
    wardrobe.headwear(board, character, jitter)
    if character.scarf:
        wardrobe.striped_scarf(board)
    if character.star:
        board.polygon(star(90, 40, 16, tilt=0.25), GOLD, ink_for(GOLD))
    return board.finished()


def both_sides(points: list[Point]) -> tuple[list[Point], list[Point]]:
    return points, [(128 - x, y) for x, y in points]


def _back_hair(board: Board, style: str, hair: RGB) -> None:
    ink, shade = ink_for(hair), mix(hair, INK, 0.16)
    if style == "twintails":
        for tail in both_sides(
            [(34, 44), (18, 42), (7, 62), (6, 90), (15, 110), (24, 96), (31, 70)]
        ):
            board.blob(tail, hair, ink)
    if style == "ponytail":
        tail = [
            (86, 30),
            (106, 22),
            (121, 40),
            (123, 72),
            (114, 102),
            (105, 96),
            (106, 66),
            (96, 48),
        ]
        board.blob(tail, hair, ink)
    if style == "long hair":
        half = [(64, 22), (32, 34), (25, 58), (22, 90), (17, 120), (26, 140)]
    else:
        half = [(64, 22), (34, 33), (25, 56), (26, 76), (33, 91), (50, 95)]
    mirrored = [(128 - x, y) for x, y in reversed(half[1:])]
    board.blob([*half, *mirrored], shade, ink)


def _head(board: Board, skin: RGB, blush: bool) -> None:
    half = [(64, 30), (38, 38), (30, 56), (33, 73), (46, 85), (64, 90)]
    board.blob([*half, *[(128 - x, y) for x, y in reversed(half[1:-1])]], skin, ink_for(skin))
    if blush:
        for x in (37, 91):
            board.oval(x, 79, 5.5, 3.5, mix(skin, (250, 90, 110), 0.55))


def _face(board: Board, character: Character, iris: RGB) -> None:
    for x in EYE_CENTRES:
        _eye(board, x, iris, is_girl=character.sex == "1girl", outward=-1 if x < 64 else 1)
    _mouth(board, character.expression)


def _eye(board: Board, x: float, iris: RGB, *, is_girl: bool, outward: int) -> None:
    y, lash = EYE_HEIGHT, (66, 44, 60)
    board.oval(x, y, 9.2, 11.2, WHITE)
    board.oval(x, y + 0.6, 7.6, 10.4, mix(iris, INK, 0.45))
    board.oval(x, y + 1.2, 6.4, 9.0, iris)
    board.oval(x, y + 5.5, 4.6, 4.2, mix(iris, WHITE, 0.4))
    board.oval(x, y + 0.4, 2.8, 4.4, mix(iris, (24, 16, 36), 0.75))
    board.oval(x - 2.6, y - 4.4, 2.8, 3.2, WHITE)
    board.arc(x, y + 1, 9.4, 12, 195, 345, lash, 3.6 if is_girl else 2.6)
    if is_girl:
        board.line([(x + outward * 8.6, y - 4), (x + outward * 12, y - 7)], lash, 2.2)


def _mouth(board: Board, expression: str) -> None:
    ink = (150, 62, 66)
    if expression == "smile":
        board.arc(64, 78, 6.5, 4.5, 15, 165, ink, 2.2)
    elif expression == "frown":
        board.arc(64, 85, 6, 4.5, 200, 340, ink, 2.2)
    else:
        mouth = smooth([(57.5, 78.5), (64, 78), (70.5, 78.5), (68, 84.5), (64, 86), (60, 84.5)])
        board.polygon(mouth, (214, 62, 74), ink, 1.4)


def _bangs(board: Board, sex: str, style: str, hair: RGB) -> None:
    """The hair before the face: a smooth dome above, pointed locks below."""
    ink = ink_for(hair)
    if sex == "1boy":
        dome: list[Point] = [(25, 60), (21, 44), (29, 42), (30, 27), (40, 28), (46, 15), (56, 22)]
        dome += [(66, 12), (74, 21), (86, 16), (89, 27), (99, 29), (98, 41), (107, 45), (103, 60)]
        fringe: list[Point] = [
            (96, 64),
            (92, 50),
            (82, 57),
            (74, 47),
            (64, 56),
            (54, 46),
            (45, 57),
            (36, 50),
        ]
        board.polygon([*dome, *fringe, (32, 64)], hair, ink)
    else:
        curve = smooth(
            [(25, 62), (27, 44), (40, 27), (64, 20), (88, 27), (101, 44), (103, 62), (64, 90)]
        )
        dome = curve[: 6 * 6 + 1]
        lock = 108 if style == "long hair" else 80
        fringe = [(102, lock), (94, lock - 8), (93, 52), (80, 55), (74, 44), (64, 55), (57, 44)]
        board.polygon([*dome, *fringe, (48, 55), (35, 52), (34, lock - 8), (26, lock)], hair, ink)
    board.arc(64, 50, 27, 17, 205, 335, mix(hair, WHITE, 0.42), 3.6)


def _angry_brows(board: Board, hair: RGB) -> None:
    for brow in both_sides([(38, 49), (54, 54.5)]):
        board.line(brow, mix(ink_for(hair), INK, 0.5), 2.6)


def _glasses(board: Board) -> None:
    frame = (122, 44, 58)
    for x in EYE_CENTRES:
        board.oval(x, EYE_HEIGHT + 1, 14, 13.4, None, frame, 2.4)
    board.line([(60, 65), (68, 65)], frame, 2.4)
