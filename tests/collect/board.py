"""A booru on this machine: real HTTP, the dialect of each engine, pictures whose md5 is true.

It can also behave as boards do on bad days: see `MISDEEDS`.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from PIL import Image, ImageDraw

DIALECTS = ("gelbooru", "rule34", "danbooru", "e621", "moebooru")
MISDEEDS = (
    *("stall", "truncate", "loop", "wrong md5", "busy", "zeros", "html", "private", "blocked"),
    *("not json", "empty", "deep", "many tags", "no key", "quota", "overloaded", "throttled"),
    *("answer zeros", "answer loop", "answer private", "answer torn", "answer stall"),
)
_LETTER = {"general": "g", "sensitive": "s", "questionable": "q", "explicit": "e"}


@dataclass(frozen=True)
class Entry:
    """A picture on the board. tags: category → names; content: its file, "" to have one drawn."""

    id: int
    tags: Mapping[str, Sequence[str]]
    rating: str = "general"
    score: int = 5
    size: tuple[int, int] = (96, 128)
    extension: str = "png"
    deleted: bool = False
    parent: int | None = None
    seed: int | None = None
    content: bytes = field(default=b"", repr=False)

    @property
    def all_tags(self) -> list[str]:
        return [tag for names in self.tags.values() for tag in names]

    @property
    def data(self) -> bytes:
        if self.content:
            return self.content
        return drawn(self.seed if self.seed is not None else self.id, self.size, self.extension)

    @property
    def md5(self) -> str:
        return hashlib.md5(self.data, usedforsecurity=False).hexdigest()


def drawn(seed: int, size: tuple[int, int], extension: str = "png") -> bytes:
    """A picture that no other seed has."""
    image = Image.new("RGB", size, (seed * 37 % 256, seed * 91 % 256, seed * 53 % 256))
    pen = ImageDraw.Draw(image)
    for n in range(6):
        x, y = seed * (n + 3) * 17 % size[0], seed * (n + 5) * 29 % size[1]
        pen.ellipse((x - 14, y - 14, x + 14, y + 14), fill=(n * 40, x % 256, y % 256))
    buffer = io.BytesIO()
    form = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP"}.get(extension, "PNG")
    image.save(buffer, form)
    return buffer.getvalue()


def entries(count: int, **more: Any) -> list[Entry]:
    """Plain posts of one character, ids 1 to `count`."""
    return [
        Entry(
            number,
            {
                "general": ("1girl", "solo", f"pose_{number % 3}"),
                "character": ("kafka_(honkai:_star_rail)",),
                "copyright": ("honkai:_star_rail",),
                "artist": (f"artist_{number}",),
            },
            **more,
        )
        for number in range(1, count + 1)
    ]


@dataclass
class Board:
    """dialect: one of DIALECTS. key: what a request must carry, "" for none.

    raw: sent instead of any answer. pause: seconds before each file. requests, agents, referers: what it has seen.
    """

    dialect: str
    posts: list[Entry]
    key: str = ""
    max_tags: int | None = None
    misdeed: str = ""
    raw: bytes | None = None
    pause: float = 0.0
    requests: list[str] = field(default_factory=list)
    agents: list[str] = field(default_factory=list)
    referers: list[str | None] = field(default_factory=list)
    address: str = ""

    def find(self, text: str) -> list[Entry]:
        """As a board does: the newest first."""
        found = [post for post in self.posts if all(_fits(post, word) for word in text.split())]
        return sorted(found, key=lambda post: -post.id)


def _fits(post: Entry, word: str) -> bool:
    if word.startswith("-"):
        return not _fits(post, word[1:])
    if word.startswith("rating:"):
        ratings = {"safe": ("general", "sensitive"), "s": ("general", "sensitive")}
        return post.rating in ratings.get(word[7:], (word[7:],)) or (
            _LETTER[post.rating] == word[7:] and word[7:] != "s"
        )
    if found := re.fullmatch(r"id:([<>])([0-9]+)", word):
        return post.id < int(found[2]) if found[1] == "<" else post.id > int(found[2])
    if word.startswith(("order:", "sort:")):
        return True
    return word in post.all_tags


@contextmanager
def running(board: Board) -> Iterator[Board]:
    """Serve it on a free port of this machine."""

    class Handler(_Handler):
        of = board

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    board.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield board
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    of: Board

    def log_message(self, *_: object) -> None:
        """Quietly."""

    def do_GET(self) -> None:
        self.of.requests.append(self.path)
        self.of.agents.append(self.headers.get("User-Agent", ""))
        self.of.referers.append(self.headers.get("Referer"))
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        try:
            if parts.path.startswith("/files/"):
                self._file(parts.path)
            else:
                self._answer(parts.path, query)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def _send(self, body: bytes, kind: str, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def _json(self, value: Any, status: int = 200) -> None:
        self._send(json.dumps(value).encode(), "application/json", status)

    # --- files -----------------------------------------------------------------------------------

    def _file(self, path: str) -> None:
        name = path.rpartition("/")[2]
        post = next((one for one in self.of.posts if one.md5 == name.partition(".")[0]), None)
        misdeed = self.of.misdeed
        if not path.startswith("/files/preview/"):
            time.sleep(self.of.pause)
        if post is None:
            self._send(b"gone", "text/plain", 404)
        elif path.startswith("/files/preview/"):
            small = post.content or drawn(post.id, (48, 48), "jpg")
            self._send(small, "image/jpeg")
        elif misdeed == "html":
            self._send(b"<!DOCTYPE html><html>log in</html>", "text/html")
        elif misdeed == "wrong md5":
            self._send(drawn(9999, post.size), "image/png")
        elif misdeed == "loop":
            self._send(b"", "text/plain", 302, Location=path)
        elif misdeed == "private":
            self._send(b"", "text/plain", 302, Location="http://192.168.1.1/a.png")
        elif misdeed == "truncate":
            self._torn(post.data, len(post.data) // 2)
        elif misdeed == "stall":
            self._torn(post.data, 10, wait=30)
        elif misdeed == "zeros":
            self._zeros(10 * 2**30)
        else:
            self._send(post.data, f"image/{post.extension}")

    def _torn(self, data: bytes, sent: int, wait: float = 0) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "image/png")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[:sent])
        self.wfile.flush()
        time.sleep(wait)
        self.close_connection = True

    def _zeros(self, count: int) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "image/png")
        self.end_headers()
        block = bytes(2**20)
        for _ in range(count // len(block)):
            self.wfile.write(block)

    # --- answers ---------------------------------------------------------------------------------

    def _answer(self, path: str, query: Mapping[str, str]) -> None:
        board = self.of
        if self._misbehaves():
            return
        if board.key and board.key not in (query.get("api_key"), query.get("password_hash")):
            signed = self.headers.get("Authorization", "")
            if not signed.startswith("Basic "):
                self._no_key()
                return
        words = query.get("tags", "").split()
        counted = [word for word in words if not word.lstrip("-").startswith(("rating:", "id:"))]
        if board.max_tags is not None and len(counted) > board.max_tags:
            self._json({"success": False, "error": "PostQuery::TagLimitError"}, 422)
            return
        found = board.find(query.get("tags", ""))
        if (
            "count" in path
            or (board.dialect in ("gelbooru", "rule34") and "json" not in query)
            or path.endswith("post.xml")
        ):
            self._count(len(found))
        else:
            self._posts(found, query)

    def _misbehaves(self) -> bool:
        misdeed = self.of.misdeed
        if self.of.raw is not None:
            self._send(self.of.raw, "application/json")
        elif misdeed == "busy":
            self._send(b"slow down", "text/plain", 429, Retry_After="1")
        elif misdeed == "blocked":
            self._send(b"no", "text/plain", 403)
        elif misdeed == "deep":
            self._json({"success": False, "error": "PaginationExtension::PaginationError"}, 410)
        elif misdeed == "many tags":
            self._json({"success": False, "error": "PostQuery::TagLimitError"}, 422)
        elif misdeed == "not json":
            self._send(b"<!DOCTYPE html><html>are you a robot?</html>", "text/html")
        elif misdeed == "quota":
            self._send(b'<response success="false" reason="abuse"/>', "text/xml")
        elif misdeed == "no key":
            self._no_key()
        elif misdeed == "empty":
            self._send(b"", "application/json")
        elif misdeed == "overloaded":
            self._json({"success": False, "error": "ActiveRecord::QueryCanceled"}, 500)
        elif misdeed == "throttled":
            self._send(b"throttled", "text/plain", 421)
        elif misdeed == "answer zeros":
            self._zeros(10 * 2**30)
        elif misdeed == "answer loop":
            self._send(b"", "text/plain", 302, Location=self.path)
        elif misdeed == "answer private":
            self._send(b"", "text/plain", 302, Location="http://192.168.1.1/index.php")
        elif misdeed == "answer torn":
            self._torn(b"[" + bytes(400), 10)
        elif misdeed == "answer stall":
            self._torn(b"[" + bytes(400), 10, wait=3)
        else:
            return False
        return True

    def _no_key(self) -> None:
        if self.of.dialect == "rule34":
            self._json("Missing authentication. Go to api.rule34.xxx for more information")
        else:
            self._send(b"[]", "application/json", 401)

    def _count(self, number: int) -> None:
        if self.of.dialect == "danbooru":
            self._json({"counts": {"posts": number}})
        elif self.of.dialect == "e621":
            self._json({"count": number})
        else:
            text = f'<?xml version="1.0"?><posts limit="0" count="{number}" offset="0"></posts>'
            self._send(text.encode(), "text/xml")

    def _posts(self, found: Sequence[Entry], query: Mapping[str, str]) -> None:
        limit = int(query.get("limit", "20"))
        page = int(query["pid"]) if "pid" in query else int(query.get("page", "1")) - 1
        some = found[page * limit : (page + 1) * limit]
        files = f"{self.of.address}/files"
        make = {
            "gelbooru": _gelbooru,
            "rule34": _rule34,
            "danbooru": _danbooru,
            "e621": _e621,
            "moebooru": _moebooru,
        }[self.of.dialect]
        records: Any = [make(post, files) for post in some]
        if self.of.dialect == "gelbooru":
            answer: dict[str, Any] = {
                "@attributes": {"limit": limit, "offset": page * limit, "count": len(found)}
            }
            if records:  # the key is missing when nothing is found
                answer["post"] = records if len(records) > 1 else records[0]
            records = answer
        elif self.of.dialect == "e621":
            records = {"posts": records}
        elif self.of.dialect == "moebooru":
            kinds = {
                tag: kind for post in some for kind, names in post.tags.items() for tag in names
            }
            records = {"posts": records, "tags": kinds}
        self._json(records)


def _addresses(post: Entry, files: str) -> tuple[str, str]:
    return f"{files}/{post.md5}.{post.extension}", f"{files}/preview/{post.md5}.jpg"


def _gelbooru(post: Entry, files: str) -> dict[str, Any]:
    file, preview = _addresses(post, files)
    return {
        "id": post.id,
        "created_at": "Sat Sep 26 03:51:09 -0500 2026",
        "score": post.score,
        "width": post.size[0],
        "height": post.size[1],
        "md5": post.md5,
        "rating": post.rating,
        "source": "https:\\/\\/example.com\\/a?b=1&amp;c=2",
        "tags": " ".join(post.all_tags).replace("'", "&#039;"),
        "file_url": "" if post.deleted else file,
        "preview_url": preview,
        "sample_url": "",
        "sample_width": 0,
        "has_notes": "false",
        "status": "deleted" if post.deleted else "active",
        "parent_id": post.parent or 0,
    }


def _rule34(post: Entry, files: str) -> dict[str, Any]:
    record = _gelbooru(post, files)
    record["hash"] = record.pop("md5")
    record["rating"] = {"general": "safe", "sensitive": "safe"}.get(post.rating, post.rating)
    record["tag_info"] = [
        {"tag": tag, "type": {"general": "tag", "meta": "metadata"}.get(kind, kind), "count": 9}
        for kind, names in post.tags.items()
        for tag in names
    ]
    return record


def _danbooru(post: Entry, files: str) -> dict[str, Any]:
    file, preview = _addresses(post, files)
    record = {
        "id": post.id,
        "created_at": "2026-09-26T03:51:09.000-04:00",
        "score": post.score,
        "source": "",
        "rating": _LETTER[post.rating],
        "image_width": post.size[0],
        "image_height": post.size[1],
        "file_ext": post.extension,
        "file_size": len(post.data),
        "parent_id": post.parent,
        "is_deleted": post.deleted,
        "tag_string": " ".join(post.all_tags),
    }
    for kind in ("general", "character", "copyright", "artist", "meta"):
        record[f"tag_string_{kind}"] = " ".join(post.tags.get(kind, ()))
    if not post.deleted:
        record |= {"md5": post.md5, "file_url": file, "preview_file_url": preview}
    return record


def _e621(post: Entry, files: str) -> dict[str, Any]:
    file, preview = _addresses(post, files)
    return {
        "id": post.id,
        "created_at": "2026-09-26T03:51:09.000-04:00",
        "file": {
            "width": post.size[0],
            "height": post.size[1],
            "ext": post.extension,
            "size": len(post.data),
            "md5": post.md5,
            "url": None if post.deleted else file,
        },
        "preview": {"url": preview},
        "score": {"up": post.score, "down": 0, "total": post.score},
        "tags": {**{kind: list(names) for kind, names in post.tags.items()}, "lore": ["x_(lore)"]},
        "rating": {"general": "s", "sensitive": "s"}.get(post.rating, post.rating[0]),
        "flags": {"deleted": post.deleted},
        "relationships": {"parent_id": post.parent},
        "sources": ["https://example.com"],
    }


def _moebooru(post: Entry, files: str) -> dict[str, Any]:
    file, preview = _addresses(post, files)
    record = {
        "id": post.id,
        "tags": " ".join(post.all_tags),
        "created_at": 1_790_000_000,
        "score": post.score,
        "md5": post.md5,
        "file_size": len(post.data),
        "file_ext": post.extension,
        "preview_url": preview,
        "width": post.size[0],
        "height": post.size[1],
        "rating": {"general": "s", "sensitive": "s"}.get(post.rating, post.rating[0]),
        "parent_id": post.parent,
        "status": "deleted" if post.deleted else "active",
    }
    return record if post.deleted else record | {"file_url": file}
