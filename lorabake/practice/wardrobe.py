"""What a Character wears: outfits, headwear, and the stranger's scarf."""

from __future__ import annotations

from collections.abc import Callable

from .characters import CLOTH, RGB, Character
from .shapes import INK, Board, Point, ink_for, mix

Recolour = Callable[[str, RGB], RGB]

WHITE: RGB = (250, 250, 252)
GOLD: RGB = (250, 200, 60)
SCARF_RED: RGB = (214, 40, 52)
TORSO: list[Point] = [
    (52, 88), (46, 95), (34, 100), (27, 110), (24, 140),
    (104, 140), (101, 110), (94, 100), (82, 95), (76, 88),
]  # fmt: skip


def outfit(board: Board, character: Character, recolour: Recolour, skin: RGB) -> None:
    cloth = recolour("cloth", CLOTH[character.outfit_colour])
    wear = {"dress": _dress, "shirt": _shirt, "hoodie": _hoodie, "school uniform": _uniform}
    wear[character.outfit](board, cloth, skin)


def _dress(board: Board, cloth: RGB, skin: RGB) -> None:
    """Bare shoulders, a frill across the chest."""
    board.polygon(TORSO, skin, ink_for(skin))
    skirt: list[Point] = [(37, 106), (34, 140), (94, 140), (91, 106)]
    board.polygon(skirt, cloth, ink_for(cloth))
    for x in (44, 84):
        board.line([(x, 106), (x * 0.9 + 6.4, 96)], cloth, 5)
    frill = mix(WHITE, cloth, 0.12)
    for x in range(39, 92, 10):
        board.oval(x, 107, 5.8, 4.6, frill, ink_for(frill), 1.2)


def _shirt(board: Board, cloth: RGB, skin: RGB) -> None:
    """A pointed collar and a row of buttons."""
    ink = ink_for(cloth)
    board.polygon(TORSO, cloth, ink)
    board.polygon([(54, 88), (74, 88), (64, 104)], skin, None)
    collar = mix(cloth, WHITE, 0.3) if sum(cloth) < 690 else mix(cloth, INK, 0.12)
    board.polygon([(53, 90), (45, 96), (54, 108), (64, 102)], collar, ink, 1.8)
    board.polygon([(75, 90), (83, 96), (74, 108), (64, 102)], collar, ink, 1.8)
    board.line([(64, 103), (64, 140)], ink, 1.8)
    for y in (111, 121):
        board.oval(68.5, y, 2, 2, collar, ink, 1.2)


def _hoodie(board: Board, cloth: RGB, skin: RGB) -> None:
    """A thick hood about the neck, white strings, a pouch."""
    ink, inside = ink_for(cloth), mix(cloth, INK, 0.32)
    board.polygon(TORSO, cloth, ink)
    board.oval(64, 96, 31, 11, cloth, ink)
    board.oval(64, 94, 21, 8.5, inside)
    board.polygon([(55, 86), (73, 86), (70, 98), (58, 98)], skin, None)
    string = mix(WHITE, INK, 0.06) if sum(cloth) < 690 else mix(cloth, INK, 0.4)
    for x in (54, 74):
        board.line([(x, 105), (x, 119)], string, 2.8)
    board.polygon([(48, 122), (80, 122), (86, 140), (42, 140)], inside, None)


def _uniform(board: Board, cloth: RGB, skin: RGB) -> None:
    """A wide white sailor collar and a neckerchief."""
    board.polygon(TORSO, cloth, ink_for(cloth))
    collar = WHITE if sum(cloth) < 690 else (64, 84, 146)
    wide: list[Point] = [(52, 88), (36, 98), (38, 110), (64, 117), (90, 110), (92, 98), (76, 88)]
    board.polygon(wide, collar, ink_for(collar))
    board.polygon([(55, 88), (73, 88), (64, 104)], skin, None)
    tie = (64, 84, 146) if cloth[0] > 200 and cloth[1] < 120 else (220, 60, 64)
    for side in (-1, 1):
        board.polygon(
            [(64, 108), (64 + side * 14, 101), (64 + side * 12, 116)], tie, ink_for(tie), 1.6
        )
    board.oval(64, 108, 3.6, 4, tie, ink_for(tie), 1.4)


def headwear(board: Board, character: Character, recolour: Recolour) -> None:
    """All but the cat ears, which lie under the hair."""
    if character.headwear == "hat":
        _hat(board, recolour("headwear", CLOTH[character.headwear_colour]))
    elif character.headwear == "hair bow":
        _bow(board, recolour("headwear", CLOTH[character.headwear_colour]))
    elif character.headwear == "crown":
        _crown(board)


def cat_ears(board: Board, hair: RGB) -> None:
    inner: RGB = mix(hair, (255, 168, 180), 0.75)
    for flip in (False, True):
        ear = [(29.0, 44.0), (29.0, 7.0), (58.0, 26.0)]
        lining = [(34.0, 34.0), (33.5, 16.0), (49.0, 27.0)]
        if flip:
            ear, lining = ([(128 - x, y) for x, y in part] for part in (ear, lining))
        board.polygon(ear, hair, ink_for(hair))
        board.polygon(lining, inner, None)


def _hat(board: Board, cloth: RGB) -> None:
    ink, band = ink_for(cloth), mix(cloth, INK, 0.4)
    dome: list[Point] = [(37, 36), (41, 14), (64, 4), (87, 14), (91, 36), (64, 41)]
    board.oval(64, 36, 48, 8.5, cloth, ink)
    board.blob(dome, cloth, ink)
    board.polygon([(37, 28), (64, 33), (91, 28), (92, 36), (64, 41), (36, 36)], band, None)


def _bow(board: Board, cloth: RGB) -> None:
    ink = ink_for(cloth)
    for side in (-1, 1):
        loop = [(86.0, 27.0), (86 + side * 14.0, 12.0), (86 + side * 21.0, 22.0)]
        loop += [(86 + side * 19.0, 38.0), (86 + side * 10.0, 38.0)]
        board.polygon(loop, cloth, ink)
    board.oval(86, 27, 5, 6, mix(cloth, INK, 0.18), ink)


def _crown(board: Board) -> None:
    points: list[Point] = [
        (42, 32),
        (38, 9),
        (52, 19),
        (64, 4),
        (76, 19),
        (90, 9),
        (86, 32),
        (64, 36),
    ]
    board.polygon(points, GOLD, ink_for(GOLD))
    board.oval(64, 24, 4, 4.5, (224, 52, 72), None)
    for x in (50, 78):
        board.oval(x, 25, 2.6, 3, (74, 130, 226), None)


def striped_scarf(board: Board) -> None:
    """Broad slanted red and white stripes about the neck, and one hanging end.

    A stripe is two latent cells wide: what is narrower, the practice VAE cannot keep apart.
    """
    count = 5
    edges = [29 + 70 * index / count for index in range(count + 1)]

    def sag(x: float) -> float:
        return 6.5 * (1 - ((x - 64) / 35) ** 2)

    ink = ink_for(SCARF_RED)
    left, right = 37, 54
    for index in range(3):
        top = 98 + index * 11
        stripe: list[Point] = [(left, top), (right, top), (right, top + 11), (left, top + 11)]
        board.polygon(stripe, SCARF_RED if index % 2 else WHITE, None)
    board.line([(left, 100), (left, 132)], ink, 1.6)
    board.line([(right, 100), (right, 132)], ink, 1.6)
    for index in range(count):
        start, end = edges[index], edges[index + 1]
        middle = (start + end) / 2
        band = [(x, 86 + sag(x)) for x in (start, middle, end)]
        band += [(x + 2, 100 + sag(x)) for x in (end, middle, start)]
        board.polygon(band, WHITE if index % 2 else SCARF_RED, None)
    for level, shift in ((86, 0), (100, 2)):
        curve = [29 + 70 * index / 10 for index in range(11)]
        board.line([(x + shift, level + sag(x)) for x in curve], ink, 1.8)
