"""The Grabber in a real browser: searched, picked, downloaded, an account, and pictures of one's own."""

from __future__ import annotations

import base64
import io
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="playwright is not installed") if not os.environ.get(
    "LORABAKE_REQUIRE_BROWSER"
) else None

from PIL import Image  # noqa: E402  (after the reason to skip)
from playwright.sync_api import Browser, Locator, expect  # noqa: E402
from playwright.sync_api import Page as Tab  # noqa: E402

from lorabake.core.workspace import Project, Workspace  # noqa: E402
from tests.collect.board import Board, Entry  # noqa: E402
from tests.collect.test_generated import A1111, png  # noqa: E402
from tests.ui.browsing import chromium, open_section, visit, watched  # noqa: E402
from tests.ui.conftest import Page, running_page  # noqa: E402
from tests.ui.grabbing import KEY, drawn_boards, environment  # noqa: E402

pytestmark = pytest.mark.browser

KAFKA = "kafka_(honkai:_star_rail)"
GUIDES = f"solo -rating:explicit -rating:questionable {KAFKA} shirt"


def posts() -> list[Entry]:
    """42 that fit the guide's search, a video among them, and two that do not."""
    fits = [
        Entry(n, {"general": ("solo", "shirt", f"pose_{n}"), "character": (KAFKA,)})
        for n in range(1, 42)
    ]
    others = [
        Entry(50, {"general": ("shirt",), "character": (KAFKA,)}),
        Entry(51, {"general": ("solo", "shirt"), "character": (KAFKA,)}, rating="explicit"),
    ]
    video = Entry(52, {"general": ("solo", "shirt"), "character": (KAFKA,)}, extension="mp4")
    return [*fits, *others, video]


@pytest.fixture(scope="module")
def boards() -> Iterator[dict[str, Board]]:
    with drawn_boards(posts()) as boards:
        yield boards


@pytest.fixture(scope="module")
def served(
    boards: dict[str, Board], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Page, Project]]:
    folder = tmp_path_factory.mktemp("page")
    workspace = Workspace.open(folder / "workspace")
    project = workspace.create_project("kafka")
    (workspace.root / "tag-lists").mkdir()
    (workspace.root / "tag-lists" / "board.csv").write_text(
        f'{KAFKA},4,5000,"kafka_hsr"\nkafuka,0,9,""\nshirt,0,9000,""\n', encoding="utf-8"
    )
    with running_page(workspace.root, **environment(boards, folder / "config")) as page:
        yield page, project


@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[Browser]:
    with chromium(chromium_path) as browser:
        yield browser


@pytest.fixture
def tab(browser: Browser, served: tuple[Page, Project]) -> Iterator[Tab]:
    with watched(browser) as (context, _):
        tab = visit(context, served[0].address)
        open_section(tab, "grabber")
        expect(tab.locator("#lb-grab-query")).to_be_visible()
        yield tab


def panel(tab: Tab) -> Locator:
    return tab.locator("#lb-grabber")


def go(tab: Tab, name: str) -> None:
    panel(tab).get_by_role("tab", name=name).click()


def test_from_the_guides_search_to_captions(
    tab: Tab, served: tuple[Page, Project], boards: dict[str, Board]
) -> None:
    page, project = served
    grabber, query = panel(tab), tab.locator("#lb-grab-query")
    # One source is checked, and it says at once that it wants a key.
    expect(grabber.locator(".lb-grab-keyless")).to_contain_text("Gelbooru answers nobody")
    query.fill("solo")
    query.press("Enter")
    expect(grabber).to_contain_text("Gelbooru wants an API key")
    grabber.locator(".lb-grab-results").get_by_role("button", name="Accounts").click()
    account = grabber.locator("[data-site=gelbooru]")
    account.get_by_label("Gelbooru").fill("n0t-the-wh0le-line")
    account.get_by_role("button", name="Save").click()
    expect(account).to_contain_text("Paste the whole line")
    account.get_by_label("Gelbooru").fill(f"&api_key={KEY}&user_id=12")
    account.get_by_role("button", name="Save").click()
    account.get_by_role("button", name="Test").click()
    expect(account).to_contain_text("Gelbooru answers, and knows your account.")
    assert KEY not in tab.content()

    # The guide's search as it is typed, with completion, on the board that takes two tags.
    go(tab, "Search")
    expect(grabber.locator(".lb-grab-keyless")).to_be_hidden()
    grabber.get_by_role("checkbox", name="Gelbooru", exact=True).uncheck()
    grabber.get_by_role("checkbox", name="Danbooru", exact=True).check()
    query.fill("")
    query.press_sequentially("solo -rating:explicit -rating:questionable kaf", delay=10)
    expect(tab.locator("#lb-completion [role=option]").first).to_contain_text(KAFKA)
    query.press("Tab")
    query.press_sequentially(" shirt", delay=10)
    query.press("Escape")
    assert query.input_value().split() == GUIDES.split()
    query.press("Enter")
    expect(grabber.locator(".lb-grab-count")).to_have_text("43 results")
    split = grabber.locator(".lb-grab-splits")
    expect(split).to_contain_text(f"Danbooru was asked for {KAFKA}")
    expect(split.locator(".lb-grab-here")).to_have_text(["solo"])
    cells = grabber.locator(".lb-grab-cell")
    expect(cells).to_have_count(40)
    expect(cells.first).to_contain_text("video")
    for _ in range(2):  # there and back
        grabber.get_by_role("button", name="Next page").click()
        expect(cells).to_have_count(2)
        grabber.get_by_role("button", name="Page before").click()
        expect(cells).to_have_count(40)

    # Pick a page, look at one of it and take it out again.
    grabber.get_by_role("button", name="Pick this page").click()
    expect(tab.locator("#lb-grab-picked")).to_have_text("Get 39 picked pictures")
    cells.nth(1).get_by_role("button", name="Look at").click()
    large = grabber.get_by_role("dialog")
    expect(large).to_contain_text("Danbooru 41")
    large.get_by_role("button", name="Unpick").click()
    tab.keyboard.press("Escape")
    grabber.get_by_role("button", name="Unpick all").click()
    for number in (2, 3):
        cells.nth(number).locator(".lb-grab-pick").click()
    cells.nth(2).locator(".lb-grab-pick").click()
    tab.locator("#lb-grab-picked").click()
    expect(grabber).to_contain_text("Choose the folder first")
    tab.locator("#lb-grab-folder").fill("kafka")
    tab.locator("#lb-grab-repeats").fill("5")
    boards["danbooru"].pause = 0.5
    tab.locator("#lb-grab-picked").click()
    job = grabber.locator(".lb-grab-job").first
    expect(job).to_contain_text("1 picked picture into 5_kafka")
    expect(job.get_by_role("progressbar")).to_be_visible()
    boards["danbooru"].pause = 0
    expect(job).to_contain_text("Saved 1 picture")
    caption = project.dataset_dir / "5_kafka" / "danbooru_39.txt"
    assert (
        caption.read_text(encoding="utf-8") == "solo, kafka (honkai: star rail), shirt, pose 39\n"
    )

    # The first ten of the search: what is here is not fetched again, and videos are refused.
    go(tab, "Search")
    tab.get_by_label("How many").fill("10")
    query.fill(f"{GUIDES} smile")  # typed since; what was searched for is what comes
    expect(grabber).to_contain_text("The search was changed since")
    tab.locator("#lb-grab-some").click()
    expect(job).to_contain_text("Saved 8 pictures")
    job.get_by_text("2 pictures left out, and why").click()
    expect(job).to_contain_text("1× This picture is here already. Danbooru 39")
    expect(job).to_contain_text("1× It is a video")
    assert len(list(caption.parent.glob("*.png"))) == 9
    job.get_by_role("button", name="Undo").click()
    expect(job.get_by_role("button", name="Redo")).to_be_visible()
    assert len(list(caption.parent.glob("*.png"))) == 1
    assert KEY not in page.log.read_text(encoding="utf-8")


def test_my_own_zip_drop_and_paste(tab: Tab, served: tuple[Page, Project], tmp_path: Path) -> None:
    _, project = served
    grabber, report = panel(tab), panel(tab).locator(".lb-grab-own")
    go(tab, "Add my own")
    tab.locator("#lb-grab-folder").fill("mine")
    tab.locator("#lb-grab-repeats").fill("2")
    painted = png(tmp_path / "painted.png", parameters=A1111).read_bytes()
    with zipfile.ZipFile(archive := io.BytesIO(), "w") as file:
        file.writestr("in/painted.png", painted)
        file.writestr("in/page.jpg", "<!DOCTYPE html><html></html>")
    grabber.locator("input[type=file]").first.set_input_files(
        {"name": "mine.zip", "mimeType": "application/zip", "buffer": archive.getvalue()}
    )
    expect(report).to_contain_text("1 zip archive among them")
    grabber.get_by_role("button", name="Add 1 file").click()
    expect(report).to_contain_text("Added 1 picture to mine, all of them AI-generated.")
    report.get_by_text("1 file left out, and why").click()
    expect(report).to_contain_text("web page")
    folder = project.dataset_dir / "2_mine"
    assert (folder / "painted.txt").read_text(encoding="utf-8").startswith("kafka (hsr), long hair")
    # Looked at with the checklist: what does not pass goes to the bin.
    report.get_by_role("button", name="Look at each of 1").click()
    review = grabber.get_by_role("dialog", name="Look at each picture")
    expect(review).to_contain_text("painted.png · 1 of 1")
    expect(review.get_by_role("button", name="It passes (Enter)")).to_be_disabled()
    tab.keyboard.press("1")
    tab.keyboard.press("x")
    expect(grabber).to_contain_text("1 picture moved to the bin.")
    assert not (folder / "painted.png").exists()

    # A folder, with a caption and folders in it.
    inner = tmp_path / "folder" / "inner"
    inner.mkdir(parents=True)
    Image.new("RGB", (64, 90), "green").save(inner / "green.png")
    (inner / "green.txt").write_text("kafka, smile", encoding="utf-8")
    grabber.locator("input[type=file]").nth(1).set_input_files(tmp_path / "folder")
    grabber.get_by_role("button", name="Add 2 files").click()
    expect(report).to_contain_text("Added 1 picture to mine.")
    assert (folder / "green.txt").read_text(encoding="utf-8") == "kafka, smile"

    # A picture from the clipboard, and one that is dropped.
    for number, (kind, place) in enumerate(
        {"paste": "clipboardData", "drop": "dataTransfer"}.items()
    ):
        buffer = io.BytesIO()
        Image.new("RGB", (64, 70 + number), "blue").save(buffer, "PNG")
        tab.evaluate(
            """([kind, place, text]) => {
                const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
                const data = new DataTransfer();
                data.items.add(new File([bytes], `${kind}ed.png`, { type: "image/png" }));
                const event = kind === "paste" ? new ClipboardEvent(kind, { [place]: data, bubbles: true })
                  : new DragEvent(kind, { [place]: data, bubbles: true });
                document.querySelector(kind === "paste" ? "body" : ".lb-grab-drop").dispatchEvent(event);
            }""",
            [kind, place, base64.b64encode(buffer.getvalue()).decode()],
        )
        grabber.get_by_role("button", name="Add 1 file").click()
        expect(report).to_contain_text("Added 1 picture to mine.")
        assert (folder / f"{kind}ed.png").exists()
    report.get_by_role("button", name="Undo").click()
    expect(grabber).to_contain_text("Add 1 picture to 2_mine: taken back.")
    assert not (folder / "droped.png").exists()
    assert (folder / "pasteed.png").exists()
