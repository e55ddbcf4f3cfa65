"""Reading the text in pictures by the rules that web UIs follow, for tests."""

from __future__ import annotations

import json
import re

_PAIR = re.compile(r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')


def read_infotext(text: str) -> dict[str, str]:
    """Prompt, negative prompt, and the pairs of the last line when there are at least three."""
    *lines, last = text.strip().split("\n")
    pairs = _PAIR.findall(last)
    if len(pairs) < 3:
        lines.append(last)
        pairs = []
    prompt: list[str] = []
    negative: list[str] = []
    into = prompt
    for line in lines:
        line = line.strip()
        if line.startswith("Negative prompt:"):
            into = negative
            line = line.removeprefix("Negative prompt:").strip()
        into.append(line)
    found = {"Prompt": "\n".join(prompt), "Negative prompt": "\n".join(negative)}
    for key, value in pairs:
        found[key] = json.loads(value) if value.startswith('"') else value
    return found
