"""A finished LoRA onto the Hugging Face Hub, when the user asks for it and with the user's own token.

The token goes from the user's file of keys into the requests' headers and nowhere else.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lorabake.core.errors import GridError, NetworkError
from lorabake.core.limits import limits
from lorabake.core.secrets import Secret, read_key
from lorabake.grid.handover.folders import workroom
from lorabake.grid.handover.job import Asked
from lorabake.grid.handover.settings import NO_TOKEN

SERVICE = "huggingface"
README = "README.md"


def upload(asked: Asked, tell: Callable[[str], None]) -> dict[str, Any]:
    """Make the files, and bring them up as one commit; {url, names, said}.

    The repository is made when it is missing, private unless asked otherwise. A model card that is
    there already stays. Raises NetworkError, and GridError before anything is sent.
    """
    limits().require_network()
    token = read_key(SERVICE)
    if token is None:
        raise GridError(NO_TOKEN)
    hub = _Hub(asked.upload, token)
    tell(f"Asking for {asked.upload}")
    url, there = hub.repository(private=asked.private)
    said, files = _files(asked, tell, hub, skipped={README} & there)
    if README in there:
        said.append(f"The {README} that is there already was left as it is.")
    if not asked.private:
        said.append("Everybody can see it.")
    return {"url": url, "names": files, "said": said}


def _files(
    asked: Asked, tell: Callable[[str], None], hub: _Hub, *, skipped: set[str]
) -> tuple[list[str], list[str]]:
    """What was said while they were made, and the names that went up."""
    from lorabake.grid.handover.make import hand_over  # torch from here on

    with workroom(asked.choice.run) as room:
        made = hand_over(asked.choice, asked.settings, room, card=True, tell=tell)
        files = {_name(placed.path): placed.path for placed in made.files}
        going = {name: path for name, path in files.items() if name not in skipped}
        tell(f"Uploading to {asked.upload}")
        hub.commit(going, f"Add {asked.settings.name}")
    return list(made.said), list(going)


def _name(path: Path) -> str:
    return README if path.suffix == ".md" else path.name


class _Hub:
    """One repository, through huggingface_hub; every refusal becomes a sentence."""

    def __init__(self, repo: str, token: Secret) -> None:
        from huggingface_hub import HfApi

        self.repo = repo
        self.api = HfApi(
            endpoint=os.environ.get("HF_ENDPOINT"), token=token.reveal(), library_name="lorabake"
        )

    def repository(self, *, private: bool) -> tuple[str, set[str]]:
        """Its address, and the names of the files that are there; made when it is missing."""
        with self._sentences():
            url = self.api.create_repo(self.repo, private=private, exist_ok=True)
            there = self.api.model_info(self.repo)
        if private and there.private is False:
            raise GridError(
                f"{self.repo} is there already and everybody can see it. Choose another name, "
                "or untick Private to add to it."
            )
        return str(url), {file.rfilename for file in there.siblings or ()}

    def commit(self, files: Mapping[str, Path], title: str) -> None:
        from huggingface_hub import CommitOperationAdd

        adding = [CommitOperationAdd(name, path) for name, path in files.items()]
        with self._sentences():
            self.api.create_commit(self.repo, adding, commit_message=title)

    @contextmanager
    def _sentences(self) -> Iterator[None]:
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError

        try:
            yield
        except HFValidationError:
            raise GridError(
                f"{self.repo[:80]!r} is no name on Hugging Face. Write OWNER/NAME."
            ) from None
        except HfHubHTTPError as error:
            raise _refusal(error.response.status_code, self.repo) from None
        except Exception as error:
            if type(error).__module__.startswith(("httpx", "httpcore")):
                raise NetworkError(
                    "Hugging Face was not reached. Look at your connection and try again."
                ) from None
            raise


def _refusal(status: int, repo: str) -> NetworkError:
    if status in (401, 403):
        return NetworkError(
            f"Hugging Face does not let this token write to {repo} (HTTP {status}). "
            "It needs the right to write, and OWNER must be your name or your organisation's."
        )
    if status == 429:
        return NetworkError("Hugging Face has had too many requests (HTTP 429). Try again later.")
    return NetworkError(f"Hugging Face refused the upload (HTTP {status}). Try again later.")
