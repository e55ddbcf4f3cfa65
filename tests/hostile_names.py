"""Names and paths that lead elsewhere, or that some system cannot have: more than two thousand."""

from __future__ import annotations

import random
from functools import cache
from itertools import product

TARGETS = ("secret.txt", "outside/secret.txt", "etc/passwd", "a.png", "2_kafka/a.png", "")
CLIMBS = ("..", ".", "...", "....", ". .", ".. ", "..;", "%2e%2e", "%252e%252e", "..%00", "..\0")
CLIMBS += ("\u2024\u2024", "．．", "‥", ".\u200b.", "\u202e..", "..\u0338")
SEPARATORS = (
    "/",
    "\\",
    "//",
    "\\\\",
    "/./",
    "%2f",
    "%5c",
    "%c0%af",
    "\u2215",
    "\u2044",
    "／",
    "＼",
    ":",
)
ROOTS = (
    "/",
    "\\",
    "C:\\",
    "C:",
    "c:/",
    "\\\\server\\share\\",
    "\\\\?\\C:\\",
    "\\\\.\\pipe\\",
    "file:///",
)
ROOTS += (
    "//server/share/",
    "~/",
    "~root/",
    "~nobody-at-all/",
    "$HOME/",
    "${HOME}/",
    "%USERPROFILE%\\",
)
ROOTS += ("/proc/self/root/", "/dev/fd/0/", "http://127.0.0.1:9/", "hf:../../", "data:text/html,")
DEVICES = (
    "CON",
    "PRN",
    "AUX",
    "NUL",
    "CONIN$",
    "CONOUT$",
    "COM1",
    "COM9",
    "COM¹",
    "LPT1",
    "LPT³",
    "nul",
)
ENDINGS = (
    "",
    ".",
    " ",
    ".png",
    ".txt",
    ". .",
    "::$DATA",
    ":stream",
    ".png.",
    " .png",
    "\0.png",
    "\n",
)
FORMS = (
    "e\u0301",
    "é",
    "ﬁ",
    "Å",
    "\u212b",
    "İ",
    "ı",
    "ß",
    "ẞ",
    "ſ",
    "Ω",
    "\u2126",
    "カ\u3099",
    "ガ",
    "가",
)
SIGNS = (
    "\0",
    "\n",
    "\r",
    "\t",
    "\x1b",
    "\x7f",
    "\u202e",
    "\u2066",
    "\u200b",
    "\ufeff",
    "\u2028",
    "\ud800",
)
WORDS = (
    "",
    " ",
    ".",
    "..",
    "-",
    "--",
    "-rf",
    "--help",
    "*",
    "?",
    "a*",
    "[a]",
    "a|b",
    "a;b",
    "$(id)",
    "`id`",
)
WORDS += (
    "'",
    '"',
    "<b>",
    "&",
    "#",
    "%s",
    "%n",
    "{0}",
    "{{x}}",
    "${x}",
    "null",
    "undefined",
    "NaN",
    "0",
    "-1",
)
WORDS += (
    ".git",
    ".lorabake",
    ".trash",
    ".cache",
    ".marks",
    ".queue",
    "__proto__",
    "constructor",
    "\u3000",
)
LONG = (
    "a" * 100,
    "a" * 101,
    "a" * 255,
    "a" * 4096,
    "a" * 70_000,
    "語" * 90,
    "🦋" * 200,
    "../" * 1500,
    "a/" * 3000,
)


@cache
def hostile_names() -> tuple[str, ...]:
    """The same each time, in an order in which any stretch holds some of every kind."""
    made = [*WORDS, *LONG, *SIGNS, *FORMS]
    made += [f"{(climb + sign) * depth}{target}" for climb, sign, depth, target in product(CLIMBS, SEPARATORS, (1, 3, 8), TARGETS[:4])]  # fmt: skip
    made += [root + target for root, target in product(ROOTS, TARGETS)]
    made += [device + ending for device, ending in product(DEVICES, ENDINGS)]
    made += [
        f"kafka{sign}{rest}" for sign, rest in product((*SIGNS, *FORMS, *SEPARATORS), ("", "a.png"))
    ]
    names = list(dict.fromkeys(made))
    random.Random(7).shuffle(names)
    return tuple(names)
