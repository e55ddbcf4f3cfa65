"""How a generated picture was made: the prompt that A1111, ComfyUI or NovelAI left in its file."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lorabake.collect.metadata import read_texts
from lorabake.core.tags import tag_key

MAX_PROMPT = 20_000  # characters
_MAX_NODES = 5000
_MAX_STEPS = 60  # from the sampler of a graph back to its text
_PAIR = re.compile(r'\s*([\w][\w \-/]{0,60}):\s*("(?:\\.|[^\\"])*"|[^,]*)(?:,|$)')
_NETWORK = re.compile(r"<(?:lora|lyco|hypernet|embedding)[^<>]*>", re.I)
# Where it could begin at each of many digits, it would read the rest of them each time.
_NAI_WEIGHT = re.compile(r"(?<![\d.])-?\d{1,8}(?:\.\d{1,8})?::(.*?)::", re.S)
_EDIT = re.compile(r"\[([^\[\]:|]*):([^\[\]:|]*):[\d.\s]+\]")
_WEIGHT = re.compile(r":\s*-?\d+(?:\.\d+)?\s*(?=[)\]}])")
# They ask a model for its best, and say nothing of a picture. Illustrious, NoobAI, Pony, Animagine.
_QUALITY = re.compile(
    r"(best|amazing|great|good|high|normal)[ _]quality|masterpiece|(very[ _])?aesthetic"
    r"|absurdres|highres|score_\d(_up)?"
)
_WORDS = re.compile(r"\b(?:BREAK|AND|ADDCOMM|ADDROW|ADDCOL|ADDBASE)\b")
_TEXTS = ("text", "text_g", "text_l", "prompt", "string", "value", "positive", "populated_text")
_ON_THE_WAY = ("positive", "conditioning", "conditioning_1", "guider", "cond", "base_positive")


@dataclass(frozen=True)
class Infotext:
    """What a generated picture's file says. tool: "A1111", "ComfyUI" or "NovelAI".

    settings: such as Steps and Seed; text: all of it, shortened.
    """

    tool: str
    prompt: str
    negative: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    text: str = ""

    @property
    def caption(self) -> str:
        """The prompt as a first caption: tags with commas, without weights, networks and quality words."""
        return without_quality_words(caption_of_prompt(self.prompt))


def read_infotext(path: Path) -> Infotext | None:
    """How this picture was generated; None when its file does not say so, whatever it holds."""
    texts = read_texts(path)
    for read in (_a1111, _novelai, _comfyui):
        found = read(texts)
        if found is not None and (found.prompt or found.settings):
            return found
    return None


def caption_of_prompt(prompt: str) -> str:
    """`(long hair:1.2), <lora:x:1>, {{smile}}` → `long hair, smile`; doubles are left out."""
    text = _NETWORK.sub(",", prompt[:MAX_PROMPT])
    text = _NAI_WEIGHT.sub(r"\1", text)
    text = _EDIT.sub(lambda found: found[2].strip() or found[1], text)
    text = _WORDS.sub(",", text).replace("\\(", "\x01").replace("\\)", "\x02")
    text = _WEIGHT.sub("", text.replace("\n", ","))
    text = _unbracketed(text).replace("|", ",").replace("\x01", "(").replace("\x02", ")")
    kept: dict[str, str] = {}
    for part in text.split(","):
        tag = " ".join(part.split())
        if tag:
            kept.setdefault(tag_key(tag), tag)
    return ", ".join(kept.values())


def without_quality_words(caption: str) -> str:
    """`masterpiece, best quality, kafka` → `kafka`"""
    tags = [tag.strip() for tag in caption.split(",")]
    return ", ".join(tag for tag in tags if tag and not _QUALITY.fullmatch(tag.lower()))


def _unbracketed(text: str) -> str:
    return re.sub(r"[()\[\]{}]", "", text)


# --- the three ways of writing it ------------------------------------------------------------------


def _a1111(texts: Mapping[str, str]) -> Infotext | None:
    """`parameters` in PNG, UserComment in the others: prompt, Negative prompt, a line of pairs."""
    text = texts.get("parameters") or texts.get("UserComment") or ""
    if not text or text.lstrip().startswith("{"):
        return None
    lines = text.strip().split("\n")
    pairs = _pairs(lines[-1])
    if len(pairs) >= 3:
        lines = lines[:-1]
    elif "parameters" not in texts and "Negative prompt:" not in text:
        return None  # any comment
    else:
        pairs = {}
    positive, _, negative = "\n".join(lines).partition("Negative prompt:")
    return Infotext(
        "A1111",
        positive.strip()[:MAX_PROMPT],
        negative.strip()[:MAX_PROMPT],
        pairs,
        text.strip()[:MAX_PROMPT],
    )


def _pairs(line: str) -> dict[str, str]:
    """`Steps: 20, Sampler: Euler a` as pairs; a value with a comma is written as a JSON string."""
    return {
        match[1].strip(): match[2].strip().strip('"') for match in _PAIR.finditer(line[:MAX_PROMPT])
    }


def _novelai(texts: Mapping[str, str]) -> Infotext | None:
    """`Comment` holds JSON, `Description` the prompt."""
    if "NovelAI" not in texts.get("Software", "") and "uc" not in texts.get("Comment", ""):
        return None
    record = _json(texts.get("Comment", ""))
    if record is None and "Description" not in texts:
        return None
    known = record or {}
    prompt = texts.get("Description") or known.get("prompt")
    settings = {
        name: str(known[name])
        for name in ("steps", "scale", "seed", "sampler", "width", "height")
        if isinstance(known.get(name), int | float | str)
    }
    return Infotext(
        "NovelAI",
        _prompt_of_v4(known) or (prompt if isinstance(prompt, str) else "")[:MAX_PROMPT],
        str(known.get("uc") or "")[:MAX_PROMPT],
        settings,
        (texts.get("Comment") or texts.get("Description") or "")[:MAX_PROMPT],
    )


def _prompt_of_v4(record: Mapping[str, Any]) -> str:
    """Its newer models keep a prompt for the whole and one for each character."""
    try:
        caption = record["v4_prompt"]["caption"]
        parts = [caption["base_caption"], *(c["char_caption"] for c in caption["char_captions"])]
        return ", ".join(str(part) for part in parts if part)[:MAX_PROMPT]
    except (KeyError, TypeError):
        return ""


def _comfyui(texts: Mapping[str, str]) -> Infotext | None:
    """`prompt` is a graph; the text is found by going back from a sampler's "positive"."""
    text = texts.get("prompt") or ""
    for name in ("Model", "Make", "ImageDescription", "UserComment"):  # in WebP and JPEG
        if not text and texts.get(name, "").lower().startswith("prompt:"):
            text = texts[name][7:]
    graph = _json(text)
    if graph is None or not 0 < len(graph) <= _MAX_NODES:
        return None
    nodes = {str(key): node for key, node in graph.items() if _is_node(node)}
    if not nodes:
        return None
    positive, negative = "", ""
    for node in nodes.values():
        inputs = node["inputs"]
        if "positive" in inputs or "guider" in inputs:
            start = inputs.get("positive", inputs.get("guider"))
            positive = positive or _text_behind(nodes, start, set())
            negative = negative or _text_behind(nodes, inputs.get("negative"), set())
    if not positive:
        longest = [_text_in(node) for node in nodes.values() if "CLIPTextEncode" in _kind(node)]
        positive = max(longest, key=len, default="")
    return Infotext("ComfyUI", positive[:MAX_PROMPT], negative[:MAX_PROMPT], {}, text[:MAX_PROMPT])


def _text_behind(nodes: Mapping[str, Any], link: object, seen: set[str]) -> str:
    """The text that flows into an input, through whatever nodes; "" when there is none."""
    if isinstance(link, str):
        return link
    if not (isinstance(link, list) and link) or len(seen) > _MAX_STEPS:
        return ""
    key = str(link[0])
    if key in seen or key not in nodes:
        return ""
    seen.add(key)
    inputs = nodes[key]["inputs"]
    found = [_text_behind(nodes, inputs[name], seen) for name in _TEXTS if name in inputs]
    text = ", ".join(dict.fromkeys(part for part in found if part))
    if text:
        return text
    for name in _ON_THE_WAY:
        if isinstance(inputs.get(name), list):
            text = _text_behind(nodes, inputs[name], seen)
            if text:
                return text
    for value in inputs.values():  # a node that nobody knows: text through it, not numbers
        if isinstance(value, list) and (text := _text_behind(nodes, value, seen)):
            return text
    return ""


def _text_in(node: Mapping[str, Any]) -> str:
    found = [node["inputs"].get(name) for name in _TEXTS]
    return ", ".join(part for part in found if isinstance(part, str))


def _kind(node: Mapping[str, Any]) -> str:
    return str(node.get("class_type", ""))


def _is_node(node: object) -> bool:
    return isinstance(node, dict) and isinstance(node.get("inputs"), dict)


def _json(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
