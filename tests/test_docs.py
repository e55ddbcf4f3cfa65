"""The documents say what is true: the map, the presets, the verbs, the links."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.main import get_command

from lorabake.cli import app
from lorabake.engine.optimizers import OPTIMIZERS
from lorabake.engine.schedules import SCHEDULES
from lorabake.recipe.presets import preset_names

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def map_rows() -> list[list[str]]:
    """Cells of the table under "The map", without the ticks around code."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = text.split("## The map")[1].split("\n## ")[0]
    rows = [line.strip("| ").split("|") for line in table.splitlines() if line.startswith("|")]
    return [[cell.strip(" `") for cell in row] for row in rows[2:]]


def test_every_place_on_the_map_is_there() -> None:
    for _, _, package, panel, tests in map_rows():
        for place in (package, panel, tests):
            assert place == "–" or (ROOT / place).exists(), place


def test_every_panel_is_on_the_map_under_its_title() -> None:
    from lorabake.ui.shell import SECTIONS

    mapped = {panel: title for _, title, _, panel, _ in map_rows() if panel != "–"}
    shown = {
        f"lorabake/ui/{section.__name__.rsplit('.', 1)[-1]}.py": section.TITLE
        for section in SECTIONS
    }
    assert mapped == shown


def test_every_package_is_on_the_map() -> None:
    packages = {
        f"lorabake/{path.parent.name}" for path in (ROOT / "lorabake").glob("*/__init__.py")
    }
    assert packages - {"lorabake/ui", "lorabake/cli"} == {
        package for _, _, package, _, _ in map_rows()
    }


def test_every_verb_stands_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for verb in get_command(app).commands:  # type: ignore[attr-defined]
        assert f"| `{verb}" in readme, verb


def test_every_accordion_has_its_chapter_in_the_readme() -> None:
    from lorabake.ui.shell import SECTIONS

    chapters = re.findall(r"^### (.+)$", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
    assert chapters == [section.TITLE for section in SECTIONS]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)\)", text):
        assert target.startswith("https://") or (document.parent / target).exists(), target


def test_names_of_presets_and_registries_are_written_where_people_look() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(name in readme or name == "nai15" for name in preset_names())
    for registry in (OPTIMIZERS, SCHEDULES):
        for entry in registry:
            assert entry.help.endswith("."), f"{entry.name} needs a sentence of help"


def test_decisions_are_numbered_without_gaps() -> None:
    numbers = [int(path.name[:4]) for path in sorted((ROOT / "docs" / "decisions").glob("*.md"))]
    assert numbers == list(range(1, len(numbers) + 1))
