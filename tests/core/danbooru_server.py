"""The part of Danbooru's API that lists and wiki pages come from, on this machine.

It follows the board's own rules: at most 1,000 records an answer, `page=b123` for records with
lower ids (the newest first), page numbers up to 1,000, `search[…]` for what is wanted, `only=` for
which fields, and no answer for programs that do not say who they are.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

MOST = 1000  # records of one answer
LAST_PAGE = 1000


@dataclass
class Board:
    """What it holds, by path; `plans`: how the next answers go wrong; `asked`: what came."""

    address: str = ""
    records: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    plans: list[str] = field(default_factory=list)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    before_answer: Any = None  # called with the number of the question, from 1

    def fill(self, tags: int = 2500, aliases: int = 1200, implications: int = 300) -> None:
        """Tags tag1, tag2, …, of which every tenth has too few posts."""
        self.records["/tags.json"] = [
            {
                "id": number,
                "name": f"tag{number}",
                "post_count": 3 if number % 10 == 0 else number * 30,
                "category": (0, 1, 3, 4, 5)[number % 5],
                "is_deprecated": number % 97 == 0,
                "created_at": "2020-01-01T00:00:00.000-05:00",
            }
            for number in range(1, tags + 1)
        ]
        self.records["/tag_aliases.json"] = [
            _relation(number, f"old{number}", f"tag{number}", number % 50 == 0)
            for number in range(1, aliases + 1)
        ]
        self.records["/tag_implications.json"] = [
            _relation(number, f"tag{number + 1}", f"tag{number}", False)
            for number in range(1, implications + 1)
        ]


def _relation(number: int, name: str, other: str, deleted: bool) -> dict[str, Any]:
    return {
        "id": number,
        "antecedent_name": name,
        "consequent_name": other,
        "status": "deleted" if deleted else "active",
        "reason": "",
    }


@contextmanager
def danbooru() -> Iterator[Board]:
    board = Board()
    handler = type("Handler", (_Handler,), {"board": board})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    board.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield board
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    board: Board
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: Any) -> None:
        pass

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        params = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        self.board.asked.append((path, params))
        if self.board.before_answer:
            self.board.before_answer(len(self.board.asked))
        agent = self.headers.get("User-Agent", "")
        if not agent or agent.startswith(("python", "Mozilla")):
            return self._send(403, {"success": False, "error": "User-Agent"})
        plan = self.board.plans.pop(0) if self.board.plans else ""
        if plan == "busy":
            return self._send(429, {"success": False}, {"Retry-After": "0"})
        if plan == "timeout":
            return self._send(500, {"success": False, "error": "ActiveRecord::QueryCanceled"})
        if plan == "page":
            return self._send(200, "<html>down</html>", kind="text/html")
        if plan == "other":
            return self._send(200, {"success": False})
        if plan == "same":  # a page that does not get on
            return self._send(200, self.board.records[path][-3:])
        if path not in self.board.records:
            return self._send(404, {"success": False, "error": "not found"})
        return self._send(*_answer(self.board.records[path], params))

    def _send(
        self,
        status: int,
        answer: Any,
        headers: dict[str, str] | None = None,
        kind: str = "application/json; charset=utf-8",
    ) -> None:
        body = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
        self.send_response(status)
        for name, value in {"Content-Type": kind, **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _answer(records: list[dict[str, Any]], params: dict[str, str]) -> tuple[int, Any]:
    limit = min(max(int(params.get("limit", 20)), 1), MOST)
    page = params.get("page", "1")
    found = [record for record in records if _is_wanted(record, params)]
    if page.startswith("b"):
        found = sorted(
            (one for one in found if one["id"] < int(page[1:])), key=lambda one: -one["id"]
        )
    elif int(page) > LAST_PAGE:
        return 410, {"success": False, "error": "PaginationExtension::PaginationError"}
    else:
        found = sorted(found, key=lambda one: -one["id"])[(int(page) - 1) * limit :]
    only = params.get("only", "")
    wanted = set(only.split(",")) if only else None
    return 200, [
        {name: value for name, value in one.items() if wanted is None or name in wanted}
        for one in found[:limit]
    ]


def _is_wanted(record: dict[str, Any], params: dict[str, str]) -> bool:
    least = params.get("search[post_count]", "")
    if least.startswith(">=") and record["post_count"] < int(least[2:]):
        return False
    return all(
        record.get(name) == params[f"search[{name}]"]
        for name in ("status", "title")
        if f"search[{name}]" in params
    )
