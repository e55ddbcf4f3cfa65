"""What Danbooru's wiki says about a tag, kept on this computer once it was read."""

from __future__ import annotations

import hashlib
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from lorabake.captions.dtext import linked_tags, plain
from lorabake.core.errors import NetworkError, WorkspaceError
from lorabake.core.files import atomic_write_json, read_json
from lorabake.core.http import Web
from lorabake.core.tags import caption_form, tag_key
from lorabake.core.vocabulary.fetch import SITE, site

MAX_AGE: Final = 30 * 86_400.0  # seconds that a page is taken for current
MAX_TAG: Final = 200  # characters
MAX_SHOWN: Final = 12_000  # characters of a page
_FORMAT: Final = 1


@dataclass(frozen=True)
class WikiPage:
    """text: plain paragraphs with an empty line between them; "" when the wiki has nothing.

    title: of the page; url: for a browser; examples: tags that the page speaks of, in caption form.
    """

    tag: str
    title: str
    text: str
    url: str
    examples: tuple[str, ...] = ()


def tag_wiki(web: Web, cache_dir: Path, tag: str) -> WikiPage:
    """The page of a tag, from `cache_dir` when it was read in the last 30 days.

    NetworkError when the site cannot be asked and no older copy is here either.
    """
    name = tag_key(tag[:MAX_TAG])
    if not name or not name.isprintable():
        return WikiPage(tag, "", "", wiki_url(tag))
    path = _cached(cache_dir, name)
    known = _read(path)
    if known is not None and 0 <= time.time() - known[0] < MAX_AGE:
        return known[1]
    try:
        page = _ask(web, name)
    except NetworkError:
        if known is None:
            raise
        return known[1]
    with suppress(OSError, WorkspaceError):  # only a memory
        path.parent.mkdir(parents=True, exist_ok=True)
        record = {"format": _FORMAT, "read": time.time(), "page": asdict(page)}
        atomic_write_json(path, record, limit=256 * 1024)
    return page


def wiki_url(tag: str) -> str:
    """Where a person can read about it."""
    return f"{SITE}/wiki_pages/{quote(tag_key(tag[:MAX_TAG]), safe='')}"


def _ask(web: Web, name: str) -> WikiPage:
    params = {"search[title]": name, "limit": "1", "only": "title,body,is_deleted"}
    answer = web.json(f"{site()}/wiki_pages.json", params=params)
    if not isinstance(answer, list):
        raise NetworkError(
            "Danbooru's wiki did not answer in the expected form. Read its page in the browser."
        )
    found: Any = answer[0] if answer else {}
    title, body = (found.get(field) if isinstance(found, dict) else "" for field in _FIELDS)
    if not isinstance(body, str) or not isinstance(title, str) or tag_key(title) != name:
        title = body = ""
    text = plain(body)
    if len(text) > MAX_SHOWN:
        text = f"{text[:MAX_SHOWN].rpartition(' ')[0]} …"
    examples = tuple(one for one in linked_tags(body) if tag_key(one) != name)
    return WikiPage(caption_form(name), caption_form(title), text, wiki_url(name), examples)


_FIELDS: Final = ("title", "body")


def _cached(cache_dir: Path, name: str) -> Path:
    digits = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    return cache_dir / "wiki" / digits[:2] / f"{digits[2:34]}.json"


def _read(path: Path) -> tuple[float, WikiPage] | None:
    """When it was read, and what; None for what is not there or damaged."""
    with suppress(OSError, WorkspaceError, TypeError, KeyError, ValueError):
        record: Any = read_json(path, limit=256 * 1024)
        if record["format"] == _FORMAT:
            page = record["page"]
            texts = {name: str(page[name]) for name in ("tag", "title", "text", "url")}
            return float(record["read"]), WikiPage(
                **texts, examples=tuple(map(str, page["examples"]))
            )
    return None
