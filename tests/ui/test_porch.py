"""The demo's door, on a Space and at home: its cookie, its frame, its hosts; and nobody is the owner."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from lorabake.core.limits import MODE_VARIABLE
from lorabake.ui.environment import the_space
from lorabake.ui.guard import Guard
from lorabake.ui.porch import COOKIE, FRAMED_COOKIE, DemoGate, Porch
from lorabake.ui.roles import who
from lorabake.ui.visitors import Visitors

HOST = "mika-lorabake.hf.space"
FRAMED = {
    "sec-fetch-mode": "navigate",
    "sec-fetch-dest": "iframe",
    "sec-fetch-site": "cross-site",
    "referer": "https://huggingface.co/",
    "x-forwarded-for": "1.2.3.4",
    "x-forwarded-proto": "https",
}


async def tell(_: Request) -> PlainTextResponse:
    return PlainTextResponse(who().role)


@pytest.fixture
def visitors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Visitors]:
    monkeypatch.setenv(MODE_VARIABLE, "demo")
    found = Visitors(tmp_path / "visitors")
    yield found
    found.close()


def browser(visitors: Visitors, host: str) -> TestClient:
    page = Starlette(routes=[Route("/", tell), Route("/config", tell)])
    gate = DemoGate(visitors, host)
    return TestClient(
        Porch(Guard(page, gate), gate),
        base_url=f"https://{host}" if host else "http://127.0.0.1:7860",
    )


def test_on_a_space_in_the_hubs_frame(visitors: Visitors) -> None:
    client = browser(visitors, HOST)
    first = client.get("/", headers=FRAMED)
    assert first.status_code == 200
    assert first.text == "nobody"  # of this very request; the cookie counts from the next on
    cookie = first.headers["set-cookie"]
    assert cookie.startswith(f"{FRAMED_COOKIE}=")
    for part in ("Path=/", "HttpOnly", "Secure", "SameSite=None", "Partitioned"):
        assert f"; {part}" in cookie
    assert "Domain" not in cookie
    assert len(cookie.split("=")[1].split(";")[0]) * 6 >= 128
    assert "frame-ancestors https://huggingface.co" in first.headers["content-security-policy"]
    assert first.headers["content-security-policy"].count("frame-ancestors") == 1
    assert "x-frame-options" not in first.headers
    assert first.headers["cache-control"] == "no-store"
    assert client.get("/config").text == "visitor"
    assert "set-cookie" not in client.get("/", headers=FRAMED).headers


def test_at_home_nobody_may_frame_it(visitors: Visitors) -> None:
    client = browser(visitors, "")
    first = client.get("/")
    assert first.headers["set-cookie"].startswith(f"{COOKIE}=")
    assert "SameSite=Lax" in first.headers["set-cookie"]
    assert "frame-ancestors 'none'" in first.headers["content-security-policy"]
    assert first.headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"origin": "https://huggingface.co"},
        {"origin": "https://evil.example"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"referer": "https://evil.example/"},
    ],
)
def test_other_sites_ask_in_vain(
    visitors: Visitors, headers: dict[str, str], figures: dict[str, Any]
) -> None:
    client = browser(visitors, HOST)
    client.get("/")
    assert client.get("/config", headers=headers).status_code == 403
    told = figures.setdefault("probes", {}).setdefault("at the demo on a Space", {"refused": 0})
    told["refused"] += 1


def test_no_header_makes_an_owner(visitors: Visitors) -> None:
    client = browser(visitors, HOST)
    for headers in (
        {},
        {"x-test-role": "owner"},
        {"x-forwarded-host": HOST},
        {"cookie": "lorabake=a"},
    ):
        assert client.get("/config", headers=headers).text == "nobody"


def test_the_space_is_found_and_gradio_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SPACE_ID", "SPACE_HOST", "SYSTEM"):
        monkeypatch.delenv(name, raising=False)
    assert the_space() is None
    monkeypatch.setenv("SPACE_ID", "Mika/Lora_Bake")
    found = the_space()
    assert found is not None
    assert found.host == "mika-lora-bake.hf.space"
    monkeypatch.setenv("SPACE_ID", "mika/lorabake")
    monkeypatch.setenv("SPACE_HOST", HOST)
    found = the_space()
    assert found is not None
    assert found.host == HOST
    assert the_space() is None  # taken out of the environment
