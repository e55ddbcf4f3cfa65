"""A workspace in which every text that comes from others is a script, and what a page shows of it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Page as Tab

from lorabake.captions.recipes import save_recipe
from lorabake.captions.settings import ProcessSettings
from lorabake.core import jobs
from lorabake.core.caption import parse_caption
from lorabake.core.events import EventWriter
from lorabake.core.files import atomic_write_json
from lorabake.core.history import Write, open_history
from lorabake.core.names import is_safe_name
from lorabake.core.vocabulary import tag_lists_dir
from lorabake.core.workspace import Project, Workspace
from lorabake.engine.lora_file import save_lora
from lorabake.grid.axes import PROMPT, Axis
from lorabake.grid.ballot import add_friend
from lorabake.grid.cells import write_png
from lorabake.grid.failed import write_errors
from lorabake.grid.shot import Shot
from lorabake.grid.xyz import XYZ, open_board
from lorabake.grid.xyz_cells import NO_AXIS, XyzPlan
from lorabake.recipe.presets import load_recipe
from lorabake.train.prepare import prepare_run
from lorabake.ui.place import Place
from tests.collect.board import Entry
from tests.engine.tiny_networks import file_of
from tests.hostile_texts import hostile_texts
from tests.ui.browsing import make_project

TEXTS = hostile_texts()
EACH = 25  # tags in a caption of the first folder
CELLS = 100  # values of an axis
VOTERS = 60
TWICE = -(-len(TEXTS) // 2)


@cache
def tags() -> tuple[str, ...]:
    """Those that can be one tag of a caption."""
    return tuple(text for text in TEXTS if "\0" not in text and parse_caption(text).tags == (text,))


@cache
def stems() -> tuple[str, ...]:
    """Those that a picture's file can be called."""
    return tuple(text for text in TEXTS if not {"/", "\0"} & {*text} and len(text.encode()) <= 200)


@cache
def names() -> tuple[str, ...]:
    """Those that a project, a bake or a saved set can be called, as they are."""
    return tuple(text for text in TEXTS if is_safe_name(text))


@cache
def board_tags() -> tuple[str, ...]:
    """Those that can be a tag of a board, where blanks part tags, `_` stands for one, and letters are small."""
    return tuple(
        text
        for text in tags()
        if text.isprintable()
        and len(text.split()) == 1
        and "_" not in text
        and text == text.lower()
        and len(text) <= 200
    )


def line(texts: Iterable[str], longest: int = 60) -> list[str]:
    """Those that stand whole in a sentence: one line, nothing invisible, not too long."""
    return [text for text in texts if text.isprintable() and len(text) <= longest]


PROJECT = next(name for name in names() if name.startswith("${"))
BAKE = next(name for name in names() if name.startswith("{{"))
FOLDERS = (
    *(f"{n}_{name}" for n, name in enumerate(names()[-12::4], 2)),
    *(
        f"2_{stem}"
        for stem in stems()
        if stem.startswith(("<img src=x on", '" onfocus', "<svg on"))
    ),
)[:6]


@dataclass
class Made:
    """captions: of every picture, as bytes on the disk. grids: by name, the values of their axis."""

    workspace: Workspace
    project: Project
    captions: dict[Path, bytes]
    grids: dict[str, list[str]] = field(default_factory=dict)
    prompts: list[str] = field(default_factory=list)
    friends: list[str] = field(default_factory=list)
    sets: list[str] = field(default_factory=list)
    jobs: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def changed(self) -> list[Path]:
        """The captions that are not what they were, byte by byte."""
        return [path for path, data in self.captions.items() if path.read_bytes() != data]

    def take_jobs_out(self) -> None:
        for view in jobs.jobs(self.workspace):
            jobs.request_stop(self.workspace, view.run.folder)

    def labels(self, grid: str) -> list[str]:
        return self.grids[grid]

    def painted(self, grid: str) -> list[str]:
        """The prompts of the pictures that are there."""
        return [text for number, text in enumerate(self.grids[grid]) if number % 3]


def make_workspace(root: Path) -> Made:
    """One project: a few pictures with many tags each; one for each text, which is its name and its
    caption; a bake that failed, grids with votes, jobs, saved sets, lists of tags."""
    captions = {
        f"{n:02d}": ", ".join(tags()[at : at + EACH])
        for n, at in enumerate(range(0, len(tags()), EACH))
    }
    project = make_project(root, PROJECT, captions, folder="1_many")
    workspace = Workspace.open(root)
    for number, text in enumerate(TEXTS):
        folder = project.dataset_dir / FOLDERS[number % len(FOLDERS)]
        folder.mkdir(exist_ok=True)
        stem = text if text in stems() else f"{number:03d}"
        # Every drawing is there twice, the second time larger: duplicates.
        drawing, size = number % TWICE, 64 + 32 * (number // TWICE)
        picture = Image.new("RGB", (64, 64), (drawing, 255 - drawing, 60))
        picture.paste((250, drawing * 7 % 250, 40), (drawing % 40, 8, drawing % 40 + 20, 50))
        picture = picture.resize((size, size))
        picture.save(folder / f"{stem}.png")
        caption = text.replace("\0", "") + ", tail"
        (folder / f"{stem}.txt").write_bytes(caption.encode())
    made = Made(workspace, project, {})
    _history(made)
    made.captions = {path: path.read_bytes() for path in project.dataset_dir.rglob("*.txt")}
    _sets(made)
    _list_of_tags(workspace)
    _bake(made)
    return made


def _history(made: Made) -> None:
    """Steps that can be undone, each named after a text, as those of a tag are."""
    history = open_history(made.project.dataset_dir)
    path = next(made.project.dataset_dir.glob("1_many/*.txt"))
    text = path.read_bytes()
    made.steps = line(tags(), 40)[:20]
    for number, name in enumerate(made.steps):
        before, after = (text, text + b", x") if number % 2 == 0 else (text + b", x", text)
        write = Write(path.relative_to(made.project.dataset_dir).as_posix(), before, after)
        history.do(f"Remove {name}", [write], origin="editor")


def _sets(made: Made) -> None:
    made.sets = list(names()[:30])
    for name in made.sets:
        save_recipe(made.workspace, name, ProcessSettings(tags_to_add=name))


def _list_of_tags(workspace: Workspace) -> None:
    folder = tag_lists_dir(workspace)
    folder.mkdir()
    rows = "".join(
        f'"{tag.replace(chr(34), chr(34) * 2)}",0,{900 + n},""\n'
        for n, tag in enumerate(board_tags())
    )
    (folder / "board.csv").write_text(rows, encoding="utf-8")


def _bake(made: Made) -> None:
    """A bake whose prompts, words and grids are texts; its jobs wait, while somebody else bakes."""
    workspace, project = made.workspace, made.project
    run = project.create_run(BAKE)
    dataset = Place(workspace).dataset(project)
    prepare_run(workspace, run.folder, dataset, load_recipe("practice"), name=run.name)
    made.prompts = [text for text in TEXTS if "\0" not in text][:40]
    run.previews_dir.mkdir(exist_ok=True)
    with EventWriter(run.events_path) as writer:
        writer.write("plan", steps=10, epochs=2, steps_per_epoch=5, images=3)
        for step in range(1, 6):
            writer.write("step", step=step, epoch=1, loss=0.1, loss_average=0.1, seconds=0.1)
        for number, prompt in enumerate(made.prompts):
            name = f"e1-{number:02d}.png"
            Image.new("RGB", (32, 32), (number * 6, 90, 90)).save(run.previews_dir / name)
            writer.write("sample", epoch=1, step=5, path=name, prompt=prompt)
        writer.write("failed", text=_sentence(TEXTS[0]), details="\n".join(line(TEXTS[:20])))
    made.log = line(TEXTS, 200)[-10:]
    run.log_path.write_text("\n".join(made.log), encoding="utf-8")
    notes = {"ss_output_name": TEXTS[5], "modelspec.trigger_phrase": TEXTS[6]}
    save_lora(run.folder / f"{run.name}-01.safetensors", file_of("lora", seed=1), notes)
    ended = {"format": 1, "kind": "train", "title": BAKE, "created": 1.0, "attempt": 1}
    atomic_write_json(run.job_path, ended)
    process = {"attempt": 1, "pid": 1, "pid_started": "x", "boot_id": "x", "started": 1.0}
    atomic_write_json(run.process_path, {**process, "events_offset": 0})
    for number in range(3):
        _grid(made, f"grid{number}", list(TEXTS[number * CELLS : (number + 1) * CELLS]))
    for name in names()[40:48]:
        folder = run.grid_dir / f"waits-{len(made.jobs)}"
        folder.mkdir()
        jobs.enqueue(workspace, "grid", folder, name, start=False)
        made.jobs.append(name)


def _sentence(text: str) -> str:
    return f"It went wrong: {text}"


def _grid(made: Made, name: str, texts: list[str]) -> None:
    """A grid with a text for each column: its prompt, or why it could not be rendered."""
    run = made.project.run(BAKE)
    shot = Shot(
        prompt=texts[0],
        negative=texts[1],
        seed=1,
        steps=2,
        cfg=5.0,
        sampler="Euler a",
        width=64,
        height=64,
    )
    axes = (Axis(PROMPT, tuple(texts)), NO_AXIS, NO_AXIS)
    folder = run.grid_dir / name
    folder.mkdir(parents=True)
    plan = XyzPlan(shot, axes, (f"{run.name}-01",), {}, {}, warnings=tuple(texts[2:4]))
    atomic_write_json(folder / XYZ, {"format": 1, **asdict(plan)})
    spots, errors = open_board(folder).spots, {}
    for number, spot in enumerate(spots):
        if number % 3:
            picture = Image.new("RGB", (64, 64), (number * 2, 60, 60))
            write_png(folder / spot.name, picture, f"{spot.shot.prompt}\nSteps: 2")
        else:
            errors[spot.name] = texts[number]
    write_errors(folder, errors)
    there = [spot.name for spot in spots if spot.name not in errors]
    for number, friend in enumerate(line(TEXTS, 40)[:VOTERS] if name == "grid0" else ()):
        about = {
            "format": "lorabake votes",
            "grid": name,
            "voter": f"{number:012x}",
            "name": friend,
        }
        add_friend(folder, json.dumps({**about, "stars": there[:2], "pairs": []}), there)
        made.friends.append(friend)
    made.grids[name] = texts


def posts() -> list[Entry]:
    """Posts of a board, with some of the tags each; a picture that cannot be had says why."""
    found = []
    for number, at in enumerate(range(0, len(board_tags()), EACH), 1):
        some = board_tags()[at : at + EACH]
        groups = {
            "general": ("solo", *some[3:]),
            "artist": some[:1],
            "copyright": some[1:2],
            "character": some[2:3],
        }
        found.append(Entry(number, groups))
    return found


def strange_settings() -> tuple[str, list[str]]:
    """A file of another trainer whose settings are called like texts; and these."""
    keys = line(TEXTS)[:80]
    rows = "\n".join(
        f"{json.dumps(key, ensure_ascii=False)} = {json.dumps(key, ensure_ascii=False)}"
        for key in keys
    )
    return (
        f'[general_args.args]\nmax_train_epochs = 12\n{rows}\n[saving_args.args]\noutput_name = "x"\n',
        keys,
    )


def strange_lora(path: Path) -> list[str]:
    """Somebody's LoRA whose notes are texts; those that the page shows."""
    counted = dict.fromkeys(line(tags(), 200)[-60:], 3)
    notes = {
        "ss_output_name": TEXTS[0],
        "modelspec.title": TEXTS[1],
        "modelspec.trigger_phrase": TEXTS[2],
        "ss_sd_model_name": TEXTS[3],
        "ss_tag_frequency": json.dumps({"1_x": counted}),
    }
    save_lora(path, file_of("lora", seed=1), notes)
    return [*counted, TEXTS[1], TEXTS[2]]


# --- what a page shows --------------------------------------------------------------------------------

# Remembers every text and every spoken or hovering word that stood anywhere in the document, by section.
REMEMBER = """
(() => {
  const seen = window.lb_seen = new Map();
  const NAMES = ["title", "aria-label", "alt", "placeholder", "aria-valuetext"];
  const put = (node, text) => {
    if (!text) return;
    const place = (node.nodeType === 1 ? node : node.parentElement)?.closest('[id^="sec-"]')?.id || "page";
    if (!seen.has(place)) seen.set(place, new Set());
    seen.get(place).add(text);
  };
  const take = (node) => {
    if (node.nodeType === 3) { put(node, node.data); return; }
    if (node.nodeType !== 1) return;
    for (const name of NAMES) put(node, node.getAttribute(name));
    if ("value" in node) put(node, String(node.value));
    for (const child of node.childNodes) take(child);
  };
  new MutationObserver((changes) => {
    for (const change of changes) {
      for (const node of change.addedNodes) take(node);
      if (change.type === "characterData") take(change.target);
      if (change.type === "attributes") put(change.target, change.target.getAttribute(change.attributeName));
    }
  }).observe(document, { subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: NAMES });
  window.lb_shown = (place) => {
    for (const node of document.querySelectorAll("input, textarea, select")) put(node, String(node.value));
    return [...(seen.get(place) || [])];
  };
})();
"""
# What only markup out of data can have put there: the page itself has none of these.
FOREIGN = """
() => [...document.querySelectorAll("*")].filter((node) =>
  /^(iframe|frame|object|embed|applet|marquee|portal|math|mglyph|animate|set|foreignobject|isindex|keygen|xss|x|noembed|plaintext|xmp)$/i.test(node.localName)
  || (node.localName === "script" && node.namespaceURI !== "http://www.w3.org/1999/xhtml")
  || (node.localName === "base" && node.getAttribute("href") !== "./")
  || (node.localName === "meta" && node.httpEquiv === "refresh")
  || [...node.attributes].some(({ name, value }) => /^on/i.test(name)
    || (/^(href|src|action|formaction|xlink:href|poster|data|background|srcdoc)$/i.test(name) && /^[\\s\\0-\\x20]*(javascript|vbscript|data:text|livescript)/i.test(value)))
).map((node) => node.outerHTML.slice(0, 300))
"""
MISSING = """
([place, wanted]) => {
  const all = lb_shown(place).join("\\x1e");
  return wanted.filter((text) => !all.includes(text));
}
"""
# Through all of a list of which only what can be seen is in the document.
SCROLL = """
async (view) => {
  const box = view.getBoundingClientRect();
  const waits = () => [...view.querySelectorAll(".lb-waiting")].some((row) => {
    const at = row.getBoundingClientRect();
    return at.bottom > box.top && at.top < box.bottom;
  });
  const breath = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 20)));
  for (let top = 0; top < view.scrollHeight + view.clientHeight; top += Math.max(40, view.clientHeight * 0.8)) {
    view.scrollTop = top;
    await breath();
    for (let n = 0; n < 100 && waits(); n += 1) await breath();
  }
  view.scrollTop = 0;
}
"""


def shown(tab: Tab, section: str) -> list[str]:
    """Every text that has stood in this section since the page came; "" for outside of sections."""
    found: list[str] = tab.evaluate(
        "(place) => lb_shown(place)", f"sec-{section}" if section else "page"
    )
    return found


def must_show(tab: Tab, section: str, texts: Iterable[str]) -> None:
    """Each has stood there with all of its characters."""
    place = f"sec-{section}" if section else "page"
    missing: list[str] = tab.evaluate(MISSING, [place, [*texts]])
    assert not missing, f"{section} lacks or alters {len(missing)}: {missing[:5]}"


def scroll_through(tab: Tab, selector: str) -> None:
    tab.locator(selector).first.evaluate(SCROLL)


def nothing_ran(tab: Tab, where: str) -> None:
    fired: list[Any] = tab.evaluate("window.lb_fired")
    ran = [text for text in TEXTS if any(str(number) in text for number in fired)]
    assert not fired, f"{where}: {fired[:5]} ran, {ran[:5]}"
    foreign = tab.evaluate(FOREIGN)
    assert not foreign, f"{where}: markup out of data: {foreign[:5]}"
