"""What the page asks about tags, asked as a page (or somebody who is none) would."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lorabake.core.vocabulary import tag_lists_dir
from lorabake.core.vocabulary.fetch import SITE_VARIABLE
from lorabake.core.workspace import Project, Workspace
from lorabake.engine.shelf import find_models
from lorabake.ui import vocabulary
from lorabake.ui.place import open_place, place
from tests.core.danbooru_server import danbooru
from tests.ui.browsing import make_project


@pytest.fixture
def project(workspace: Path) -> Project:
    made = make_project(workspace, "hsr", {"a": "ohwx, long hair", "b": "ohwx, (big hat:1.2)"})
    open_place(Workspace.open(workspace))
    folder = tag_lists_dir(place().workspace)
    folder.mkdir()
    (folder / "board.csv").write_text('long_hair,0,900,"lh"\nlong_boots,0,20,\n', encoding="utf-8")
    return made


def tags(text: str, **more: Any) -> list[tuple[str, int]]:
    answer = vocabulary.lb_complete({"project": "hsr", "text": text, **more})
    return [(one["tag"], one["own"]) for one in answer["suggestions"]]


def test_own_tags_follow_the_captions(project: Project) -> None:
    assert tags("long") == [("long hair", 1), ("long boots", 0)]
    assert tags("ohw") == [("ohwx", 2)]
    caption = project.dataset_dir / "2_kafka" / "b.txt"
    new = caption.with_suffix(".new")
    new.write_text("ohwx, long boots, long hair", encoding="utf-8")
    new.replace(caption)
    assert tags("long") == [("long hair", 2), ("long boots", 1)]


@pytest.mark.parametrize(
    "data",
    [
        None, [], {}, {"project": "nobody", "text": "long"}, {"project": 3, "text": "long"},
        {"project": "../..", "text": "long"}, {"text": ["long"]}, {"text": "x" * 100_000},
        {"project": "hsr", "text": "\ud800"},
    ],
)  # fmt: skip
def test_nonsense_is_answered(project: Project, data: Any) -> None:
    for call in vocabulary.LIST_CALLS:
        if call not in (vocabulary.lb_fetch_list, vocabulary.lb_fetch_state):
            answer = call(data)
            assert "Something went wrong" not in answer.get("error", ""), call.__name__
    for call in (vocabulary.lb_tokens, vocabulary.lb_complete):
        assert "error" not in call(data)


def test_lists_are_told_by_name_and_never_by_place(project: Project) -> None:
    answer = vocabulary.lb_lists({})
    assert answer["tags"] == 2
    (board,) = [row for row in answer["lists"] if row["name"] == "board.csv"]
    assert (board["origin"], board["count"], board["own"]) == ("yours", 2, True)
    assert str(place().workspace.root) not in str(answer)
    for name in ("../workspace.json", "order.json/..", "nothing.csv", str(place().workspace.root)):
        assert vocabulary.lb_remove_list({"name": name})["error"]


def test_what_a_tag_is_and_implies(project: Project) -> None:
    (tag_lists_dir(place().workspace) / "implications.csv").write_text(
        "tag,implies\nlong_boots,boots\nboots,footwear\n", encoding="utf-8"
    )
    answer = vocabulary.lb_implied({"tag": "Long Boots"})
    assert answer["implies"] == ["boots", "footwear"]
    assert (answer["known"], answer["count"]) == (True, 20)
    assert vocabulary.lb_implied({"tag": "lh"})["tag"] == "long hair"


def test_wiki_is_asked_for_the_main_tag_and_links_when_offline(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LORABAKE_ALLOW_LOCAL_HTTP", "1")
    monkeypatch.setenv(SITE_VARIABLE, "http://127.0.0.1:1")
    monkeypatch.setattr(vocabulary._web, "backoff", 0.01)
    offline = vocabulary.lb_wiki({"tag": "lh"})
    assert offline["url"].startswith("https://danbooru.donmai.us/wiki_pages/")
    assert "was not reached" in offline["offline"]
    with danbooru() as board:
        board.records["/wiki_pages.json"] = [
            {"id": 1, "title": "long_hair", "body": "Below the [[shoulder]]s."}
        ]
        monkeypatch.setenv(SITE_VARIABLE, board.address)
        page = vocabulary.lb_wiki({"tag": "lh"})
    assert (page["title"], page["text"]) == ("long hair", "Below the shoulders.")
    assert page["examples"] == ("shoulder",)
    assert page["offline"] == ""


def test_tokens_of_a_caption(project: Project) -> None:
    one = vocabulary.lb_tokens({"project": "hsr", "text": "1girl, blonde hair"})
    assert one == {"tokens": 5, "chunks": 1, "boundaries": []}
    many = vocabulary.lb_tokens({"text": "🐈, " + "cat " * 80})
    assert many["chunks"] == 2
    (at,) = many["boundaries"]
    text = "🐈, " + "cat " * 80
    before = text.encode("utf-16-le")[: 2 * at].decode("utf-16-le")
    assert vocabulary.lb_tokens({"text": before})["tokens"] == 75


def test_a_tagger_on_the_shelf_completes_until_there_is_a_list(workspace: Path) -> None:
    open_place(Workspace.open(workspace))
    tagger = place().workspace.models_dir / "deep" / "wd-some-tagger"
    tagger.mkdir(parents=True)
    (tagger / "model.onnx").write_bytes(b"\x08\x08")
    (tagger / "selected_tags.csv").write_text(
        "tag_id,name,category,count\n1,zebra_print,0,9\n", encoding="utf-8"
    )
    assert tags("zebra") == []
    find_models(place().workspace)
    assert tags("zebra") == [("zebra print", 0)]
