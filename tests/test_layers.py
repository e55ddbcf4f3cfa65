"""Which module may import what (the directions themselves are import-linter's, in pyproject.toml)."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# Library -> where it may be imported, also inside functions. A folder allows what is in it.
ONLY_HERE = {
    "gradio": ("app.py", "lorabake/ui"),
    "gradio_client": ("app.py", "lorabake/ui"),
    "pandas": ("app.py", "lorabake/ui"),
    "requests": ("lorabake/core/http.py",),
    "urllib.request": ("lorabake/core/http.py",),
    "httpx": ("lorabake/core/http.py",),
    "sqlite3": (
        "lorabake/core/database.py",
        "lorabake/core/index.py",
        "lorabake/core/journal.py",
    ),
    "subprocess": ("lorabake/core/jobs.py", "lorabake/core/process.py", "lorabake/core/decoder.py"),
    "multiprocessing": ("lorabake/core",),
    "onnxruntime": ("lorabake/tag/taggers",),
    **dict.fromkeys(
        ("torch", "torchvision", "diffusers", "transformers", "peft", "bitsandbytes", "spandrel"),
        (
            "lorabake/engine",
            "lorabake/enhance",
            "lorabake/train",
            "lorabake/grid",
            "lorabake/practice",
        ),
    ),
}
# Imported by the page, the command line or a form: must load within a moment.
LIGHT_PACKAGES = (
    *("cli", "core", "recipe", "train", "grid", "practice"),
    *("collect", "duplicates", "curate", "enhance", "tag", "captions", "concepts"),
    *("engine.families", "engine.networks", "engine.optimizers", "engine.schedules"),
)
HEAVY = ("torch", "diffusers", "transformers", "peft", "bitsandbytes", "onnxruntime")


def sources() -> list[Path]:
    files = [*(ROOT / "lorabake").rglob("*.py"), ROOT / "app.py"]
    return [path for path in files if path.exists()]


def place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def imports(path: Path) -> frozenset[str]:
    """Every module named in an import statement of the file, with the names taken from it."""
    return frozenset(_imports(path))


def _imports(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    package = ".".join(path.relative_to(ROOT).with_suffix("").parts[:-1])
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            start = [*above, node.module] if node.level and node.module else above
            module = ".".join(start) if node.level else node.module or ""
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def is_within(module: str, library: str) -> bool:
    return module == library or module.startswith(f"{library}.")


@pytest.mark.parametrize("library", ONLY_HERE)
def test_library_stays_in_its_place(library):
    """What is replaced one day, or guarded, is imported in one place."""
    allowed = ONLY_HERE[library]
    strays = {
        place(path)
        for path in sources()
        if not any(place(path) == here or place(path).startswith(f"{here}/") for here in allowed)
        if any(is_within(module, library) for module in imports(path))
    }
    assert not strays, f"{library} belongs in {' or '.join(allowed)}, not in {sorted(strays)}"


def test_rules_see_imports_inside_functions(tmp_path, monkeypatch):
    """The rules above would be worth nothing if a late or relative import slipped through."""
    module = tmp_path / "lorabake" / "tag" / "late.py"
    module.parent.mkdir(parents=True)
    module.write_text(
        "def f():\n    import torch.nn\n    from ..ui import shell\n", encoding="utf-8"
    )
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    assert imports(module) == {"torch.nn", "lorabake.ui", "lorabake.ui.shell"}


def panels() -> list[Path]:
    """Modules of the page that are an accordion: they have a `build` and a `GUIDE` sentence."""
    found = []
    for path in sorted((ROOT / "lorabake" / "ui").glob("*.py")):
        text = path.read_text(encoding="utf-8")
        if re.search(r"^def build\(", text, re.M) and re.search(r"^GUIDE\b", text, re.M):
            found.append(path)
    return found


@pytest.mark.parametrize("panel", panels(), ids=lambda path: path.stem)
def test_panel_imports_no_other_panel(panel):
    others = {f"lorabake.ui.{path.stem}" for path in panels()} - {f"lorabake.ui.{panel.stem}"}
    assert not others & imports(panel)


def light_modules() -> list[str]:
    names = []
    for name in LIGHT_PACKAGES:
        path = ROOT / "lorabake" / name.replace(".", "/")
        if path.with_suffix(".py").exists() or path.is_dir():
            names.append(f"lorabake.{name}")
    return names


def test_descriptors_load_without_torch():
    """`lorabake --help` and the forms answer at once: the names do not need the libraries."""
    code = (
        "import importlib, sys\n"
        f"for name in {light_modules()!r}:\n"
        "    importlib.import_module(name)\n"
        f"    heavy = [library for library in {HEAVY!r} if library in sys.modules]\n"
        "    assert not heavy, f'{name} loads {heavy}'\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr.strip().splitlines()[-1]


def test_no_torch_in_the_test_settings():
    """conftest.py is imported by every run, also by one that tests a file name."""
    assert not any(is_within(m, h) for m in imports(ROOT / "tests/conftest.py") for h in HEAVY)
