"""The table: everything that reads what others wrote, with examples of what it reads.

A row's `read` is called with a damaged value and a folder for files. It may return anything, or
raise what `may_raise` lists; anything else that escapes, and more than a second, is a defect.
"""

from __future__ import annotations

import io
import json
import sqlite3
import struct
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from lorabake.captions.dtext import linked_tags, plain
from lorabake.captions.expressions import Expression
from lorabake.captions.groups import parse_consolidate
from lorabake.captions.recipes import read_recipe
from lorabake.captions.typed import Matcher, parse_replacements, split_tags
from lorabake.collect.generated import caption_of_prompt, read_infotext, without_quality_words
from lorabake.collect.ledger import Ledger
from lorabake.collect.post import Post
from lorabake.collect.query import matches, parse_query, split
from lorabake.collect.refuse import is_refused
from lorabake.collect.search import refusal_of
from lorabake.collect.sites import SITES
from lorabake.collect.zips import unpack
from lorabake.core.caption import (
    caption_lines,
    clean_text,
    encode_like,
    parse_caption,
    read_caption,
    text_hash,
    with_tags,
)
from lorabake.core.concept_settings import read_concept_settings
from lorabake.core.dataset import concept_folder_name, split_concept_name
from lorabake.core.errors import ImageError, LorabakeError
from lorabake.core.events import EventWriter, read_events, read_head, read_tail
from lorabake.core.filter import parse_filter
from lorabake.core.image import probe
from lorabake.core.journal import Journal, errors_as_sentence
from lorabake.core.manifest import thaw
from lorabake.core.marks import read_marks
from lorabake.core.names import free_name, is_safe_name, natural_key, safe_name, shown, slug
from lorabake.core.run import Run
from lorabake.core.sources import Sources
from lorabake.core.status import read_status
from lorabake.core.tags import caption_form, tag_key
from lorabake.core.toml import dump_toml, parse_toml
from lorabake.core.training_caption import with_choices_made
from lorabake.core.vocabulary.lists import read_implications, read_tag_list
from lorabake.core.workspace import Project, Workspace, inside
from lorabake.engine.families.emphasis import MAX_WEIGHT, weigh
from lorabake.engine.identify import identify
from lorabake.engine.shelf.places import _extra_model_paths
from lorabake.engine.shelf.sources import parse_spec
from lorabake.engine.token_count import count_tokens
from lorabake.grid.axes import AXES, Known, choose_epochs, parse_weights, read_axis
from lorabake.grid.ballot import friendly_name, grid_of_file, read_friend, read_votes
from lorabake.grid.block_text import not_meant, read_blocks, shown_blocks
from lorabake.grid.handover.look import tag_counts
from lorabake.grid.tags import (
    lora_uses,
    named,
    renamed,
    reweighted,
    without_lora_tags,
    without_tags,
)
from lorabake.grid.values import join_words, parse_values, parse_words
from lorabake.grid.xyz import open_board
from lorabake.recipe.exchange.load import read_settings
from lorabake.recipe.exchange.metadata import has_settings, read_metadata
from lorabake.recipe.recipe import Recipe, with_setting
from lorabake.recipe.sample_prompts import parse_prompts
from lorabake.tag.labels import read_labels
from lorabake.ui.chosen import read_chosen
from tests.fuzz.mutations import Cases, bytes_of, jsons, text_of, texts

ROOT = Path(__file__).resolve().parents[2]
EXCHANGE = ROOT / "tests" / "recipe" / "exchange"


@dataclass(frozen=True)
class Parser:
    """A row. pace: how many cases take as long as one of the quickest (pictures take 20)."""

    name: str
    cases: Cases
    read: Callable[[Any, Path], object]
    may_raise: tuple[type[Exception], ...] = (LorabakeError,)
    pace: int = 1


# --- captions, names, tags -------------------------------------------------------------------------

CAPTIONS = (
    "kafka_(honkai:_star_rail), solo, long hair, \\(o\\), 1girl",
    "ohwx, (smile:1.2), ^_^, =_=\r\nsecond line, tag\n\n",
    "カフカ, 🦋, e\u0301, a,, ,b",
)


def _caption(text: str, _: Path) -> None:
    caption = parse_caption(text)
    assert parse_caption(caption.text).tags == caption.tags
    caption_lines(text)
    text_hash(text)
    with_tags(text, ["a", text[:20]])
    for tag in caption.tags:
        tag_key(tag)
        caption_form(tag)
    assert "\r" not in clean_text(text)


def _caption_file(data: bytes, folder: Path) -> None:
    path = folder / "a.txt"
    path.write_bytes(data)
    found = read_caption(path)
    assert encode_like(found.raw, found.text) == data
    path.write_bytes(encode_like(found.raw, f"{found.text}, more"))
    # Byte order marks in front are no part of a text.
    assert read_caption(path).text == f"{found.text}, more".lstrip("\ufeff")


def _wildcards(text: str, _: Path) -> None:
    assert isinstance(with_choices_made(text, lambda choices: choices[-1]), str)


def _tokens(text: str, _: Path) -> None:
    count = count_tokens(text)
    assert all(0 <= at <= len(text) for at in count.boundaries)


def _name(text: str, folder: Path) -> None:
    shown(text).encode()
    natural_key(text)
    assert is_safe_name(slug(text))
    assert is_safe_name(free_name(slug(text), [slug(text)]))
    repeats, trigger = split_concept_name(text)
    with suppress(LorabakeError):
        name = concept_folder_name(trigger, repeats or 1)
        assert (folder / name).parent == folder
    path = inside(folder, text)
    assert path.parent == folder
    assert safe_name(path.name) == path.name


# --- languages that people type ---------------------------------------------------------------------


@dataclass(frozen=True)
class _Row:
    id: str = "2_kafka/a.png"
    name: str = "a.png"
    path: str = "2_kafka/a.png"
    caption: str = "kafka, long hair, smile (o), 1girl, " * 20
    tags: tuple[str, ...] = ("kafka", "long hair", "smile (o)", "1girl")
    concept: str = "kafka"
    source: str = "danbooru"
    tokens: int = 12
    width: int = 96
    height: int = 128


_ROWS = [_Row(), _Row(caption="", tags=(), source="", name="a" * 200)]
_POST = Post(
    "danbooru", 5, "0" * 32, "https://x/a.png", "", "", 900, 1200, 1000, "png", "general", 7, None,
    {"general": ("long_hair", "a" * 200, "solo"), "character": ("kafka_(honkai:_star_rail)",)},
)  # fmt: skip


def _filter(text: str, _: Path) -> None:
    found = parse_filter(text).select(_ROWS)
    assert set(found) <= {0, 1}


def _query(text: str, _: Path) -> None:
    query = parse_query(text)
    for site in SITES:
        split(query, site)
    matches(_POST, query)


def _expression(text: str, _: Path) -> None:
    find, _sep, replacement = text.partition("\0")
    made = Expression(find, replacement, seconds=0.5)
    made.count(CAPTIONS[0])
    made.sub(CAPTIONS[0])


def _typed(text: str, _: Path) -> None:
    matcher = Matcher(text, "tags_to_remove")
    for tag in (*split_tags(text)[:5], "a" * 300, "kafka"):
        matcher.matches(tag_key(tag))


def _typed_lists(text: str, _: Path) -> None:
    for read in (parse_replacements, parse_consolidate):
        with suppress(LorabakeError):
            read(text)


PROMPTS = (
    "<lora:hsr_kafka-07:0.8>, (smile:1.2), ((hat)), [dim], \\(o\\), a BREAK b, [x:y:0.5]",
    "<lora:other:te=0.5:unet=0.8> masterpiece, {{curly}}, 1.2::nai::, __wild__, (a:1.1:2)",
)


def _prompt(text: str, _: Path) -> None:
    with suppress(LorabakeError):
        pieces = weigh(text)
        assert all(abs(piece.weight) <= MAX_WEIGHT for piece in pieces)
    with suppress(LorabakeError):
        lora_uses(text)
    without_tags(text)
    named(text)
    renamed(text, ["hsr_kafka-07"], "hsr_kafka-10")
    reweighted(text, ["hsr_kafka-07"], 0.5)
    without_lora_tags(text, ["hsr_kafka-07"])


def _shown_prompt(text: str, _: Path) -> None:
    without_quality_words(caption_of_prompt(text))


def _sample_prompts(text: str, _: Path) -> None:
    parse_prompts(with_setting(Recipe(), "sample.sample_prompts", text))


VALUES = ("-10, -09, -08", "1.0>, 0.9>, 0.8>", "7-10", "0.5-1.0 (+0.1)", "1-5 [6]", "10-5 (-3)",
          '"1girl, smile", hat', "832x1216, 1024x1024", "Euler a, DDIM", "other:7-10", "-1")  # fmt: skip


def _axis_known() -> Known:
    return Known(
        lambda text: [f"kafka-{n:02d}" for n in choose_epochs(text, range(1, 11))],
        lambda text: "832x1216" if text else "1024x1024",
        str,
    )


def _axis(text: str, _: Path) -> None:
    for row in AXES:
        with suppress(LorabakeError):
            axis = read_axis(row.name, text, _axis_known())
            assert 0 < len(axis.values) <= 100
    for read in (parse_values, parse_weights):
        with suppress(LorabakeError):
            read(text)
    words = parse_words(text)
    assert parse_words(join_words(words)) == words or not any(words)


def _blocks(text: str, _: Path) -> None:
    read_blocks(text)
    shown_blocks(text)
    not_meant(12, "sd15")


# --- files of settings ----------------------------------------------------------------------------------


@cache
def _tomls(*names: str) -> tuple[str, ...]:
    return tuple((EXCHANGE / name).read_text(encoding="utf-8") for name in names)


def _presets() -> tuple[str, ...]:
    found = tuple(path.read_text(encoding="utf-8") for path in sorted((ROOT / "presets").glob("*")))
    return (*found, '[general]\nepochs = 3\n[kept]\nlets = "[x]\\na = 1"\n')


def _plain_toml(text: str, _: Path) -> None:
    contents = parse_toml(text, "recipe.toml")
    with suppress(ValueError):  # whole numbers of thousands of digits; surrogates
        parse_toml(dump_toml(contents), "recipe.toml")


def _settings_text(text: str, _: Path) -> None:
    read_settings(text.encode("utf-8", "surrogatepass"), "a.toml")


def _pair_text(text: str, _: Path) -> None:
    data = text.encode("utf-8", "surrogatepass")
    config = _tomls("scripts_config.toml")[0].encode()
    read_settings(config, "a.toml", dataset=data)


def _concept_toml(text: str, folder: Path) -> None:
    (folder / "concept.toml").write_bytes(text.encode("utf-8", "surrogatepass"))
    read_concept_settings(folder)


def _tag_recipe(text: str, folder: Path) -> None:
    (folder / "tidy.toml").write_bytes(text.encode("utf-8", "surrogatepass"))
    read_recipe(folder / "tidy.toml")


YAML = "comfyui:\n  base_path: ~/models\n  checkpoints: |\n    a\n    b\n  loras: c # here\nx: 1\n"


def _yaml(data: bytes, folder: Path) -> None:
    (folder / "extra_model_paths.yaml").write_bytes(data)
    list(_extra_model_paths(folder / "extra_model_paths.yaml"))


def _spec(text: str, _: Path) -> None:
    assert is_safe_name(parse_spec(text).name)


# --- model files ------------------------------------------------------------------------------------------

NOTES = {
    "ss_network_dim": "8", "ss_network_alpha": "4.0", "ss_learning_rate": "1e-4", "ss_unet_lr": "1e-4",
    "ss_optimizer": "pkg.came.CAME(weight_decay=0.08,betas=0.9,0.99)", "ss_resolution": "(1024, 1024)",
    "ss_network_args": '{"conv_dim": 8, "algo": "lora"}', "ss_num_epochs": "10", "ss_epoch": "9",
    "ss_datasets": '[{"resolution": [832, 1216], "subsets": [{"image_dir": "5_kafka", "num_repeats": 5}]}]',
    "ss_dataset_dirs": '{"5_kafka": {"n_repeats": 5, "img_count": 20}}', "ss_lr_scheduler": "cosine",
    "ss_tag_frequency": '{"5_kafka": {"kafka": 20, "solo": 18}}', "ss_base_model_version": "sdxl_base_v1-0",
    "sshs_model_hash": "0" * 64, "modelspec.title": "kafka", "ss_lr_warmup_steps": "0.1",
}  # fmt: skip


def safetensors(header: bytes, data: bytes = b"") -> bytes:
    return struct.pack("<Q", len(header)) + header + data


def _lora_bytes() -> bytes:
    name = "lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k"
    header = {
        "__metadata__": NOTES,
        f"{name}.alpha": {"dtype": "F16", "shape": [], "data_offsets": [0, 2]},
        f"{name}.lora_down.weight": {"dtype": "F16", "shape": [2, 8], "data_offsets": [2, 34]},
        f"{name}.lora_up.weight": {"dtype": "F16", "shape": [4, 2], "data_offsets": [34, 50]},
    }
    return safetensors(json.dumps(header).encode(), bytes(50))


def _safetensors(data: bytes, folder: Path) -> None:
    path = folder / "kafka.safetensors"
    path.write_bytes(data)
    identify(path)
    read_settings(path)


def _header_json(header: Any, folder: Path) -> None:
    _safetensors(safetensors(json.dumps(header).encode(), bytes(50)), folder)


def _notes(notes: dict[str, str], _: Path) -> None:
    has_settings(notes)
    read_metadata(notes)
    tag_counts(notes)


def _notes_cases() -> Cases:
    values = texts(*NOTES.values())

    def draw(rng: Random) -> dict[str, str]:
        return {**NOTES, **{name: values.draw(rng) for name in rng.sample(sorted(NOTES), 3)}}

    def of_bytes(data: bytes) -> dict[str, str]:
        """A name of the list, then its value, to the end of the line; as many as there are lines."""
        lines = (line.partition(b"=") for line in data.split(b"\n"))
        return {**NOTES, **{name.decode("ascii"): text_of(text) for name, _, text in lines}}

    plain = st.dictionaries(st.sampled_from(sorted(NOTES)), values.strategy, max_size=6)
    whole = "\n".join(f"{name}={text}" for name, text in NOTES.items()).encode()
    return Cases(draw, plain, (whole,), of_bytes)


# --- what boards answer -----------------------------------------------------------------------------------

_COMMON = {
    "id": 7, "md5": "0123456789abcdef" * 2, "rating": "g", "score": 5, "width": 800, "height": 900,
    "tags": "solo kafka_(hsr) don&#039;t", "file_url": "https://cdn.donmai.us/a.png", "source": "x",
    "parent_id": 0, "created_at": "2026-01-01", "file_size": 1000, "file_ext": "png",
}  # fmt: skip
ANSWERS: dict[str, tuple[Any, ...]] = {
    "gelbooru 0.2": (
        {"@attributes": {"count": 3}, "post": [_COMMON | {"tag_info": [{"tag": "a", "type": "tag"}]}]},
        [_COMMON | {"hash": "0" * 32, "directory": "3421", "image": "a1.jpg", "file_url": ""}],
        {"success": "false", "message": "Missing authentication"},
        "Missing authentication. Go to api.rule34.xxx for more information",
    ),
    "danbooru 2": (
        [_COMMON | {"tag_string_general": "solo", "tag_string_character": "kafka", "image_width": 8,
                    "image_height": 9, "preview_file_url": "https://x/p.jpg", "is_deleted": False}],
    ),
    "e621ng": (
        {"posts": [{"id": 5, "file": {"url": "https://x/a.png", "md5": "0" * 32, "ext": "png"},
                    "tags": {"general": ["solo"], "artist": ["a"]}, "flags": {"deleted": False},
                    "preview": {"url": "https://x/p.png"}, "sample": {"url": ""}, "rating": "s",
                    "score": {"total": 5}, "relationships": {"parent_id": None}, "sources": ["x"]}]},
    ),
    "moebooru": (
        {"posts": [_COMMON | {"status": "active"}], "tags": {"solo": "general", "kafka": "character"}},
        {"success": False, "reason": "You can only search up to more than 6 tags"},
    ),
}  # fmt: skip


def _board(engine: str) -> Callable[[Any, Path], None]:
    sites = [site for site in SITES if site.engine.name == engine]

    def read(answer: Any, _: Path) -> None:
        page = sites[0].engine.parse(sites[0], answer)
        for post in page.posts:
            assert post.id > 0
            is_refused(post)
            refusal_of(post)
            matches(post, parse_query("solo score:>3 -hat*"))
            assert all(isinstance(tag, str) for tag in post.all_tags)

    return read


COUNTS = (
    '{"counts": {"posts": 12}}',
    '{"count": 3}',
    '<?xml version="1.0"?><posts count="12" offset="0">',
)


def _count(text: str, _: Path) -> None:
    for site in SITES:
        found = site.engine.parse_count(text)
        assert found is None or isinstance(found, int)


DTEXT = 'h4. Look\n* [[long hair|hair]]s, {{a b|c}}\n!post #12\n"x":[https://a] [b]d[/b] <i>e</i>\n'


def _dtext(text: str, _: Path) -> None:
    plain(text)
    linked_tags(text)


# --- what was written here, and may be damaged since ---------------------------------------------------------

_EVENTS = b"".join(
    json.dumps({"type": kind, "time": 1.5, "data": data}).encode() + b"\n"
    for kind, data in (
        ("plan", {"steps": 10, "epochs": 2, "steps_per_epoch": 5, "images": 3}),
        ("phase", {"name": "Train", "detail": ""}),
        ("step", {"step": 1, "epoch": 1, "loss": 0.1, "loss_average": 0.1, "seconds": 0.5}),
        ("step", {"step": 2, "epoch": 1, "loss": 0.1, "loss_average": 0.1, "seconds": 0.5}),
        ("failed", {"text": "It went wrong.", "details": "x"}),
    )
)
_PROCESS = b'{"attempt": 1, "pid": 1, "pid_started": "x", "boot_id": "y", "started": 1.0, "events_offset": 0}'


def _events(data: bytes, folder: Path) -> None:
    path = folder / "events.jsonl"
    path.write_bytes(data)
    (folder / "process.json").write_bytes(_PROCESS)
    _, end = read_events(path)
    assert read_events(path, end)[0] == []
    read_tail(path)
    read_head(path)
    status = read_status(Run(folder))
    json.dumps([status.text, status.details, status.seconds_left, status.steps, status.epoch])
    with EventWriter(path) as writer:
        writer.write("note", text="after")
    assert read_events(path)[0][-1].data == {"text": "after"}


def _run_files(data: bytes, folder: Path) -> None:
    for name in ("job.json", "process.json"):
        (folder / name).write_bytes(data)
    (folder / "events.jsonl").write_bytes(_EVENTS)
    read_status(Run(folder))


def _event_lines(events: Any, folder: Path) -> None:
    listed = events if isinstance(events, list) else [events]
    _events(b"".join(json.dumps(one).encode() + b"\n" for one in listed), folder)


def _source_lines(sources: Any, folder: Path) -> None:
    listed = sources if isinstance(sources, list) else [sources]
    _sources(b"".join(json.dumps(one).encode() + b"\n" for one in listed), folder)


def _run_jsons(records: Any, folder: Path) -> None:
    _run_files(json.dumps(records).encode(), folder)


_JOB = b'{"kind": "bake", "title": "kafka", "created": 1.5, "attempt": 1}'


@cache
def _journal_bytes() -> bytes:
    import tempfile

    with tempfile.TemporaryDirectory() as made:
        path = Path(made) / "history.sqlite"
        journal = Journal(path)
        with journal.transaction(durable=False):
            moment = journal.tick()
            journal.add("Edited", "editor", moment, [("2_kafka/a.txt", None, b"a", b"b")])
        journal.close()
        database = sqlite3.connect(path)
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        database.execute("PRAGMA journal_mode = DELETE")
        database.close()
        return path.read_bytes()


def _journal(data: bytes, folder: Path) -> None:
    path = folder / "history.sqlite"
    for ending in ("-wal", "-shm", "-journal"):
        path.with_name(path.name + ending).unlink(missing_ok=True)
    path.write_bytes(data)
    journal = Journal(path)
    try:
        with errors_as_sentence(path):
            journal.version()
            journal.pending()
            for operation in journal.operations(50):
                journal.rows(operation.id)
            journal.to_undo()
            journal.to_redo()
    finally:
        journal.close()


_SOURCES = (
    json.dumps({"sha256": "0" * 64, "md5": "0" * 32, "site": "danbooru", "id": 5, "tags": {"general": ["a"]},
                "baked": {"run": "r", "epoch": 1, "weight": 1.0, "seed": 2}, "time": 1.0, "score": 3}) + "\n"
    + json.dumps({"asked": {"sites": ["danbooru"], "text": "kafka", "folder": "5_kafka",
                            "last": {"danbooru": 9}, "filters": {}, "settings": {}, "time": 2.0}}) + "\n"
).encode()  # fmt: skip


def _sources(data: bytes, folder: Path) -> None:
    path = folder / "sources.jsonl"
    path.write_bytes(data)
    sources = Sources(path)
    for sha in sources.names():
        sources.of(sha)
    sources.searches()
    sources.last_id("danbooru", "kafka")
    sources.has("0" * 32)


_ENTRY = b'{"key": "gelbooru 1", "name": "a.png", "sha256": "00", "md5": "11", "size": 5}\n\n'
_LEFT_OUT = b'{"key": "gelbooru 2", "reason": "It is a video.", "again": true}\n'


def _ledger(data: bytes, folder: Path) -> None:
    path = folder / "ledger.jsonl"
    path.write_bytes(data)
    ledger = Ledger(path)
    _ = [entry.name for entry in ledger.saved], ledger.skipped
    ledger.is_done("gelbooru 1")


_MANIFEST = {
    "format": 1, "root": "/data", "concepts": [{
        "name": "5_kafka", "folder": "5_kafka", "repeats": 5, "trigger": "kafka",
        "settings": {"keep_tokens": 1}, "masks": None,
        "images": [{"path": "a.png", "width": 9, "height": 9, "sha256": "00", "caption": "a",
                    "has_caption": True, "more_lines": ["b"]}]}],
}  # fmt: skip


def _manifest(frozen: Any, _: Path) -> None:
    dataset = thaw(frozen)
    for image in dataset.images:
        assert ".." not in image.path.relative_to(dataset.root).parts


def _marks(data: bytes, folder: Path) -> None:
    (folder / ".marks").mkdir(exist_ok=True)
    (folder / ".marks" / "stars.json").write_bytes(data)
    assert isinstance(read_marks(folder, "stars"), dict)


_CHOSEN = {
    "preset": "pdxl",
    "overlays": ["dora"],
    "changes": {"general.epochs": 3},
    "texts": {"title": "x"},
}


def _chosen(settings: Any, folder: Path) -> None:
    (folder / "project.json").write_bytes(json.dumps(settings).encode())
    read_chosen(Project("kafka", folder))


XYZ_PLAN = {
    "format": 1, "names": ["a"], "files": {"a": ["a.safetensors", "00"]}, "bases": {}, "margin": 0,
    "warnings": [], "axes": [{"kind": "Seed", "values": ["1"], "fixed": False}] * 3,
    "shot": {"prompt": "a", "negative": "", "seed": 1, "steps": 2, "cfg": 5.0, "sampler": "Euler a",
             "width": 64, "height": 64, "clip_skip": 1, "base": ""},
}  # fmt: skip


def _grid_file(plan: Any, folder: Path) -> None:
    (folder / "xyz.json").write_bytes(json.dumps(plan).encode())
    board = open_board(folder)
    assert len(board.spots) == len(board.columns) * len(board.rows) * len(board.sheets) > 0


_FRIEND = {
    "format": "lorabake votes", "version": 1, "grid": "g", "voter": "0123456789abcdef", "name": "Ann",
    "stars": ["1.png"], "pairs": [["1.png", "2.png", "left", 1.0], ["1.png", "2.png", "tie", 2]],
}  # fmt: skip


def _friends_votes(told: Any, _: Path) -> None:
    read_friend(json.dumps(told), "g", {"1.png", "2.png"})


def _friends_text(text: str, _: Path) -> None:
    grid_of_file(text)
    assert friendly_name(text).isprintable()
    read_friend(text, "g", {"1.png", "2.png"})


_VOTES = {"format": 1, "own": {"stars": ["1.png"], "pairs": []}, "friends": [{"voter": "0123456789abcdef",
          "name": "Ann", "added": 1.0, "out": False, "ballot": {"stars": [], "pairs": []}}]}  # fmt: skip


def _votes(record: Any, folder: Path) -> None:
    (folder / "votes.json").write_bytes(json.dumps(record).encode())
    read_votes(folder)


def _workspace_file(data: bytes, folder: Path) -> None:
    (folder / "workspace.json").write_bytes(data)
    Workspace.open(folder)


# --- lists, archives, pictures ------------------------------------------------------------------------------------

TAGGER_CSV = b"tag_id,name,category,count\n1,long_hair,0,4350743\n2,kafka_(honkai:_star_rail),4,9000\n9,general,9,1\n"
TAGS_CSV = b'long_hair,0,4350743,"longhair,/lh"\nkafka_(honkai:_star_rail),4,9000,\n'
IMPLICATIONS_CSV = b"tag,implies\nwhite_shirt,shirt\n"


def _labels(data: bytes, folder: Path) -> None:
    (folder / "selected_tags.csv").write_bytes(data)
    read_labels(folder / "selected_tags.csv")


def _tag_list(data: bytes, folder: Path) -> None:
    path = folder / "tags.csv"
    path.write_bytes(data)
    with suppress(LorabakeError):
        read_implications(path)
    read_tag_list(path)


@cache
def png(**texts: str) -> bytes:
    info = PngImagePlugin.PngInfo()
    for name, text in texts.items():
        info.add_text(name, text, zip=name == "comment")
    return _written("PNG", pnginfo=info)


def _written(form: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((24, 16)).convert("RGB").save(buffer, form, **options)
    return buffer.getvalue()


INFOTEXT = "1girl, (smile:1.2)\nNegative prompt: lowres\nSteps: 20, Sampler: Euler a, CFG scale: 5, Seed: 1, Size: 9x9"
COMFY = json.dumps({
    "3": {"class_type": "KSampler", "inputs": {"seed": 1, "steps": 20, "positive": ["6", 0], "negative": ["7", 0]}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "1girl, hat"}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": ["8", 0]}},
    "8": {"class_type": "Text", "inputs": {"string": "lowres"}},
})  # fmt: skip
NOVEL = json.dumps({"prompt": "1girl", "uc": "lowres", "steps": 28, "seed": 1})


def _painted_pictures() -> tuple[bytes, ...]:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + INFOTEXT.encode("utf-16-be")
    return (
        png(parameters=INFOTEXT),
        png(prompt=COMFY, comment="x"),
        png(Software="NovelAI", Comment=NOVEL, Description="1girl"),
        _written("JPEG", exif=exif),
        _written("WEBP", exif=exif),
    )


def _infotext_file(data: bytes, folder: Path) -> None:
    (folder / "a.png").write_bytes(data)
    found = read_infotext(folder / "a.png")
    if found is not None:
        assert isinstance(found.caption, str)


def _infotext(text: str, folder: Path) -> None:
    whole = text.encode("utf-8", "surrogatepass")
    for keyword in (b"parameters", b"prompt", b"Comment"):
        chunk = b"tEXt" + keyword + b"\0" + whole
        novel = b"tEXtSoftware\0NovelAI"
        parts = [b"\x89PNG\r\n\x1a\n"]
        parts += [struct.pack(">I", len(one) - 4) + one + b"\0" * 4 for one in (novel, chunk)]
        _infotext_file(b"".join(parts), folder)


def _pictures() -> tuple[bytes, ...]:
    forms = [_written(form) for form in ("PNG", "JPEG", "WEBP", "GIF", "BMP", "AVIF")]
    moving = [Image.new("RGB", (24, 16), colour) for colour in ("red", "blue")]
    return (*forms, _written("GIF", save_all=True, append_images=moving), png(comment="x" * 500),
            _written("PNG", save_all=True, append_images=moving))  # fmt: skip


def _picture(data: bytes, folder: Path) -> None:
    (folder / "a.png").write_bytes(data)
    info = probe(folder / "a.png")
    assert info.width * info.height <= 64_000_000


def _archives() -> tuple[bytes, ...]:
    made = []
    for packing in (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED, zipfile.ZIP_BZIP2):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", packing) as archive:
            archive.writestr("5_kafka/a.png", png())
            archive.writestr("5_kafka/a.txt", "kafka, solo")
            archive.writestr("../../b.png", png())
        made.append(buffer.getvalue())
    return tuple(made)


def _archive(data: bytes, folder: Path) -> None:
    import shutil

    target = folder / "out"
    shutil.rmtree(target, ignore_errors=True)
    (folder / "a.zip").write_bytes(data)
    for one in unpack(folder / "a.zip", target, lambda name, why: None):
        assert one.path.resolve().is_relative_to(target.resolve())


PARSERS: tuple[Parser, ...] = (
    Parser("captions", texts(*CAPTIONS), _caption),
    Parser(
        "caption files",
        bytes_of(*(text.encode(code, "replace") for text in CAPTIONS for code in ("utf-8", "utf-16", "cp932"))),
        _caption_file,
        pace=2,
    ),
    Parser("captions with wildcards", texts("{red|blue} hair, {{o}}, {a|}", "{" * 9), _wildcards),
    Parser("tokens of captions", texts(*CAPTIONS), _tokens, pace=2),
    Parser("names of files, projects and concepts", texts("5_kafka", "Kafka (Honkai) v2", "CON.png"), _name, pace=2),
    Parser("the editor's filter", texts('tag:smile AND NOT (tags:<5 OR name:*crop*) has:source "a b" tokens:>=75'), _filter),
    Parser("searches on boards", texts("solo -rating:explicit kafka_(honkai:_star_rail) score:>10 ~a order:score width:100..900 *hair*"), _query, pace=4),
    Parser("regular expressions", texts(r"(long|short)_hair\b\s*(.{2,4})?" + "\0" + r"\1 \g<2>"), _expression, pace=4),
    Parser("lists and wildcards of tags", texts("tail, *hair*, ?, kafka_(*"), _typed),
    Parser("pairs of tags", texts("a -> b, c\nlong hair = hair", "a = b\n= c\nd =", "hair: 2\neyes"), _typed_lists),
    Parser("prompts with weights and LoRAs", texts(*PROMPTS), _prompt),
    Parser("prompts as captions", texts(*PROMPTS), _shown_prompt),
    Parser("sample prompts", texts("ohwx, 1girl --n lowres --w 832 --h 1216 --d 42 --s 28 --l 5\n# x\nb --ss ddim"), _sample_prompts, pace=2),
    Parser("axes of a grid", texts(*VALUES), _axis, pace=3),
    Parser("block weights", texts("MIDD", "IN04", "1,0,0,0,1,1,1,1,1,1,1,1", "1,0.5,0,-1,1,1,1,1,1,1,1,1,1,1,1,1,1"), _blocks),
    Parser("TOML", texts(*_presets()), _plain_toml, pace=10),
    Parser("recipes", texts(*_presets()), _settings_text, pace=10),
    Parser(
        "settings of LoRA Easy Training Scripts",
        texts(*_tomls("fork_sd15.toml", "prodigy_strings.toml", "rex_first.toml", "sdxl_12gb.toml", "sd15_example.toml")),
        _settings_text,
        pace=10,
    ),
    Parser("settings of sd-scripts", texts(*_tomls("scripts_config.toml", "flat_config.toml")), _settings_text, pace=10),
    Parser("data sets of sd-scripts", texts(*_tomls("scripts_dataset.toml")), _pair_text, pace=10),
    Parser("a concept's settings", texts("is_reg = true\nkeep_tokens = 2\nmask_folder = 'masks'\n"), _concept_toml, pace=2),
    Parser("saved sets of caption operations", texts("tags_to_add = 'a'\nreplace = 'a -> b'\n"), _tag_recipe, pace=2),
    Parser("ComfyUI's extra_model_paths.yaml", bytes_of(YAML.encode()), _yaml, pace=2),
    Parser("names of models to download", texts("hf:org/repo/file.safetensors@main", "civitai:290640", "sd-1.5"), _spec),
    Parser("safetensors", bytes_of(_lora_bytes()), _safetensors, pace=4),
    Parser("safetensors headers", jsons(json.loads(_lora_bytes()[8:-50])), _header_json, pace=4),
    Parser("notes in LoRA files", _notes_cases(), _notes, pace=4),
    *(Parser(f"answers of {engine}", jsons(*answers), _board(engine), pace=4) for engine, answers in ANSWERS.items()),
    Parser("counts of boards", texts(*COUNTS), _count),
    Parser("wiki pages", texts(DTEXT), _dtext),
    Parser("events of a job", bytes_of(_EVENTS), _events, pace=6),
    Parser("events of a job, their values", jsons([json.loads(line) for line in _EVENTS.splitlines()]), _event_lines, pace=6),
    Parser("values in job files", jsons(json.loads(_JOB) | json.loads(_PROCESS)), _run_jsons, pace=6),
    Parser("values in sources of pictures", jsons([json.loads(line) for line in _SOURCES.splitlines()]), _source_lines, pace=4),
    Parser("job files", bytes_of(_JOB, _PROCESS), _run_files, pace=6),
    Parser("the journal of changes", bytes_of(_journal_bytes()), _journal, pace=20),
    Parser("sources of pictures", bytes_of(_SOURCES), _sources, pace=4),
    Parser("ledgers of downloads", bytes_of(_ENTRY + _LEFT_OUT), _ledger, pace=2),
    Parser("frozen data sets", jsons(_MANIFEST), _manifest, pace=2),
    Parser("marks", bytes_of(b'{"0123": true}'), _marks, pace=2),
    Parser("a project's choice", jsons(_CHOSEN), _chosen, pace=10),
    Parser("friends' votes", jsons(_FRIEND), _friends_votes),
    Parser("friends' votes as text", texts(json.dumps(_FRIEND), "Ann"), _friends_text),
    Parser("votes on a grid", jsons(_VOTES), _votes, pace=2),
    Parser("plans of grids", jsons(XYZ_PLAN), _grid_file, pace=2),
    Parser("a workspace's mark", bytes_of(b'{"format": 1}'), _workspace_file, pace=10),
    Parser("lists of taggers", bytes_of(TAGGER_CSV), _labels, pace=2),
    Parser("lists of tags", bytes_of(TAGS_CSV, IMPLICATIONS_CSV, TAGGER_CSV), _tag_list, pace=2),
    Parser("what generated pictures say", texts(INFOTEXT, COMFY, NOVEL), _infotext, pace=4),
    Parser("texts inside of pictures", bytes_of(*_painted_pictures()), _infotext_file, pace=4),
    Parser("pictures", bytes_of(*_pictures()), _picture, (ImageError,), pace=20),
    Parser("zip archives", bytes_of(*_archives()), _archive, pace=10),
)  # fmt: skip
