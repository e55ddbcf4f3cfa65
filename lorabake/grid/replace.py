"""Prompt S/R: search and replace, all needles at once and on the prompt as it was written.

X/Y/Z plot replaces for one axis after the other, so that what X puts in can be found by Y. Here
every needle is looked for in the original alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence


def replaced(text: str, changes: Mapping[str, str]) -> str:
    """The text with every needle replaced, wherever it stands; of two that overlap, the longer.

    changes: needle to what takes its place. An empty needle is found nowhere.
    """
    needles = sorted(filter(None, changes), key=len, reverse=True)
    if not needles:
        return text
    pattern = re.compile("|".join(map(re.escape, needles)))
    return pattern.sub(lambda match: changes[match[0]], text)


def concerns(prompt: str, negative: str, needles: Sequence[str]) -> list[str]:
    """What a person should know before these needles are used, a sentence each.

    Missing ones, those that hit more than once, and those that stand inside another.
    """
    told = []
    for index, needle in enumerate(needles):
        if not needle:
            told.append("Prompt S/R has an empty first value, which is found nowhere.")
            continue
        hits = prompt.count(needle) + negative.count(needle)
        if not hits:
            told.append(
                f"Prompt S/R did not find {needle!r} in the prompt or the negative prompt, "
                "so its pictures are all the same."
            )
        if hits > 1:
            told.append(f"Prompt S/R finds {needle!r} {hits} times and replaces all of them.")
        told += [
            f"{needle!r} stands inside {other!r}; where both fit, {other!r} is replaced."
            for place, other in enumerate(needles)
            if place != index and needle != other and needle in other
        ]
        if needle in needles[:index]:
            told.append(f"Two axes search for {needle!r}; only the first of them counts.")
    return told
