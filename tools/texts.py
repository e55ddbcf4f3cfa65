"""Which texts the page can show, and whether its languages know them.

    python -m tools.texts              what is missing or no longer needed, by language
    python -m tools.texts --tidy       take out what is no longer needed, and sort

A text is a key as `lorabake/ui/parts/language.js` forms it: what is filled in becomes {0}, {1} …
The scripts mark theirs (t`…`, plural(…)); of Python's every sentence counts that is not a docstring, a log
line, an assertion, SQL or the text of the command line.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PARTS = ROOT / "lorabake" / "ui" / "parts"
LANGUAGES = ROOT / "lorabake" / "ui" / "language"
WITHOUT = ("cli", "practice")  # packages whose sentences never reach the page


def texts() -> set[str]:
    """Every key."""
    return sentences() | set(script_texts())


def sentences() -> set[str]:
    """Those that may come from Python, which the page finds by their shape."""
    return {*python_texts(), *preset_texts(), *SHORT}


# --- the scripts ------------------------------------------------------------------------------------


def script_texts() -> Iterator[str]:
    for path in sorted(PARTS.glob("*.js")):
        if path.name != "language.js":
            yield from of_script(path.read_text(encoding="utf-8"))


def of_script(source: str) -> Iterator[str]:
    """The keys of one script: of its t`…`, also one in another's ${…}, and of its plural(…)."""
    for found in re.finditer(r"(?<![\w$.])t`", source):
        yield _template(source, found.end())
    for found in re.finditer(r"(?<![\w$.])plural\(", source):
        words = [_string(argument) for argument in _arguments(source, found.end())[1:]]
        known = [word for word in words if word is not None]
        if known and len(known) == len(words):
            yield from _plural(*known)


def _template(source: str, at: int) -> str:
    key, count = "", 0
    while source[at] != "`":
        if source[at] == "\\":
            key += {"n": "\n"}.get(source[at + 1], source[at + 1])
            at += 2
        elif source.startswith("${", at):
            key += f"{{{count}}}"
            count += 1
            at = _after(source, at + 2, "}") + 1
        else:
            key += source[at]
            at += 1
    return key.strip()


def _arguments(source: str, at: int) -> list[str]:
    found, begin = [], at
    while True:
        at = _after(source, at, ",)")
        found.append(source[begin:at].strip())
        if source[at] == ")":
            return found
        begin = at = at + 1


def _after(source: str, at: int, ends: str) -> int:
    """Where the expression at `at` ends: at one of `ends`, outside of brackets, strings, templates."""
    while source[at] not in ends:
        if source[at] in "([{":
            at = _after(source, at + 1, {"(": ")", "[": "]", "{": "}"}[source[at]]) + 1
        elif source[at] in "\"'":
            quote, at = source[at], at + 1
            while source[at] != quote:
                at += 2 if source[at] == "\\" else 1
            at += 1
        elif source[at] == "`":
            at += 1
            while source[at] != "`":
                if source.startswith("${", at):
                    at = _after(source, at + 2, "}")
                at += 2 if source[at] == "\\" else 1
            at += 1
        else:
            at += 1
    return at


def _string(argument: str) -> str | None:
    found = re.fullmatch(r'"([^"]*)"', argument)
    return found[1] if found else None


def _plural(one: str, many: str = "") -> tuple[str, str]:
    return f"1 {one}", f"{{0}} {many or one + 's'}"


def preset_texts() -> Iterator[str]:
    """What the presets and overlays are called, and what is said of them."""
    for path in sorted((ROOT / "presets").glob("*.toml")):
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        yield from (table[name] for name in ("title", "description") if name in table)


# --- Python -----------------------------------------------------------------------------------------

INTERNAL: tuple[str, ...] = (
    "AssertionError",
    "KeyError",
    "TypeError",
    "ValueError",
    "RuntimeError",
    "SystemExit",
)
INTERNAL += ("NotImplementedError", "IndexError", "AttributeError", "OSError", "StopIteration")
CODE_CALLS: tuple[str, ...] = (
    "debug",
    "info",
    "warning",
    "exception",
    "compile",
    "execute",
    "executemany",
)
CODE_CALLS += ("executescript", "add_argument", "add_parser", "getLogger", "TypeVar", "strptime")


def python_texts() -> Iterator[str]:
    for path in sorted((ROOT / "lorabake").rglob("*.py")):
        if path.relative_to(ROOT / "lorabake").parts[0] not in WITHOUT:
            yield from of_python(path.read_text(encoding="utf-8"))


def of_python(source: str) -> Iterator[str]:
    """The keys of one module."""
    tree = ast.parse(source)
    yield from (key for key in map(_key, _strings(tree)) if key and is_text(key))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _called(node) == "plural":
            words = [str(a.value) for a in node.args[1:] if isinstance(a, ast.Constant)]
            if words and len(words) == len(node.args) - 1:
                yield from _plural(*words)


def _strings(node: ast.AST) -> Iterator[ast.Constant | ast.JoinedStr]:
    """Strings of the code, without docstrings and what only programmers read."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node
        return
    if isinstance(node, ast.JoinedStr):
        yield node
        for value in node.values:
            if isinstance(value, ast.FormattedValue):
                yield from _strings(value.value)
        return
    if isinstance(node, ast.Assert) or (isinstance(node, ast.Expr) and _is_text(node.value)):
        return
    if isinstance(node, ast.Raise) and _called(node.exc) in INTERNAL:
        return
    if isinstance(node, ast.Call) and _called(node) in CODE_CALLS:
        return
    if isinstance(node, ast.AnnAssign):
        children: list[ast.AST] = [node.value] if node.value else []
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        children = [*node.decorator_list, *node.args.defaults, *node.args.kw_defaults, *node.body]  # type: ignore[list-item]
    elif isinstance(node, ast.Dict):
        children = [*node.values]
    elif isinstance(node, ast.Subscript):
        children = [node.value]
    elif isinstance(node, ast.Compare):
        children = []
    else:
        children = list(ast.iter_child_nodes(node))
    for child in children:
        if child is not None:
            yield from _strings(child)


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _called(node: ast.AST | None) -> str:
    function = getattr(node, "func", None)
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _key(node: ast.Constant | ast.JoinedStr) -> str:
    if isinstance(node, ast.Constant):  # one for str.format has names to be filled in
        count = iter(range(99))
        return re.sub(r"\{\w+\}", lambda _: f"{{{next(count)}}}", str(node.value)).strip()
    places = iter(range(99))
    return "".join(
        str(value.value) if isinstance(value, ast.Constant) else f"{{{next(places)}}}"
        for value in node.values
    ).strip()


# Words too short to be told from code; those of the scripts count by themselves.
SHORT = frozenset((LANGUAGES / "short.txt").read_text(encoding="utf-8").splitlines())


def is_text(key: str) -> bool:
    """Whether people are meant to read it: two words or more, or one that begins as a title does."""
    fixed = " ".join(re.sub(r"`[^`]*`|\{\d+\}", " ", key).split())
    words = re.findall(r"[A-Za-z][A-Za-z'’-]+", fixed)
    if len(words) >= 4 and not re.search(r"</|\bSELECT\b|\bFROM\b|\bWHERE\b|ROWID|\(\?|;$", fixed):
        return bool(re.search(r"[a-z]{2,}[,;:]? [a-z]{2,}|^[A-Z].*[a-z].*\.$", fixed))
    if not words or re.search(
        r"[<>{}\\_]|==|://|^[-./@#%&*]|\bSELECT\b|\bFROM\b|\bWHERE\b|ROWID|\dpx|\(\?|^\)", fixed
    ):
        return False
    if len(words) == 1:
        return bool(re.fullmatch(r"[A-Z][a-z-]{2,}[.…:]?", fixed.strip()))
    return bool(re.search(r"[a-z]{2,}[,;:]? [a-z(“\d]|[A-Za-z] [a-z]{2,}", fixed))


# --- the languages ----------------------------------------------------------------------------------


def known(code: str) -> dict[str, str]:
    """A language's file, both of its parts together."""
    parts: dict[str, dict[str, str]] = json.loads((LANGUAGES / f"{code}.json").read_text("utf-8"))
    return {key: text for part in parts.values() for key, text in part.items()}


def codes() -> list[str]:
    return sorted(path.stem for path in LANGUAGES.glob("*.json"))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tidy", action="store_true", help="take out what is not needed, and sort")
    tidy = parser.parse_args().tidy
    wanted = texts()
    print(f"{len(wanted)} texts")
    for code in codes():
        words = known(code)
        missing, left = sorted(wanted - words.keys()), sorted(words.keys() - wanted)
        print(f"{code}: {len(missing)} missing, {len(left)} no longer needed")
        for key in missing:
            print(f"  missing  {json.dumps(key, ensure_ascii=False)}")
        for key in left:
            print(f"  left     {json.dumps(key, ensure_ascii=False)}")
        if tidy:
            write(code, {key: words[key] for key in sorted(words.keys() & wanted)})


def write(code: str, words: dict[str, str]) -> None:
    """Sort it into what only the scripts say, and what Python may say as well."""
    shared = sentences()
    parts = {
        "scripts": {key: words[key] for key in sorted(words.keys() - shared)},
        "sentences": {key: words[key] for key in sorted(words.keys() & shared)},
    }
    text = json.dumps(parts, ensure_ascii=False, indent=0)
    (LANGUAGES / f"{code}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
