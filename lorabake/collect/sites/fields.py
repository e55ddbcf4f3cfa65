"""Fields of answers, whatever type a booru gave them; nothing here ever fails."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from lorabake.collect.post import PICTURES, RATINGS, VIDEOS

MAX_TAGS = 2_000
_MD5 = re.compile(r"[0-9a-f]{32}")
_LARGEST = 10**15
_RATINGS = {
    **{rating: rating for rating in RATINGS},
    **{rating[0]: rating for rating in RATINGS},
    "safe": "general",
}


def text(record: Mapping[str, Any], *names: str, limit: int = 4_000) -> str:
    """The first of these that is a text and not empty."""
    for name in names:
        value = record.get(name)
        if isinstance(value, str) and value:
            return value[:limit]
    return ""


def number(record: Mapping[str, Any], *names: str) -> int | None:
    """The first of these that is a number, or a text that looks like one."""
    for name in names:
        value = record.get(name)
        if isinstance(value, bool):
            continue
        if isinstance(value, str):
            value = int(value) if re.fullmatch(r"-?[0-9]{1,15}", value) else None
        if isinstance(value, float):
            value = int(value) if value == value and abs(value) < _LARGEST else None
        if isinstance(value, int) and abs(value) < _LARGEST:
            return value
    return None


def side(record: Mapping[str, Any], *names: str) -> int:
    """A length in px; 0 when it is not said."""
    return max(number(record, *names) or 0, 0)


def parent(record: Mapping[str, Any]) -> int | None:
    """Boards write 0, "" or null for none."""
    return number(record, "parent_id") or None


def md5(record: Mapping[str, Any], *names: str) -> str:
    found = text(record, *names).lower()
    return found if _MD5.fullmatch(found) else ""


def rating(record: Mapping[str, Any]) -> str:
    """Ours for theirs; what is not known counts as explicit, to be on the safe side."""
    return _RATINGS.get(text(record, "rating").lower(), "explicit")


def url(record: Mapping[str, Any], *names: str) -> str:
    """An address; those without a scheme get https."""
    found = text(record, *names)
    if found.startswith("//"):
        found = f"https:{found}"
    return found if found.startswith(("https://", "http://")) else ""


def words(value: object) -> tuple[str, ...]:
    """Tags of one string or list, HTML's escapes undone, each once."""
    parts: Iterable[object]
    if isinstance(value, str):
        parts = html.unescape(value).split()
    elif isinstance(value, list):
        parts = [html.unescape(one) for one in value if isinstance(one, str)]
    else:
        return ()
    clean = (str(part).strip() for part in parts)
    return tuple(dict.fromkeys(tag for tag in clean if tag and len(tag) <= 200))[:MAX_TAGS]


def extension(record: Mapping[str, Any], address: str) -> str:
    """Of the file, from the field that names it or from its address."""
    given = text(record, "file_ext", "ext").lower()
    if given:
        return given
    try:
        name = urlsplit(address).path.rpartition("/")[2]
    except ValueError:
        return ""
    return name.rpartition(".")[2].lower() if "." in name else ""


def why_not(
    ending: str, address: str, label: str, *, deleted: bool, login: bool, banned: bool = False
) -> str:
    """Why a post cannot be fetched; "" when it can. login: may an account help?"""
    if deleted:
        return "The post was deleted."
    if banned and not address:
        return f"{label} hides this file, as the artist asked."
    if ending in VIDEOS:
        return f"It is a video or an archive (.{ending}), and only pictures are taken."
    if not address:
        return (
            f"{label} shows this file only to those who are logged in. Add your account."
            if login
            else f"{label} does not give this file."
        )
    if ending and ending not in PICTURES:
        return f"It is a .{ending[:10]} file, and only pictures are taken."
    return ""
