"""Boards of this machine with the sample's drawings on them, for a page that is looked at."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from PIL import Image

from lorabake.practice import SAMPLE_DIR
from tests.collect.board import Board, Entry, running

CHARACTER = "ohwx_(lorabake)"
SIZES = ((448, 512), (384, 512), (512, 512), (400, 512), (512, 448))
KEY = "k3yth4tst4ys"
QUERY = f"solo -rating:explicit -rating:questionable {CHARACTER} shirt"


def drawn_posts() -> list[Entry]:
    """The sample's pictures as posts, in several sizes; every eighth is a video, every ninth has no shirt."""
    posts = []
    for number, path in enumerate(sorted(Path(SAMPLE_DIR).rglob("*.png")), start=1):
        words = path.with_suffix(".txt").read_text(encoding="utf-8").strip().split(", ")
        general = ["solo", *([] if number % 9 == 0 else ["shirt"]), *words[1:]]
        posts.append(
            Entry(
                number * 7 + 4100,
                {
                    "general": tuple(word.replace(" ", "_") for word in general),
                    "character": (CHARACTER,),
                    "copyright": ("lorabake",),
                    "artist": ("a_program",),
                },
                rating="sensitive" if number % 5 == 0 else "general",
                score=3 + number * 11 % 90,
                size=(size := SIZES[number % len(SIZES)]),
                extension="mp4" if number % 8 == 0 else "png",
                content=_placed(path, size),
            )
        )
    return posts


def _placed(path: Path, size: tuple[int, int]) -> bytes:
    """A drawing in the middle of its own background."""
    drawing = Image.open(path).convert("RGB")
    side = min(size)
    sheet = Image.new("RGB", size, drawing.getpixel((0, 0)))
    larger = drawing.resize((side, side), Image.Resampling.LANCZOS)
    sheet.paste(larger, ((size[0] - side) // 2, size[1] - side))
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()


@contextmanager
def drawn_boards(posts: list[Entry] | None = None) -> Iterator[dict[str, Board]]:
    """Gelbooru, which wants `KEY`, and Danbooru, which takes two tags; for `environment`."""
    posts = drawn_posts() if posts is None else posts
    boards = {
        "gelbooru": Board("gelbooru", list(posts), key=KEY),
        "danbooru": Board("danbooru", list(posts), max_tags=2),
    }
    with ExitStack() as stack:
        for board in boards.values():
            stack.enter_context(running(board))
        yield boards


def environment(boards: dict[str, Board], config: Path) -> dict[str, str]:
    """What a page needs to take these for the real ones. config: where it keeps accounts."""
    return {
        "LORABAKE_ALLOW_LOCAL_HTTP": "1",
        "LORABAKE_BOARDS": json.dumps({name: board.address for name, board in boards.items()}),
        "LORABAKE_CONFIG": str(config),
    }
