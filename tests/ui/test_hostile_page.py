"""Four hundred texts that would run as scripts, wherever data comes in, shown by every panel: none runs,
and none is altered, on the page, in the files, and in the page that is sent to a friend."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from html import unescape
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="playwright is not installed") if not os.environ.get(
    "LORABAKE_REQUIRE_BROWSER"
) else None

from playwright.sync_api import Browser, Locator, expect  # noqa: E402  (after the reason to skip)
from playwright.sync_api import Page as Tab  # noqa: E402

from lorabake.captions.dtext import plain  # noqa: E402
from lorabake.core.lock import machine_lock  # noqa: E402
from lorabake.core.tags import caption_form, tag_key  # noqa: E402
from lorabake.core.vocabulary.fetch import SITE_VARIABLE  # noqa: E402
from lorabake.grid.page import write_page  # noqa: E402
from tests.collect.board import Board, running  # noqa: E402
from tests.core.danbooru_server import danbooru  # noqa: E402
from tests.hostile_texts import WATCH, hostile_texts  # noqa: E402
from tests.ui.browsing import BAKE as WHILE_BAKING  # noqa: E402
from tests.ui.browsing import chromium, open_section, visit, watched  # noqa: E402
from tests.ui.conftest import running_page  # noqa: E402
from tests.ui.grabbing import environment  # noqa: E402
from tests.ui.hostile_workspace import (  # noqa: E402
    BAKE,
    EACH,
    FOLDERS,
    PROJECT,
    REMEMBER,
    TEXTS,
    Made,
    board_tags,
    line,
    make_workspace,
    must_show,
    nothing_ran,
    posts,
    scroll_through,
    shown,
    stems,
    strange_lora,
    strange_settings,
    tags,
)
from tests.ui.inspecting import add_box, let_tagger_say, read  # noqa: E402

pytestmark = pytest.mark.browser

PROGRAM = Path(__file__).with_name("shared_page.py")
WIKI = "\n\n".join(line(TEXTS, 100)[:60])


@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[Browser]:
    with chromium(chromium_path) as running:
        yield running


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make_workspace(tmp_path_factory.mktemp("hostile") / "workspace")


def test_the_texts_are_live(browser: Browser) -> None:
    """Or else the tests below would pass whatever the page does: as markup and in templates they run."""
    assert len(hostile_texts()) == len(set(hostile_texts())) >= 400
    tab = browser.new_context().new_page()
    tab.add_init_script(WATCH)
    tab.goto("about:blank")
    tab.evaluate(
        """async (texts) => {
          const frames = [];
          const frame = (markup) => {
            const made = document.createElement("iframe");
            document.body.append(made);
            frames.push(made);
            made.contentDocument.write(markup);
            for (const link of made.contentDocument.querySelectorAll("a, area, math, [onclick]")) link.dispatchEvent(new MouseEvent("click", { bubbles: true }));
          };
          for (const text of texts) {
            frame(text);
            document.body.append(Object.assign(document.createElement("div"), { innerHTML: `<input value="${text}">` }));
            for (const quote of ["\\"", "'", "\\`"]) try { new Function(`return ${quote}${text}${quote}`)(); } catch { /* closed in no such way */ }
            try { new Function(text.replace(/^[^a-z]+|[^)\\w]+$/g, ""))(); } catch { /* no script */ }
          }
          await new Promise((done) => setTimeout(done, 500));
          for (const made of frames) lb_fired.push(...(made.contentWindow.lb_fired || []));
        }""",
        list(TEXTS),
    )
    ran = {number for number in tab.evaluate("lb_fired") if isinstance(number, int)}
    with pytest.raises(AssertionError, match="ran"):
        nothing_ran(tab, "here")
    tab.evaluate("lb_fired.length = 0")
    with pytest.raises(AssertionError, match="markup out of data"):
        nothing_ran(tab, "here")
    tab.context.close()
    assert len(ran) > 200, len(ran)  # the others wait for a click, the focus, or an older browser


def test_nothing_runs_and_nothing_is_altered(browser: Browser, made: Made, tmp_path: Path) -> None:
    pictures = sorted(made.project.dataset_dir.glob("2_*/*.png"))
    said = {path.name: {tag: 0.9} for path, tag in zip(pictures, tags(), strict=False)}
    let_tagger_say(made.workspace, made.project, said, list(tags()))
    made.said = [tag for row in said.values() for tag in row]
    board = Board("danbooru", posts())
    with ExitStack() as stack:
        lock = machine_lock()
        assert lock.acquire(), "somebody bakes"
        stack.callback(lock.release)  # meanwhile no job begins: they wait, and are listed
        wiki = stack.enter_context(danbooru())
        asked = {"id": 1, "title": tag_key(tags()[0]), "body": WIKI, "is_deleted": False}
        wiki.records["/wiki_pages.json"] = [asked]
        stack.enter_context(running(board))
        outside = {
            **environment({"danbooru": board}, tmp_path / "config"),
            SITE_VARIABLE: wiki.address,
        }
        page = stack.enter_context(running_page(made.workspace.root, program=PROGRAM, **outside))
        context, _ = stack.enter_context(watched(browser))
        context.add_init_script(WATCH + REMEMBER)
        tab = visit(context, page.address)
        for look in (_project, _editor, _processing, _tagging, _galleries, _oven, _baking, _ready):
            look(tab, made)
            nothing_ran(tab, look.__name__)
        assert made.changed() == []
        made.take_jobs_out()
        lock.release()
        _grabber(tab, made)
        nothing_ran(tab, "grabber")
        _help(browser, tab)
        nothing_ran(tab, "help")
    assert made.changed() == []


def texts_of(found: Locator) -> list[str]:
    """With every character, which `all_inner_texts` tidies up."""
    texts: list[str] = found.evaluate_all("(nodes) => nodes.map((node) => node.textContent)")
    return texts


# --- the panels, as a person opens them ----------------------------------------------------------------


def _files(tab: Tab, section: str) -> None:
    """Each picture's name, as it is on the disk."""
    wanted = [f"{stem}.png" for stem in stems()]
    must_show(tab, section, wanted)


def _project(tab: Tab, made: Made) -> None:
    expect(tab.locator("#lb-project-switcher input")).to_have_value(PROJECT)
    expect(tab.locator("#lb-images .lb-cell").first).to_be_visible()
    scroll_through(tab, "#lb-images .lb-view")
    _files(tab, "project")
    must_show(tab, "project", [name.partition("_")[2] for name in FOLDERS])
    with pytest.raises(AssertionError, match="lacks or alters 1"):  # one sign more is another text
        must_show(tab, "project", [f"{stems()[0]}.png", f"{stems()[1]}_.png"])
    assert len(shown(tab, "project")) > len(TEXTS)


def _editor(tab: Tab, made: Made) -> None:
    open_section(tab, "editor")
    cells = tab.locator("#lb-editor .lb-cell")
    cells.first.click()
    read(tab)
    for number in range(-(-len(tags()) // EACH)):
        expect(tab.locator("#lb-editor .lb-name b")).to_have_text(f"{number:02d}.png")
        read(tab)
        expected = list(tags()[number * EACH : (number + 1) * EACH])
        chips = tab.locator("#lb-editor .lb-tag-name span")
        assert texts_of(chips) == expected
        tab.get_by_role("button", name="Next →").click()
    scroll_through(tab, "#lb-editor .lb-view")
    _files(tab, "editor")
    # The wiki's page of a tag, without the wiki's own signs.
    cells.first.click()
    read(tab)
    tab.locator("#lb-editor .lb-tag-name").first.click()
    tab.get_by_role("button", name="What is it?").click()
    expect(tab.locator(".lb-wiki-body p").nth(20)).to_be_visible()
    must_show(tab, "editor", [part for part in plain(WIKI).split("\n\n")[:20] if part])
    tab.locator(".lb-wiki").get_by_role("button", name="Close").click()
    # A script typed by hand is a tag like any other; what is offered meanwhile is text too.
    cells.first.click()
    read(tab)
    add_box(tab).click()
    tab.keyboard.type("<img/src=x")
    expect(tab.locator("#lb-completion [role=option]").first).to_be_visible()
    offered = texts_of(tab.locator(".lb-completion-tag"))
    assert offered
    assert set(offered) <= {*tags()}
    tab.keyboard.press("Escape")
    typed = "<svg/onload=lbran=9>${lbran=9}"
    add_box(tab).fill(typed)
    tab.keyboard.press("Enter")
    path = made.project.dataset_dir / "1_many" / "00.txt"
    wanted = made.captions[path] + f", {typed}".encode()
    _until(tab, lambda: path.read_bytes() == wanted)
    tab.locator("#lb-editor .lb-editor-steps button").first.click()
    _until(tab, lambda: path.read_bytes() == made.captions[path])


def _processing(tab: Tab, made: Made) -> None:
    """Every tag in the table; every caption in the list of what would change, with its folder's name."""
    open_section(tab, "processing")
    tab.locator("#lb-tags .lb-count-row").first.wait_for(timeout=WHILE_BAKING)
    scroll_through(tab, "#lb-tags .lb-counts-view")
    must_show(tab, "processing", tags())
    remove = tab.locator("#process-tags_to_remove")
    remove.fill("tail")
    tab.locator(".lb-diff-row img").first.wait_for(timeout=WHILE_BAKING)
    scroll_through(tab, "#lb-processing .lb-diff-view")
    # Where the name breaks the caption's line, the last tag is in another one, and stays.
    one_line = [stem for stem in stems() if len(stem.splitlines()) == 1]
    must_show(tab, "processing", [f"{stem}.png" for stem in one_line])
    must_show(tab, "processing", made.sets)
    remove.fill("")
    tab.get_by_text("What was done last").first.click()
    must_show(tab, "processing", [f"Remove {made.steps[-1]}"])


def _tagging(tab: Tab, made: Made) -> None:
    """What a tagger says of the pictures; its names of tags are from a file."""
    open_section(tab, "tagging")
    panel = tab.locator("#lb-tagging")
    panel.get_by_text("Compare the captions with the tagger").click()
    says = panel.get_by_role("region", name="The tagger says, you have not")
    says.get_by_role("button", name=re.compile("^Show all")).click()
    expect(says.locator(".lb-gen-row").nth(100)).to_be_attached()
    row = says.locator(".lb-gen-row").first
    row.locator("summary .lb-tagchip").click()
    row.locator(".lb-gen-one img").first.wait_for(timeout=WHILE_BAKING)
    rows = says.locator(".lb-gen-row .lb-tagchip")
    told = texts_of(rows)
    assert len(told) > 100
    assert set(told) <= {caption_form(tag) for tag in tags()}


def _galleries(tab: Tab, made: Made) -> None:
    """The sections that show all pictures."""
    for section, view in (
        ("concepts", "#lb-concepts .lb-con-left .lb-view"),
        ("curating", "#lb-curating .lb-view"),
        ("improving", "#lb-improving .lb-view"),
    ):
        open_section(tab, section)
        tab.locator(f"{view} .lb-cell").first.wait_for()
        scroll_through(tab, view)
        _files(tab, section)
        nothing_ran(tab, section)
    open_section(tab, "concepts")
    must_show(tab, "concepts", [folder.partition("_")[2] for folder in FOLDERS])
    open_section(tab, "duplicates")
    tab.locator("#lb-dup-find").click()
    tab.locator(".lb-dup-list .lb-cell").first.wait_for(timeout=WHILE_BAKING)
    scroll_through(tab, ".lb-dup-list")
    facts = shown(tab, "duplicates")
    assert sum(f"{stem}.png" in facts for stem in stems()) > 100


def _oven(tab: Tab, made: Made) -> None:
    """Settings of somebody else: what they are called and what they are set to."""
    open_section(tab, "oven")
    text, keys = strange_settings()
    file = made.project.root / "theirs.toml"
    file.write_text(text, encoding="utf-8")
    tab.locator("#lb-load-files").set_input_files(file)
    expect(tab.get_by_role("region", name="Settings in a file")).to_contain_text(keys[0])
    must_show(tab, "oven", keys)
    tab.get_by_role("region", name="Settings in a file").get_by_role("button", name="Leave").click()


def _baking(tab: Tab, made: Made) -> None:
    """A bake that failed with somebody's words, its prompts and its log; jobs that wait."""
    open_section(tab, "baking")
    panel = tab.locator("#lb-baking")
    expect(panel.locator(".lb-strip-row img").first).to_be_visible()
    expect(panel.locator(".lb-jobs li").first).to_be_visible()
    panel.get_by_text("Last lines of the log").click()
    for wanted in (made.prompts, made.log, [BAKE], made.jobs, [f"It went wrong: {TEXTS[0]}"]):
        must_show(tab, "baking", wanted)
    panel.locator(".lb-strip-row button").nth(3).click()
    expect(panel.locator("dialog .lb-prompt")).to_have_text(made.prompts[3])
    tab.keyboard.press("Escape")
    tab.locator("#lb-oven-open").click()
    expect(tab.locator("#lb-oven .lb-jobs li")).to_have_count(len(made.jobs))
    must_show(tab, "", made.jobs)
    tab.keyboard.press("Escape")


def _ready(tab: Tab, made: Made) -> None:
    """Grids of prompts, why their pictures failed, votes of friends, a LoRA of somebody's, the page to send."""
    open_section(tab, "ready")
    part = tab.locator("#lb-ready")
    part.get_by_text("Look at a LoRA file").click()
    lora = made.project.root / "${lbran=8}.safetensors"
    notes = strange_lora(lora)
    part.locator(".lb-lora-look input[type=file]").set_input_files(lora)
    for grid, texts in made.grids.items():
        part.get_by_label("Grid", exact=True).select_option(grid)
        expect(part.locator(".lb-cells thead th .lb-grid-label").first).to_have_text(texts[0])
        heads = texts_of(part.locator(".lb-cells thead th .lb-grid-label"))
        assert heads == made.labels(grid)
        must_show(tab, "ready", [*texts[::3], *texts[2:4]])
        nothing_ran(tab, grid)
    part.get_by_label("Grid", exact=True).select_option("grid0")
    part.get_by_text("Votes of friends").click()
    expect(part.locator(".lb-vote-friends li").first).to_be_visible()
    must_show(tab, "ready", made.friends)
    part.locator(".lb-grid-cell[data-state=done]").first.click()
    expect(part.locator(".lb-lightbox-caption")).to_contain_text(made.labels("grid0")[1])
    tab.keyboard.press("Escape")
    expect(part.locator(".lb-look-facts")).to_be_visible(timeout=WHILE_BAKING)
    must_show(tab, "ready", [lora.name, *notes])


def _grabber(tab: Tab, made: Made) -> None:
    """What a board says: shown, then written as captions."""
    open_section(tab, "grabber")
    panel, query = tab.locator("#lb-grabber"), tab.locator("#lb-grab-query")
    panel.get_by_role("checkbox", name="Gelbooru", exact=True).uncheck()
    panel.get_by_role("checkbox", name="Danbooru", exact=True).check()
    query.fill("solo")
    query.press("Enter")
    cells = panel.locator(".lb-grab-cell")
    expect(cells).to_have_count(len(posts()))
    cells.first.get_by_role("button", name="Look at").click()
    for _ in posts():
        tab.keyboard.press("ArrowRight")
    tab.keyboard.press("Escape")
    wanted = [unescape(tag) for tag in board_tags()]  # boards write some signs as entities
    must_show(tab, "grabber", wanted)
    for number in range(3):
        cells.nth(number).locator(".lb-grab-pick").click()
    tab.locator("#lb-grab-folder").fill("grabbed")
    tab.locator("#lb-grab-repeats").fill("3")
    tab.locator("#lb-grab-picked").click()
    expect(panel.locator(".lb-grab-job").first).to_contain_text(
        "Saved 3 pictures", timeout=WHILE_BAKING
    )
    folder = made.project.dataset_dir / "3_grabbed"
    written = [path.read_text(encoding="utf-8").rstrip("\n") for path in folder.glob("*.txt")]
    got = [tag for text in written for tag in text.split(", ")]
    newest = [
        tag for post in posts()[-3:] for tag in post.all_tags if tag not in post.tags["artist"]
    ]
    assert [tag for tag in newest if caption_form(unescape(tag)) not in got] == []


def _help(browser: Browser, tab: Tab) -> None:
    """A friend with such a name proposes a bake of such a project; the door shows the name as well."""
    tab.get_by_role("button", name="Let a friend help").click()
    panel = tab.get_by_role("region", name="Let a friend help")
    panel.get_by_role("button", name="Make a link").click()
    url = panel.locator(".lb-help-url").inner_text()
    friends = browser.new_context()
    friends.add_init_script(WATCH + REMEMBER)
    friend, code = friends.new_page(), "-"
    for name in ("<img src=x onerror=lbran=7>", '"><svg onload=lbran=6>'):
        panel.get_by_role("button", name="Code for a helper").click()
        shown_code = panel.locator(".lb-help-code code")
        expect(shown_code).not_to_have_text(code)
        code = shown_code.inner_text()
        friend.context.clear_cookies()
        friend.goto(url)
        friend.get_by_label("Your name").fill(name)
        friend.get_by_label("Code").fill("AAAAA-AAAAA")
        friend.get_by_role("button", name="Come in").click()
        expect(friend.get_by_label("Your name")).to_have_value(name)
        nothing_ran(friend, "the door")
        friend.get_by_label("Code").fill(code)
        friend.get_by_role("button", name="Come in").click()
        expect(friend.locator(".lb-help-strip")).to_contain_text(f"You help as {name}")
        expect(panel.locator(".lb-help-list").first).to_contain_text(f"{name} helps")
    open_section(friend, "baking")
    friend.locator("#lb-bake").click()
    expect(panel).to_contain_text(f"{name} proposes: Bake {PROJECT}")
    nothing_ran(friend, "the friend's page")
    friends.close()
    panel.get_by_role("button", name="End the link").click()


def _until(tab: Tab, done: Callable[[], object], seconds: float = 30) -> None:
    for _ in range(int(seconds / 0.1)):
        if done():
            return
        tab.wait_for_timeout(100)
    assert done()


# --- what is sent to others ------------------------------------------------------------------------------


def test_the_page_for_a_friend(browser: Browser, made: Made) -> None:
    """One file, opened from the disk: nothing runs, and every text is there as it was."""
    for grid, texts in made.grids.items():
        path = write_page(made.project.run(BAKE).grid_dir / grid)
        with watched(browser) as (context, _):
            context.add_init_script(WATCH)
            tab = context.new_page()
            tab.goto(path.as_uri())
            heads = texts_of(tab.locator("thead th"))
            assert heads[1:] == made.labels(grid)
            expect(tab.locator("#title")).to_have_text(texts[0])
            failed = texts_of(tab.locator("td .error"))
            assert failed == texts[::3]
            pictures = tab.locator("button.picture")
            for number in range(0, pictures.count(), 9):
                pictures.nth(number).evaluate(
                    "(node) => node.click()"
                )  # its column may be far away
                said = tab.locator("#made").evaluate("(node) => node.textContent")
                assert made.painted(grid)[number] in said
                tab.keyboard.press("Escape")
            tab.evaluate("localStorage.clear()")
            nothing_ran(tab, grid)
