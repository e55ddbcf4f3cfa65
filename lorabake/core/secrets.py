"""The user's keys for sites that want one: kept in a file that only this user can read.

They never travel in a command line, an event, a log or a message.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import platformdirs

from lorabake.core.errors import WorkspaceError
from lorabake.core.files import disk_full_as_sentence, read_json, replace, temporary_beside
from lorabake.core.limits import limits

CONFIG_VARIABLE = "LORABAKE_CONFIG"
SERVICES = {"huggingface": "Hugging Face", "civitai": "Civitai"}
BOARDS = {  # accounts of boorus; kept as "user:key"
    "gelbooru": "Gelbooru",
    "rule34": "Rule34",
    "danbooru": "Danbooru",
    "safe-danbooru": "Safebooru (Danbooru)",
    "e621": "e621",
    "e926": "e926",
    "yandere": "yande.re",
    "konachan": "Konachan",
}
_KNOWN = SERVICES | BOARDS
MAX_KEY = 500  # characters
_ONLY_ME = 0o600


class Secret:
    """A text that does not show itself: not when printed, formatted, pickled or compared aloud."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself; for the header it goes into, and nothing else."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __reduce__(self) -> str:
        raise TypeError("a secret is not written down")


def keys_path() -> Path:
    """The file of keys in the user's own configuration folder, outside of every workspace."""
    chosen = os.environ.get(CONFIG_VARIABLE)
    folder = Path(chosen) if chosen else platformdirs.user_config_path("lorabake", appauthor=False)
    return folder / "keys.json"


def read_key(service: str) -> Secret | None:
    """The key for a service of SERVICES; None when there is none, or none may be kept."""
    if not limits().keys:
        return None
    text = _read().get(_known(service))
    return Secret(text) if text else None


def write_key(service: str, key: str) -> None:
    """Remember a key, or forget it when it is empty."""
    limits().require_keys()
    service, key = _known(service), key.strip()
    if key and not (key.isascii() and key.isprintable() and " " not in key and len(key) <= MAX_KEY):
        raise WorkspaceError(
            f"This does not look like a key of {_KNOWN[service]}: a key is one word of letters "
            "and digits. Copy it again from the site's account page."
        )
    keys = {name: text for name, text in _read().items() if name != service}
    _write(keys | ({service: key} if key else {}))


def _known(service: str) -> str:
    if service not in _KNOWN:
        raise WorkspaceError(f"There are keys for {', '.join(_KNOWN)} only.")
    return service


def _read() -> dict[str, str]:
    path = keys_path()
    try:
        if os.name == "posix" and path.stat().st_mode & 0o077:
            path.chmod(_ONLY_ME)  # copied from elsewhere, say
        keys = read_json(path, limit=64 * 1024)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise WorkspaceError(f"{path} cannot be read ({error.strerror}).") from None
    except WorkspaceError:
        # The sentence of a JSON error may quote what it stumbled over.
        raise WorkspaceError(f"{path} is damaged. Delete it and enter your keys again.") from None
    if not isinstance(keys, dict):
        raise WorkspaceError(f"{path} is damaged. Delete it and enter your keys again.")
    return {name: text for name, text in keys.items() if name in _KNOWN and isinstance(text, str)}


def _write(keys: Mapping[str, str]) -> None:
    """As `atomic_write_json`, but nobody else can read the file at any moment."""
    path = keys_path()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = temporary_beside(path)
    with disk_full_as_sentence(path):
        try:
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _ONLY_ME)
            with open(handle, "w", encoding="utf-8") as file:  # noqa: PTH123 - the handle is open
                json.dump(dict(keys), file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            replace(temporary, path)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise
