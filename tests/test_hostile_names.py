"""No name from outside reaches a file outside: through functions, server functions, routes, verbs."""

from __future__ import annotations

import asyncio
import importlib
import os
import pkgutil
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient
from typer.testing import CliRunner

import lorabake.ui
from lorabake.captions.recipes import delete_recipe, load_recipe, save_recipe
from lorabake.captions.settings import ProcessSettings
from lorabake.cli import app
from lorabake.collect.sites import SITES
from lorabake.collect.sites.site import BOARDS_VARIABLE
from lorabake.collect.zips import unpack
from lorabake.core import jobs
from lorabake.core.addresses import LOCAL_VARIABLE
from lorabake.core.dataset import scan_dataset
from lorabake.core.errors import LorabakeError
from lorabake.core.history import Write, open_history
from lorabake.core.names import safe_name, slug
from lorabake.core.secrets import CONFIG_VARIABLE
from lorabake.core.vocabulary.fetch import SITE_VARIABLE
from lorabake.core.workspace import VARIABLE, Project, Workspace, inside
from lorabake.engine.shelf.sources import CIVITAI_VARIABLE
from lorabake.grid.library import Library
from lorabake.recipe.models import resolve_base
from lorabake.ui.answers import BUG
from lorabake.ui.place import open_place
from lorabake.ui.routes import routes
from tests.hostile import encoded, scene
from tests.hostile_names import hostile_names
from tests.ui.browsing import make_project
from tests.watching import strayed, watched_files

NAMES = hostile_names()
SECRET = "nobody may read this"
FEW = 3  # names for each field of each function, in turn
MANY = 20  # that every name has its turn in several fields; each in each would take a day


@pytest.fixture
def space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace with a project that has pictures and a bake, and secrets beside and below it.

    No job starts, and every site is a closed door of this machine.
    """
    nobody = "http://127.0.0.1:9"
    boards = "{" + ", ".join(f'"{site.name}": "{nobody}"' for site in SITES) + "}"
    for name, value in (
        (LOCAL_VARIABLE, "1"),
        (BOARDS_VARIABLE, boards),
        (SITE_VARIABLE, nobody),
        (CIVITAI_VARIABLE, nobody),
        ("HF_ENDPOINT", nobody),
        (CONFIG_VARIABLE, str(tmp_path / "config")),
        ("HOME", str(tmp_path / "home")),
    ):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(jobs, "ensure_runner", lambda *_, **__: False)
    monkeypatch.setattr(jobs, "start_detached", _no_process)
    project = make_project(tmp_path / "w", "kafka", {"a": "kafka, smile", "b": "kafka", "c": ""})
    run = project.create_run("bake")
    (run.folder / "bake-01.safetensors").write_bytes(b"\2\0\0\0\0\0\0\0{}")
    outside = tmp_path / "outside"
    outside.mkdir()
    for folder in (outside, tmp_path, tmp_path / "home"):
        folder.mkdir(exist_ok=True)
        (folder / "secret.txt").write_text(SECRET, encoding="utf-8")
        (folder / "a.png").write_bytes(encoded(scene(), "PNG"))
        (folder / "a.safetensors").write_bytes(b"\2\0\0\0\0\0\0\0{}")
    (project.dataset_dir / "2_kafka" / "linked.png").symlink_to(outside / "a.png")
    (project.dataset_dir / "2_kafka" / "linked.txt").symlink_to(outside / "secret.txt")
    (project.dataset_dir / "2_kafka" / "c.txt").unlink()
    (project.dataset_dir / "2_kafka" / "c.txt").symlink_to(outside / "secret.txt")
    (project.dataset_dir / "2_linked").symlink_to(outside, target_is_directory=True)
    (project.runs_dir / "linked").symlink_to(outside, target_is_directory=True)
    monkeypatch.chdir(outside)
    workspace = Workspace.open(tmp_path / "w")
    open_place(workspace)
    return workspace


def _no_process(*_: object, **__: object) -> Any:
    raise AssertionError("a name started a process")


def homes(space: Workspace) -> tuple[Path, ...]:
    return (space.root, space.root.parent / "config")


# --- the functions that turn names into places -------------------------------------------------------


def _functions(space: Workspace, project: Project) -> dict[str, Callable[[str], object]]:
    run = project.run("bake")
    return {
        "inside": lambda name: inside(project.dataset_dir, name),
        "inside a folder": lambda name: inside(project.dataset_dir, "2_kafka", name),
        "project": space.project,
        "new project": space.create_project,
        "concept": project.concept_dir,
        "new concept": project.create_concept,
        "picture": lambda name: project.image_path("2_kafka", name),
        "deleted picture": lambda name: project.delete_images("2_kafka", [name]),
        "run": project.run,
        "new run": project.create_run,
        "job": space.job_path,
        "job of a run": lambda name: space.job_path(f"projects/kafka/runs/{name}"),
        "model": space.model_path,
        "base": lambda name: resolve_base(space, name, paths_allowed=False),
        "LoRA of a grid": Library(run).path,
        "epochs of a grid": lambda name: Library(run).files_of(f"{name}:1"),
        "saved operations": lambda name: load_recipe(space, name),
        "operations to save": lambda name: save_recipe(space, name, ProcessSettings()),
        "operations to delete": lambda name: delete_recipe(space, name),
        "a step of the history": lambda name: open_history(project.dataset_dir).do(
            "x", [Write(name, None, b"x")], origin="test"
        ),
        "slug": lambda name: (space.cache_dir / slug(name)).write_bytes(b""),
        "safe name": lambda name: (space.cache_dir / safe_name(name)).write_bytes(b""),
    }


@pytest.mark.parametrize("every", [12, pytest.param(1, marks=pytest.mark.slow)])
def test_names_stay_in_their_folder(space: Workspace, every: int, figures: dict[str, Any]) -> None:
    project, tried = space.project("kafka"), 0
    functions = _functions(space, project)
    with watched_files() as seen:
        for number, name in enumerate(NAMES):
            for place, function in enumerate(functions.values()):
                if (number + place) % every:
                    continue
                tried += 1
                with suppress(LorabakeError):
                    function(name)
    assert len(seen) > 100
    assert not strayed(seen, homes(space))
    told(figures, f"calls of {len(functions)} functions that make a place of a name", tried)


def told(figures: dict[str, Any], what: str, count: int) -> None:
    """For the table of docs/reliability.md."""
    figures.setdefault("names", {})[what] = count


@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.slow)])
def test_names_in_an_archive_stay_below(
    space: Workspace, every: int, figures: dict[str, Any]
) -> None:
    """Two in one archive, as files and as a link."""
    archive, target = space.cache_dir / "a.zip", space.cache_dir / "out"
    written = (name.encode("utf-8", "replace") for name in NAMES[::every] if len(name) < 60_000)
    names = list(dict.fromkeys(written))
    with zipfile.ZipFile(archive, "w") as out:
        for number, name in enumerate(names):
            entry = zipfile.ZipInfo("x")
            entry.filename = name.decode()
            with suppress(UnicodeError, ValueError):
                out.writestr(entry, b"\x89PNG\r\n\x1a\n")
            link = zipfile.ZipInfo(f"{number}.png")
            link.external_attr = 0o120777 << 16
            out.writestr(link, name)
    with watched_files() as seen:
        got = list(unpack(archive, target, lambda name, why: None))
    assert all(one.path.resolve().is_relative_to(target.resolve()) for one in got)
    assert not any(path.is_symlink() for path in target.rglob("*"))
    assert not strayed(seen, homes(space))
    told(figures, "entries of an archive, files and links", 2 * len(names))


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot have these names")
def test_names_on_the_disk_stay_in_the_data_set(space: Workspace, figures: dict[str, Any]) -> None:
    """What somebody's folder is called: read, renamed and undone, all of it below the data set."""
    project = space.project("kafka")
    folder = project.dataset_dir / "2_odd"
    folder.mkdir()
    picture = encoded(scene(), "PNG")
    made = 0
    for name in NAMES:
        if "/" not in name and "\0" not in name and name not in ("", ".", ".."):
            with suppress(OSError, UnicodeError):
                (folder / f"{name}.png").write_bytes(picture + str(made).encode())
                made += 1
    assert made > 400
    with watched_files() as seen:
        dataset = scan_dataset(project.dataset_dir)
    assert len(dataset.images) > 100
    assert not strayed(seen, homes(space))
    told(figures, "files of a data set", made)
    sentences = " ".join(problem.sentence for problem in dataset.problems)
    assert all(
        f"{name} is a link" in sentences for name in ("linked.png", "linked.txt", "2_linked")
    )


# --- everything that the page may ask ------------------------------------------------------------------


def server_functions() -> dict[str, Callable[[Any], dict[str, Any]]]:
    found = {}
    for module in pkgutil.iter_modules(lorabake.ui.__path__, "lorabake.ui."):
        loaded = importlib.import_module(module.name)
        found |= {name: value for name, value in vars(loaded).items() if name.startswith("lb_")}
    return dict(sorted(found.items()))


class _Asked(dict[str, Any]):
    """A question that remembers which of its fields were looked at."""

    def __init__(self, *arguments: Any, **fields: Any) -> None:
        super().__init__(*arguments, **fields)
        self.looked_at: set[str] = set()

    def get(self, name: str, otherwise: Any = None) -> Any:
        self.looked_at.add(name)
        return super().get(name, otherwise)

    def __getitem__(self, name: str) -> Any:
        self.looked_at.add(name)
        return super().__getitem__(name)


# What fields hold when all is well, so that a question comes as far as to the one that is odd.
USUAL: dict[str, Any] = {
    "project": "kafka", "id": "2_kafka/a.png", "ids": ["2_kafka/a.png"], "folder": "2_kafka",
    "run": "bake", "name": "bake", "batch": "12345678", "batches": ["12345678"], "tag": "smile",
    "text": "kafka", "filter": "kafka", "trigger": "kafka", "place": "projects/kafka/runs/bake",
    "job": "tag-1", "preset": "pdxl", "kind": "lets", "key": "general.epochs", "value": "3",
    "site": "danbooru", "do": "star", "way": "balance", "spec": "sd-1.5", "subject": "character",
    "pictures": ["2_kafka/a.png"], "of": "2_kafka", "side": "says", "grid": "g", "file": "a.safetensors",
    "request": {"weights": "1", "epochs": "1", "prompt": "a"}, "values": {}, "scope": {"folders": ["2_kafka"]},
}  # fmt: skip
# The field's purpose is a folder anywhere: the owner's web UI.
ANYWHERE = {("lb_handover_folder", "path")}


def _odd(name: str, usual: Any) -> list[Any]:
    """The name where the field's kind of value has names."""
    if isinstance(usual, list):
        return [[name], name]
    if isinstance(usual, dict):
        return [
            dict.fromkeys(("epochs", "prompt", "folders", "taggers", "upscaler", name), name),
            name,
        ]
    return [name, f"2_kafka/{name}", f"projects/kafka/runs/{name}"]


@pytest.mark.parametrize("few", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])
def test_whatever_the_page_asks_stays_in_the_workspace(
    space: Workspace, few: int, figures: dict[str, Any]
) -> None:
    """Each text of each server function in turn is a hostile name; others are as usual."""
    functions = server_functions()
    assert len(functions) > 150
    turn, asked, wrong = 0, 0, []
    with watched_files() as seen:
        for called, function in functions.items():
            fields = set(_looked_at(function, {})) | set(_looked_at(function, USUAL))
            for field in sorted(fields):
                if (called, field) in ANYWHERE:
                    continue
                for _ in range(few):
                    name = NAMES[turn % len(NAMES)]
                    turn += 1
                    for odd in _odd(name, USUAL.get(field, ""))[: 1 if few == FEW else None]:
                        answer = function({**USUAL, field: odd})
                        asked += 1
                        if answer.get("error") == BUG or SECRET in repr(answer):
                            wrong.append((called, field, odd, answer))
            stray = strayed(seen, homes(space))
            assert not stray, (called, stray)
            seen.clear()
    assert not wrong, wrong[:5]
    assert asked > 1000
    assert few == FEW or turn > len(NAMES)
    told(figures, f"questions to the page's {len(functions)} functions", asked)


def _looked_at(function: Callable[[Any], dict[str, Any]], fields: dict[str, Any]) -> set[str]:
    question = _Asked(fields)
    function(question)
    return question.looked_at


@pytest.mark.parametrize("every", [100, pytest.param(1, marks=pytest.mark.slow)])
def test_routes_give_nothing_from_outside(
    space: Workspace, every: int, figures: dict[str, Any]
) -> None:
    """Each part of each address in turn."""
    from urllib.parse import quote

    client = TestClient(Starlette(routes=routes()), raise_server_exceptions=True)
    paths = [
        route.path for route in routes() if "{" in route.path and "GET" in (route.methods or ())
    ]
    asked = 0
    usual = {"project": "kafka", "run": "bake", "grid": "g", "name": "1.png", "sha": "0" * 64,
             "key": "1", "site": "danbooru", "number": "1", "kind": "lets"}  # fmt: skip
    with watched_files() as seen:
        for number, name in enumerate(NAMES):
            for place, path in enumerate(paths):
                if (number + place) % every or len(name) > 5000:
                    continue
                for part in usual:
                    if f"{{{part}" not in path:
                        continue
                    address = path.replace(":path}", "}")
                    for key, value in {**usual, part: name}.items():
                        sent = quote(value.encode("utf-8", "replace"), safe="")
                        address = address.replace(f"{{{key}}}", sent)
                    asked += 1
                    answer = client.get(address)
                    assert SECRET not in answer.text, address
                    assert answer.status_code < 500, (address, answer.text)
    assert not strayed(seen, homes(space))
    told(figures, "addresses of pictures and files", asked)


@pytest.mark.parametrize("every", [300, pytest.param(5, marks=pytest.mark.slow)])
def test_verbs_take_names_of_the_workspace_only(
    space: Workspace, monkeypatch: pytest.MonkeyPatch, every: int, figures: dict[str, Any]
) -> None:
    """Where the command line wants a name, not a path."""
    monkeypatch.setenv(VARIABLE, str(space.root))
    data = str(space.root / "projects" / "kafka" / "dataset")
    verbs = (
        ["plan", data, "--set", "model.base={}"],
        ["plan", data, "--recipe", "{}"],
        ["models", "download", "{}"],
    )
    tried = 0
    with watched_files() as seen:
        for name in NAMES[::every]:
            if "\0" in name or len(name) > 5000:
                continue
            for verb in verbs:
                words = [word.replace("{}", name) for word in verb]
                tried += 1
                result = CliRunner().invoke(app, words)
                assert result.exit_code in (0, 1, 2), (words, result.output)
                escaped = result.exception
                assert escaped is None or isinstance(escaped, LorabakeError | SystemExit), (
                    words,
                    escaped,
                )
                assert SECRET not in result.output
    assert not [one for one in strayed(seen, homes(space)) if one[0] == "write"]
    told(figures, "verbs on the command line", tried)


def test_the_watch_sees_what_strays(tmp_path: Path) -> None:
    """Or else the tests above would pass whatever is done."""
    home, away = tmp_path / "home", tmp_path / "away"
    home.mkdir()
    away.mkdir()
    (home / "link").symlink_to(away)
    with watched_files() as seen:
        (home / "in.txt").write_bytes(b"")
        (home / "link" / "out.txt").write_bytes(b"")
        list(away.iterdir())
        (away / "out.txt").unlink()
    found = strayed(seen, (home,))
    assert ("write", str(away / "out.txt")) in found
    assert ("read", str(away)) in found
    assert not [path for _, path in found if path.startswith(str(home))]


def test_async_parts_are_watched_too(tmp_path: Path) -> None:
    async def write() -> None:
        import anyio

        await anyio.to_thread.run_sync((tmp_path / "x").write_bytes, b"")

    with watched_files() as seen:
        asyncio.run(write())
    assert strayed(seen, (tmp_path / "elsewhere",))
