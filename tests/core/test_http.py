"""The door to the network: what goes out, what comes in, and what is refused on the way."""

from __future__ import annotations

import hashlib
import socket
import threading
import time
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest

from lorabake.core import fetch as fetching
from lorabake.core.addresses import check_address, is_public
from lorabake.core.errors import DiskFull, NetworkError, Stopped
from lorabake.core.fetch import Wanted, fetch
from lorabake.core.http import ConnectionBroken, HttpRefused, Key, Web
from lorabake.core.secrets import Secret
from tests.engine.hub_server import Site, serving

DATA = bytes(range(256)) * 4096  # 1 MiB
SHA = hashlib.sha256(DATA).hexdigest()
KEY = "k3y-th4t-stays"


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("LORABAKE_ALLOW_LOCAL_HTTP", "1")
    with serving() as site:
        site.contents["thing"] = DATA
        yield site


@pytest.fixture
def web() -> Web:
    return Web(timeout=(5.0, 1.5), backoff=0.01)  # the server's thread may be late


def wanted(site: Site, **changes: object) -> Wanted:
    usual = {"url": f"{site.files}/plain/thing", "limit": 2**30, "size": len(DATA), "sha256": SHA}
    return Wanted(**(usual | changes))  # type: ignore[arg-type]


# --- where it may go -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.8", "192.168.1.1", "172.16.0.1", "169.254.169.254", "100.64.0.1",
        "0.0.0.0", "224.0.0.1", "::1", "fe80::1", "fc00::1", "ff02::1", "::ffff:127.0.0.1",
        "64:ff9b::a00:1", "2002:7f00:1::", "::",
    ],
)  # fmt: skip
def test_addresses_inside_are_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700::1111", "64:ff9b::101:101"])
def test_addresses_outside_are(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/a", "ftp://example.org/a", "file:///etc/passwd", "https://", "https:///x",
        "https://user:hunter2@example.org/", "https://127.0.0.1/", "https://[::1]:8/", "http://localhost/",
        "https://169.254.169.254/latest", "https://example.org:99999/", "javascript:1",
    ],
)  # fmt: skip
def test_addresses_that_are_not_opened(url: str) -> None:
    with pytest.raises(NetworkError) as refused:
        check_address(url)
    assert "hunter2" not in str(refused.value)


def test_a_name_that_leads_to_this_machine_is_noticed_on_connecting() -> None:
    """A check before connecting could be fooled; the other end of the socket cannot."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def listen() -> None:
            connection, _ = server.accept()
            with connection:
                heard.append(connection.recv(100))

        listener = threading.Thread(target=listen, daemon=True)
        listener.start()
        with pytest.raises(NetworkError, match="inside this machine"):
            Web(tries=1).json(f"https://localhost:{port}/")
        listener.join(5)
    assert heard == [b""], "not one byte may be sent"


def test_a_redirect_to_a_private_address_is_not_followed(site: Site, web: Web) -> None:
    for plan in ("to private", "to metadata", "to plain"):
        site.misbehave(plan)
        with pytest.raises(NetworkError), web.open(f"{site.hub}/api/download/models/1"):
            pass


def test_redirects_end(site: Site, web: Web) -> None:
    with pytest.raises(NetworkError, match="without end"), web.open(f"{site.hub}/loop"):
        pass
    assert len(site.requests) == 6


# --- keys ----------------------------------------------------------------------------------------


def test_a_key_goes_to_its_own_site_only(site: Site, web: Web) -> None:
    site.contents["civitai/1"] = b"x"
    with web.open(f"{site.hub}/api/download/models/1", key=Key(Secret(KEY))) as answer:
        assert answer.read(10) == b"x"
    first, second = site.requests
    assert first.headers["authorization"] == f"Bearer {KEY}"
    assert "authorization" not in second.headers
    assert second.port != first.port


def test_a_secret_does_not_show(site: Site, web: Web) -> None:
    secret = Secret(KEY)
    assert KEY not in f"{secret} {secret!r} {Key(secret)!r}"
    with pytest.raises(HttpRefused) as refused:
        web.json(f"{site.hub}/nothing/here", params={"api_key": KEY}, key=Key(secret))
    error: BaseException | None = refused.value
    while error is not None:
        assert KEY not in repr(error)
        error = error.__context__


def test_passwords_of_netrc_stay_at_home(
    site: Site, web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password mine\n", encoding="ascii")
    monkeypatch.setenv("NETRC", str(netrc))
    with web.open(f"{site.files}/plain/thing"):
        pass
    assert "authorization" not in site.requests[0].headers


def test_who_we_are_is_said(site: Site, web: Web) -> None:
    with web.open(f"{site.files}/plain/thing"):
        pass
    assert site.requests[0].headers["user-agent"].startswith("lorabake/")


# --- patience ------------------------------------------------------------------------------------


def test_a_busy_site_is_asked_again_when_it_says(site: Site, web: Web) -> None:
    site.misbehave("busy")
    began = time.monotonic()
    with web.open(f"{site.files}/plain/thing") as answer:
        assert answer.read(2**21) == DATA
    assert time.monotonic() - began >= 1, "Retry-After: 1"


def test_a_site_that_wants_hours_is_left_alone(site: Site, web: Web) -> None:
    site.misbehave("very busy")
    with pytest.raises(HttpRefused, match="120 minutes"), web.open(f"{site.files}/plain/thing"):
        pass
    assert len(site.requests) == 1


def test_requests_to_one_host_keep_their_distance(site: Site) -> None:
    web = Web(pace=0.2)
    began = time.monotonic()
    for _ in range(3):
        with web.open(f"{site.files}/plain/thing"):
            pass
    assert time.monotonic() - began >= 0.4


def test_waiting_can_be_stopped(site: Site) -> None:
    site.misbehave("busy in a while", times=9)
    began = time.monotonic()
    web = Web(should_stop=lambda: time.monotonic() - began > 0.3)
    with pytest.raises(Stopped), web.open(f"{site.files}/plain/thing"):
        pass
    assert time.monotonic() - began < 20, "Retry-After: 30"


def test_a_site_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LORABAKE_ALLOW_LOCAL_HTTP", "1")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(NetworkError, match="could not be reached"):
        Web(tries=2, backoff=0.01).json(f"http://127.0.0.1:{port}/?key={KEY}")


def test_answers_have_a_limit(site: Site, web: Web) -> None:
    with pytest.raises(NetworkError, match="more than 64 KiB"):
        web.json(f"{site.files}/plain/thing", limit=64 * 1024)
    with pytest.raises(NetworkError, match="expected form"):
        web.json(f"{site.files}/plain/thing")


# --- large files ---------------------------------------------------------------------------------


def test_a_file_comes_whole(site: Site, web: Web, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    part = tmp_path / "thing.part"
    fetch(web, wanted(site), part, on_progress=lambda done, total: seen.append((done, total)))
    assert part.read_bytes() == DATA
    assert seen[0] == (0, len(DATA))
    assert seen[-1] == (len(DATA), len(DATA))
    assert [path.name for path in tmp_path.iterdir()] == ["thing.part"]


@pytest.mark.parametrize("plan", ["truncate", "stall"])
def test_a_broken_connection_goes_on_where_it_was(
    plan: str, site: Site, web: Web, tmp_path: Path
) -> None:
    site.misbehave(plan)
    fetch(web, wanted(site), tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == DATA
    assert site.ranges() == [f"bytes={len(DATA) // 2}-"]


def test_a_server_without_ranges_sends_it_again(site: Site, web: Web, tmp_path: Path) -> None:
    site.misbehave("truncate")
    site.misbehave("no ranges")
    fetch(web, wanted(site), tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == DATA


def test_a_changed_file_is_not_glued_to_the_old_one(site: Site, web: Web, tmp_path: Path) -> None:
    """Nothing is known beforehand, so the server's ETag has to tell."""
    part = tmp_path / "part"
    loose = wanted(site, size=None, sha256=None)
    site.misbehave("truncate")
    site.misbehave("truncate")
    stopping = Web(timeout=(5.0, 1.5), should_stop=lambda: part.exists())
    with pytest.raises(Stopped):
        fetch(stopping, loose, part)
    site.contents["thing"] = new = DATA[::-1]
    fetch(web, loose, part)
    assert part.read_bytes() == new


def test_what_a_stop_left_is_gone_on_with(site: Site, web: Web, tmp_path: Path) -> None:
    part = tmp_path / "part"
    with pytest.raises(Stopped):
        fetch(Web(should_stop=lambda: part.exists()), wanted(site), part)
    have = part.stat().st_size
    assert 0 < have < len(DATA)
    fetch(web, wanted(site), part)
    assert part.read_bytes() == DATA
    assert site.ranges() == [f"bytes={have}-"]


def test_a_spoilt_beginning_is_fetched_anew(site: Site, web: Web, tmp_path: Path) -> None:
    part = tmp_path / "part"
    with pytest.raises(Stopped):
        fetch(Web(should_stop=lambda: part.exists()), wanted(site), part)
    part.write_bytes(b"\0" * part.stat().st_size)
    fetch(web, wanted(site), part)
    assert part.read_bytes() == DATA


def test_a_wrong_file_is_removed(site: Site, web: Web, tmp_path: Path) -> None:
    site.misbehave("wrong")
    with pytest.raises(NetworkError, match="hash differs"):
        fetch(web, wanted(site), tmp_path / "part")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("plan", "says"),
    [("html", "sent a web page"), ("huge", "larger than|instead of")],
)
def test_what_is_no_file(plan: str, says: str, site: Site, web: Web, tmp_path: Path) -> None:
    site.misbehave(plan)
    with pytest.raises(NetworkError, match=says):
        fetch(web, wanted(site), tmp_path / "part")
    assert not (tmp_path / "part").exists()


def test_a_file_over_the_limit_is_not_begun(site: Site, web: Web, tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match="larger than"):
        fetch(web, wanted(site, limit=1000), tmp_path / "part")
    with pytest.raises(NetworkError, match="larger than"):
        fetch(web, wanted(site, limit=1000, size=None), tmp_path / "part")
    assert not (tmp_path / "part").exists()


def test_it_gives_up_on_a_line_that_brings_nothing(site: Site, web: Web, tmp_path: Path) -> None:
    site.contents["thing"] = b"ab"
    site.misbehave("truncate", times=99)  # of two bytes one comes, then of one none
    with pytest.raises(ConnectionBroken):
        fetch(web, wanted(site, size=2, sha256="0" * 64), tmp_path / "part")
    assert len(site.requests) < 10


def test_a_disk_without_room_is_refused_before(
    site: Site, web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "MARGIN", 2**60)
    with pytest.raises(DiskFull, match="MiB and try again"):
        fetch(web, wanted(site), tmp_path / "part")


def test_a_disk_that_fills_up_is_said_in_a_sentence(site: Site, web: Web, tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    import signal

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    deaf = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, before[1]))
        with pytest.raises(DiskFull, match="The disk is full"):
            fetch(web, wanted(site), tmp_path / "part")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, deaf)
    fetch(web, wanted(site), tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == DATA
