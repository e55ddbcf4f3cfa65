"""Figures of the docs that are written by programs: between marks, so that the words around them stay."""

from __future__ import annotations

from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"


def write_between(doc: str, name: str, text: str) -> None:
    """Put the text between `<!-- NAME -->` and `<!-- /NAME -->` of a page of docs/."""
    path = DOCS / doc
    whole = path.read_text(encoding="utf-8")
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    assert whole.count(begin) == whole.count(end) == 1, f"docs/{doc} has no place for {name}"
    before, _, rest = whole.partition(begin)
    after = rest.partition(end)[2]
    path.write_text(f"{before}{begin}{text.strip()}\n{end}{after}", encoding="utf-8")
