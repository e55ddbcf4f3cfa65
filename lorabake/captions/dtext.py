"""Danbooru's mark-up (DText) as plain paragraphs.

Only what carries meaning for a reader is kept: the words of links, headings, list items. Each step
is one pass over at most `MAX_TEXT` characters, with patterns that cannot go back far.
Its elements: https://danbooru.donmai.us/wiki_pages/help:dtext.
"""

from __future__ import annotations

import re
from typing import Final

from lorabake.core.tags import caption_form, tag_key

MAX_TEXT: Final = 64 * 1024  # characters
MAX_LINKS: Final = 40

_WIKI_LINK: Final = re.compile(r"\[\[([^\[\]|\n]{1,200})(?:\|([^\[\]\n]{0,200}))?\]\](s?)")
_SEARCH_LINK: Final = re.compile(r"\{\{([^{}|\n]{1,200})(?:\|([^{}\n]{0,200}))?\}\}")
_NAMED_LINK: Final = re.compile(r'"([^"\n]{1,300})":(?:\[[^\]\n]{1,500}\]|[/#h][^\s"]{1,500})')
_POSTS: Final = re.compile(r"^[ \t]*(?:\*[ \t]*)?!(?:post|asset) #\d{1,12}\b.*$", re.MULTILINE)
_HEADING: Final = re.compile(r"^h[1-6](?:#[\w-]{1,60})?\.[ \t]*", re.MULTILINE)
_ITEM: Final = re.compile(r"^[ \t]*(\*{1,6})[ \t]+", re.MULTILINE)
_MARK: Final = re.compile(
    r"\[/?(?:b|i|u|s|tn|quote|spoilers?|code|nodtext|table|thead|tbody|th|td|tr|hr|br|expand)"
    r"(?:=[^\]\n]{0,100})?\]",
    re.IGNORECASE,
)
_TAGGED: Final = re.compile(r"</?(?:b|i|u|s|em|strong|tn|quote|spoiler|code|table|tr|td|th|br)/?>")
_MANY_BREAKS: Final = re.compile(r"\n{3,}")


def plain(dtext: str) -> str:
    """Paragraphs with an empty line between them; items of lists begin with "• "."""
    text = dtext[:MAX_TEXT].replace("\r\n", "\n").replace("\r", "\n")
    text = _POSTS.sub("", text)
    text = _NAMED_LINK.sub(lambda found: found[1], text)
    text = _WIKI_LINK.sub(lambda found: _label(found) + found[3], text)
    text = _SEARCH_LINK.sub(_label, text)
    text = _MARK.sub(" ", text)
    text = _TAGGED.sub(" ", text)
    text = _HEADING.sub("", text)
    text = _ITEM.sub(lambda found: "  " * (len(found[1]) - 1) + "• ", text)
    return _MANY_BREAKS.sub("\n\n", "\n".join(map(_tidy, text.split("\n")))).strip()


def linked_tags(dtext: str) -> tuple[str, ...]:
    """Tags that a page speaks of, in caption form, each once; pages of other kinds left out."""
    found: dict[str, None] = {}
    for match in _WIKI_LINK.finditer(dtext[:MAX_TEXT]):
        name = match[1].partition("#")[0].strip()
        key = tag_key(name)
        if key and ":" not in key.partition("_(")[0] and not key.startswith("list_of_"):
            found[caption_form(key)] = None
        if len(found) == MAX_LINKS:
            break
    return tuple(found)


def _tidy(line: str) -> str:
    """One blank between words; in front of a line only where it is an item of a list."""
    indent = line[: len(line) - len(line.lstrip())] if line.lstrip().startswith("•") else ""
    return indent + " ".join(line.split())


def _label(found: re.Match[str]) -> str:
    """What a link shows: its own words, else the name without what stands in brackets at its end."""
    if found[2]:
        return found[2]
    name = found[1].partition("#")[0] or found[1]
    if found[2] == "":  # `[[kafka (arknights)|]]` shows "kafka"
        name = re.sub(r"[ _]\([^()]*\)$", "", name)
    return name.replace("_", " ")
