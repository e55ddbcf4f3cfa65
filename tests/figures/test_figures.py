"""The marks of the docs, and what is written between them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import figures
from tests.figures.__main__ import name_table, probe_table, role_table, visitor_table

MARKS = {
    "security.md": ("roles", "probes", "fuzz", "guided"),
    "reliability.md": ("fuzz", "names", "visitors"),
}


@pytest.mark.parametrize("doc", MARKS)
def test_every_figure_has_its_place(doc: str) -> None:
    text = (figures.DOCS / doc).read_text(encoding="utf-8")
    for name in MARKS[doc]:
        assert text.count(f"<!-- {name} -->\n") == text.count(f"<!-- /{name} -->") == 1
        assert text.index(f"<!-- {name} -->") < text.index(f"<!-- /{name} -->")


def test_only_what_is_between_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "DOCS", tmp_path)
    page = tmp_path / "a.md"
    page.write_text("Words.\n\n<!-- x -->\nold\n<!-- /x -->\n\nMore words.\n", encoding="utf-8")
    for text in ("new", "newer"):
        figures.write_between("a.md", "x", f"{text}\n")
    wanted = "Words.\n\n<!-- x -->\nnewer\n<!-- /x -->\n\nMore words.\n"
    assert page.read_text(encoding="utf-8") == wanted
    with pytest.raises(AssertionError, match="no place for y"):
        figures.write_between("a.md", "y", "z")


def test_tables_show_what_differs() -> None:
    """A right that lets half of its functions through must not look like one that lets all."""
    asked = {"look functions": {"owner": {"done": 2}, "viewer": {"done": 1, "refused": 1}}}
    row = role_table(asked).splitlines()[-1]
    assert (
        row
        == "| look | 2 functions | done | not tried | 1 done, 1 refused | not tried | not tried |"
    )
    assert probe_table({"here": {"refused": 3}}).endswith("| here | 3 | 0 |")
    assert name_table({"files": 1200}).endswith("| files | 1,200 |")
    assert visitor_table({"page, s": [1.25, 3], "bakes": 5}).splitlines()[-2:] == [
        "| page, s | 1.2 | 3 |",
        "| bakes | 5 |  |",
    ]
