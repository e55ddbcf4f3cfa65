"""The page in other languages: one file each, `CODE.json`, of {"English with {0}": "the same"} in two
parts: what only the scripts say, and the sentences that may come from Python.

English is written where it is said, in the page's scripts (t`…`) and in Python. The page's script
`language.js` puts the other language's words in their place; a sentence that comes from Python, or from a
file that Python wrote, is found by its shape. `python -m tools.texts` tells which texts there are.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from lorabake.core.errors import LorabakeError


@dataclass(frozen=True)
class Language:
    """code: of its file and its address. name: in its own words. tag: for screen readers and fonts."""

    code: str
    name: str
    tag: str


LANGUAGES = (Language("ja", "日本語", "ja"), Language("zh", "简体中文", "zh-Hans"))


@cache
def content(code: str) -> bytes:
    """A language's file as it is sent; LorabakeError for one that there is not."""
    if code not in {language.code for language in LANGUAGES}:
        raise LorabakeError("The page does not speak this language.")
    return files(__package__).joinpath(f"{code}.json").read_bytes()


@cache
def words(code: str) -> Mapping[str, str]:
    """English text to the language's."""
    parts: Mapping[str, Mapping[str, str]] = json.loads(content(code))
    return {key: text for part in parts.values() for key, text in part.items()}


def offered() -> dict[str, dict[str, str]]:
    """What the page's script needs to know: names and addresses, which change with the content."""
    return {
        language.code: {
            "name": language.name,
            "tag": language.tag,
            "url": f"/lorabake/language/{language.code}-{_version(language.code)}.json",
        }
        for language in LANGUAGES
    }


def asked_for(header: str) -> str:
    """The code of the first language in an Accept-Language header that there is; "" for English."""
    for wish in header[:1000].split(","):
        code = wish.split(";")[0].strip().lower().split("-")[0]
        if code == "en" or any(code == language.code for language in LANGUAGES):
            return "" if code == "en" else code
    return ""


def say(text: str, code: str) -> str:
    """A whole text in a language; as it is when the language does not know it, or for ""."""
    return words(code).get(text, text) if code else text


def tag_of(code: str) -> str:
    """What HTML calls the language."""
    return next((language.tag for language in LANGUAGES if language.code == code), "en")


def _version(code: str) -> str:
    return hashlib.sha256(content(code)).hexdigest()[:12]
