"""The page in other languages: nothing is missing, nothing of the user's is translated, all of it fits."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import closing

import pytest

pytest.importorskip("playwright", reason="playwright is not installed") if not os.environ.get(
    "LORABAKE_REQUIRE_BROWSER"
) else None

from playwright.sync_api import Browser, BrowserContext, Route, expect  # noqa: E402
from playwright.sync_api import Page as Tab  # noqa: E402

from lorabake.ui.language import LANGUAGES, asked_for, say, words  # noqa: E402
from lorabake.ui.shell import SECTIONS  # noqa: E402
from tests.ui.browsing import make_project, open_section, visit, watched  # noqa: E402
from tests.ui.conftest import Page, running_page  # noqa: E402
from tests.ui.evening import make_evening  # noqa: E402
from tests.ui.screenshots import READY  # noqa: E402
from tools.texts import PARTS, known, of_python, of_script, sentences, texts, write  # noqa: E402

SENTENCES = sentences()
TEXTS = texts()
SCRIPTS = TEXTS - SENTENCES
CODES = [language.code for language in LANGUAGES]
PLACE = re.compile(r"\{\d+\}")


# --- which texts there are ----------------------------------------------------------------------------


def test_texts_of_a_script() -> None:
    source = """
      say(line, t`Move ${plural(n, "picture")} to ${where ? t`the bin` : `${x}`}`);
      const other = plural(boxes.filter((b) => b.on).length, "box", "boxes"); // not t of cat`x`
    """
    assert set(of_script(source)) == {
        "Move {0} to {1}",
        "the bin",
        "1 picture",
        "{0} pictures",
        "1 box",
        "{0} boxes",
    }


def test_texts_of_a_module() -> None:
    source = '''
"""A docstring is no text."""
TITLE = "Curating"
def f(name: str, n: int) -> str:
    """Nor is this one."""
    log.info("a line of the log")
    if n > 3:
        raise ValueError("what a programmer reads")
    if n > 2:
        raise LorabakeError(f"There is no {name!r} here, but {n:,} others.")
    cursor.execute("SELECT a FROM b WHERE c = ?")
    return {"state": "x", "said": f"Moved {plural(n, 'picture')} to the bin."}["said"]
'''
    assert set(of_python(source)) == {
        "Curating",
        "There is no {0} here, but {1} others.",
        "Moved {0} to the bin.",
        "1 picture",
        "{0} pictures",
    }


# Names, keys and examples of what is typed.
UNMARKED = {
    "kafka",
    "/path/to/models/Lora",
    "your-name/hsr_kafka",
    "Ctrl+J",
    "Space",
    "Enter",
    "U-Net",
    "English",
}
SAID = re.compile(
    r"""(?:\b(?:text|title|placeholder|word)|"(?:aria-label|aria-description)"):\s"([^"]*[A-Za-z]{3,}[^"]*)"
    |\b(?:say|sayFigures|remark|mark)\([^,()]+,\s"([^"]*[A-Za-z]{2,}\s[^"]*)"|\bnew\sError\("([^"]+)\"""",
    re.VERBOSE,
)


def test_no_script_forgets_the_mark() -> None:
    left = {
        (path.name, said)
        for path in PARTS.glob("*.js")
        for found in SAID.finditer(path.read_text(encoding="utf-8"))
        for said in found.groups()
        if said and said not in UNMARKED
    }
    assert not left


@pytest.mark.parametrize("name", ["drafts", "chips", "completion", "selection", "gridview"])
def test_captions_on_their_way_are_never_translated(name: str) -> None:
    """These scripts carry what the user wrote, to the disk and back."""
    assert "spoken(" not in (PARTS / f"{name}.js").read_text(encoding="utf-8")


@pytest.mark.parametrize("code", CODES)
def test_a_language_knows_every_text(code: str) -> None:
    missing, left = TEXTS - known(code).keys(), known(code).keys() - TEXTS
    assert not missing, f"python -m tools.texts lists them: {sorted(missing)[:5]}"
    assert not left, f"no longer needed; python -m tools.texts --tidy: {sorted(left)[:5]}"


@pytest.mark.parametrize("code", CODES)
def test_what_is_filled_in_stays(code: str) -> None:
    """No place is invented, and what is typed as it stands is typed as it stands."""
    for key, text in known(code).items():
        assert text.strip(), key
        assert set(PLACE.findall(text)) <= set(PLACE.findall(key)), (key, text)
        assert len(PLACE.findall(text)) == len(set(PLACE.findall(text))), (key, text)
        assert sorted(re.findall("`[^`]+`", text)) == sorted(re.findall("`[^`]+`", key)), key


@pytest.mark.parametrize("code", CODES)
def test_the_file_is_written_as_the_tool_writes_it(code: str, tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    from tools import texts as tool

    before = (tool.LANGUAGES / f"{code}.json").read_text(encoding="utf-8")
    found = known(code)
    monkeypatch.setattr(tool, "LANGUAGES", tmp_path)
    write(code, found)
    assert (tmp_path / f"{code}.json").read_text(encoding="utf-8") == before


def test_the_door_speaks_the_browsers_language() -> None:
    assert asked_for("ja,en;q=0.8") == "ja"
    assert asked_for("fr-FR, zh-TW;q=0.7") == "zh"
    assert asked_for("en-GB,ja") == asked_for("fr") == asked_for("") == asked_for(";;,") == ""
    assert say("Come in", "ja") == words("ja")["Come in"] != "Come in"
    assert say("not known at all", "ja") == "not known at all"
    assert say("Come in", "") == "Come in"


# --- in a browser -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def evening(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    root = tmp_path_factory.mktemp("evening") / "workspace"
    make_evening(root)
    with running_page(root) as running:
        yield running


def speak(context: BrowserContext, code: str) -> None:
    context.add_init_script(
        f"try {{ localStorage.setItem('lorabake:language', '\"{code}\"'); }} catch {{}}"
    )


@pytest.mark.browser
def test_switching(browser: Browser, evening: Page) -> None:
    # Not watched: Gradio tells the console of whatever was on its way when the page is loaded anew.
    with closing(browser.new_context()) as context:
        tab = visit(context, evening.address)
        assert tab.evaluate("document.documentElement.lang") == "en"
        for language in LANGUAGES:
            tab.locator(".lb-language").select_option(language.code)
            title = tab.locator("#sec-curating > button.label-wrap > span").first
            expect(title).to_have_text(words(language.code)["Curating"])
            assert tab.evaluate("document.documentElement.lang") == language.tag
            assert tab.locator(".lb-language").input_value() == language.code
        tab.locator(".lb-language").select_option("en")
        expect(tab.locator("#sec-curating > button.label-wrap > span").first).to_have_text(
            "Curating"
        )


@pytest.mark.browser
def test_the_browsers_language_is_the_first(browser: Browser, evening: Page) -> None:
    with watched(browser, locale="zh-CN") as (context, _):
        tab = visit(context, evening.address)
        tab.locator(READY["project"]).first.wait_for()
        assert tab.evaluate("document.documentElement.lang") == "zh-Hans"


@pytest.mark.browser
def test_sentences_of_python(browser: Browser, evening: Page) -> None:
    """By their shape, with what is filled in left alone."""
    made = {
        "Moved {0} to the bin.": "[{0} weg]",
        "{0} pictures": "[{0} Bilder]",
        "{0} and {1}": "[{0} & {1}]",
        "Name {0} is taken.": "[{0} vergeben]",
        "epoch {0}": "[{0}. Epoche]",
        "weight {0}": "[{0} stark]",
        "{0}, {1}, {2}, {3}, {4} are waited for": "[{0} {1} {2} {3} {4}]",
    }
    with watched(browser) as (context, _):
        context.route("**/lorabake/language/ja-*.json", lambda route: _answer(route, made))
        speak(context, "ja")
        tab = visit(context, evening.address)
        tab.locator(READY["project"]).first.wait_for()
        spoken = "text => window.lorabakeLanguage.spoken(text)"
        for english, other in {
            "Moved 14 pictures to the bin.": "[[14 Bilder] weg]",
            "Name cats and dogs is taken.": "[cats and dogs vergeben]",
            "cats and dogs": "cats and dogs",
            "epoch 1 · weight 0.6": "[1. Epoche] · [0.6 stark]",
            "Name a is taken. Moved 2 pictures to the bin.": "[a vergeben] [[2 Bilder] weg]",
            "Something else, that nobody has thought of.": "Something else, that nobody has thought of.",
            "a, b, c d, e, f are waited for": "[a b c d e f]",
            # What would take a pattern that goes back hours.
            ", " * 20_000: ", " * 20_000,
            "": "",
        }.items():
            assert tab.evaluate(spoken, english) == other


@pytest.mark.browser
def test_what_is_the_users_is_never_translated(browser: Browser, tmp_path_factory) -> None:  # type: ignore[no-untyped-def]
    """Captions, tags, names and folders that are spelled like words of the page."""
    root = tmp_path_factory.mktemp("named") / "workspace"
    captions = {"Curating": "Baking, Done, Undo, Pictures", "Grid": "Project, Keep, Search"}
    project = make_project(root, "Baking", captions, folder="2_Undo")
    with running_page(root) as page, watched(browser) as (context, _):
        speak(context, "ja")
        tab = visit(context, page.address)
        open_section(tab, "editor")
        for name, text in captions.items():
            tab.locator(f'#lb-editor .lb-cell:has(img[alt="{name}.png"])').click()
            expect(tab.locator("#lb-editor .lb-name b")).to_have_text(f"{name}.png")
            chips = tab.locator("#lb-editor .lb-tags-view .lb-tag-name > span")
            expect(chips).to_have_text(text.split(", "))
        expect(tab.locator("#lb-project-switcher input")).to_have_value("Baking")
        open_section(tab, "concepts")
        expect(tab.locator("#sec-concepts .lb-con-name b", has_text="Undo")).to_be_visible()
    for name, text in captions.items():
        path = project.dataset_dir / "2_Undo" / f"{name}.txt"
        assert path.read_text(encoding="utf-8") == text


# What stays as it is: names, figures, formats, and what the user wrote.
AS_IT_IS = re.compile(
    r"\.png|kafka|smile|1girl|solo|^tag \d|lorabake|dupeGuru|Grabber|booru|Rule34|yande\.re|Konachan|WD (tagger )?v|VAE"
    r"|SD ?1\.5|SDXL|NAI 1\.5|PDXL|Illustrious|Pony|CPU|U-Net|LoRA|LoCon|LoHa|LoKr|DoRA|Hugging|Civitai"
    r"|ReFocus|OpenModelDB|AnimeSharp|AdamW|Args$|BF16|fp16|bf16|REX|Huber|\.csv|\.pth|\.safetensors|[MG]B\b|px\b"
    r"|Practice|^(Esc|Enter|Tab|Home|End|Del|Space|Ctrl|Alt|Shift)\b|\(Esc\)|^\W*(JPG|PNG|WEBP|GIF)$|_[a-z]"
    r"|The disk is full|^processing \|$|^\^|Euler|DDIM|CFG|PLY|Prodigy"
)
LOOK = """() => {
  const found = [], mine = (text) => text.replace(/⟦[^]*⟧/g, "");
  const seen = (node) => { const box = node.getBoundingClientRect(); return box.width > 0 && box.height > 0; };
  const left = (node) => node.closest("script, style, svg:not(.lb-plot svg), .lb-language, code, kbd, textarea, .lb-guide-text");
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode, element = node.nodeType === 3 ? node.parentElement : node;
    if (left(element) || !seen(element)) continue;
    const said = node.nodeType === 3 ? [node.textContent] : ["title", "aria-label", "placeholder"].map((name) => node.getAttribute(name));
    for (const text of said) if (text && /[A-Za-z]{3,}/.test(mine(text))) found.push(mine(text).trim());
  }
  return found;
}"""


@pytest.mark.browser
def test_every_word_on_the_page_goes_through_a_language(browser: Browser, evening: Page) -> None:
    """With a language that puts every text into brackets, nothing is left outside of them."""
    made = {key: f"⟦{key}⟧" for key in TEXTS}
    left: dict[str, str] = {}
    with watched(browser) as (context, _):
        context.route("**/lorabake/language/ja-*.json", lambda route: _answer(route, made))
        speak(context, "ja")
        tab = visit(context, evening.address)
        for section in SECTIONS:
            open_section(tab, section.ID)
            tab.locator(READY[section.ID]).first.wait_for()
            tab.evaluate(
                "document.querySelectorAll('.lb-section details').forEach((d) => { d.open = true; })"
            )
            tab.wait_for_timeout(700)  # what the folds hold is read when they open
            for text in tab.evaluate(LOOK):
                if not AS_IT_IS.search(text) and text[0] != "⟦" and text[-1] != "⟧":
                    left.setdefault(text, section.ID)
    assert not left, json.dumps(left, indent=1, ensure_ascii=False)


@pytest.mark.browser
@pytest.mark.parametrize(("code", "width"), [("ja", 390), ("ja", 1280), ("zh", 390)])
def test_it_fits(code: str, width: int, browser: Browser, evening: Page) -> None:
    """No section is wider than the window, and no button's words are cut off."""
    with watched(browser, viewport={"width": width, "height": 900}) as (context, _):
        speak(context, code)
        tab = visit(context, evening.address)
        for section in SECTIONS:
            open_section(tab, section.ID)
            tab.locator(READY[section.ID]).first.wait_for()
            assert tab.evaluate("document.documentElement.scrollWidth") <= width, section.ID
            assert cut_off(tab) == [], section.ID


def cut_off(tab: Tab) -> list[str]:
    found: list[str] = tab.evaluate(
        """() => [...document.querySelectorAll(".lb-button, .lb-quiet")].filter((node) => {
          const box = node.getBoundingClientRect();
          return box.width > 0 && (node.scrollWidth > node.clientWidth + 2 || box.right > innerWidth + 1);
        }).map((node) => node.textContent)"""
    )
    return found


def _answer(route: Route, made: dict[str, str]) -> None:
    shared = {key for key in made if key not in SCRIPTS}
    parts = {
        "scripts": {key: text for key, text in made.items() if key not in shared},
        "sentences": {key: text for key, text in made.items() if key in shared},
    }
    route.fulfill(status=200, content_type="application/json", body=json.dumps(parts))
