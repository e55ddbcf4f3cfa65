"""A finished LoRA onto the Hugging Face Hub, when the user asks for it and with the user's own token.

The token goes from the user's file of keys into the requests' headers and nowhere else.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lorabake.core.errors import GridError, NetworkError
from lorabake.core.secrets import Secret, read_key
from lorabake.grid.handover.folders import workroom
from lorabake.grid.handover.job import Asked
from lorabake.grid.handover.make import hand_over
from lorabake.grid.handover.settings import NO_TOKEN

SERVICE = "huggingface"
README = "README.md"


def upload(asked: Asked, tell: Callable[[str], None]) -> dict[str, Any]:
    """Make the files, and bring them up as one commit; {url, names, said}.

    The repository is made when it is missing, private unless asked otherwise. A model card that is
    there already stays. Raises NetworkError, and GridError before anything is sent.
    """
    token = read_key(SERVICE)
    if token is None:
        raise GridError(NO_TOKEN)
    with workroom(asked.choice.run) as room:
        made = hand_over(asked.choice, asked.settings, room, card=True, tell=tell)
        files = {_name(placed.path): placed.path for placed in made.files}
        tell(f"Uploading to {asked.upload}")
        url, left_out = _bring_up(asked, files, token)
    said = [sentence for sentence in made.said if sentence]
    if left_out:
        said.append(f"The {README} that is there already was left as it is.")
    if not asked.private:
        said.append("Everybody can see it.")
    return {"url": url, "names": [name for name in files if name not in left_out], "said": said}


def _name(path: Path) -> str:
    return README if path.suffix == ".md" else path.name


def _bring_up(asked: Asked, files: dict[str, Path], token: Secret) -> tuple[str, set[str]]:
    """Its address, and the names that were left out."""
    from huggingface_hub import CommitOperationAdd, HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    api = HfApi(
        endpoint=os.environ.get("HF_ENDPOINT"), token=token.reveal(), library_name="lorabake"
    )
    try:
        url = api.create_repo(asked.upload, private=asked.private, exist_ok=True)
        there = api.model_info(asked.upload)
        if asked.private and there.private is False:
            raise GridError(
                f"{asked.upload} is there already and everybody can see it. Choose another name, "
                "or untick Private to add to it."
            )
        left_out = {README} & {file.rfilename for file in there.siblings or ()}
        adding = [
            CommitOperationAdd(name, path) for name, path in files.items() if name not in left_out
        ]
        api.create_commit(asked.upload, adding, commit_message=f"Add {asked.settings.name}")
    except HFValidationError:
        raise GridError(
            f"{asked.upload[:80]!r} is no name on Hugging Face. Write OWNER/NAME."
        ) from None
    except HfHubHTTPError as error:
        raise _refusal(error.response.status_code, asked.upload) from None
    except Exception as error:
        if type(error).__module__.partition(".")[0].startswith(("httpx", "httpcore")):
            raise NetworkError(
                "Hugging Face was not reached. Look at your connection and try again."
            ) from None
        raise
    return str(url), left_out


def _refusal(status: int, repo: str) -> NetworkError:
    if status in (401, 403):
        return NetworkError(
            f"Hugging Face does not let this token write to {repo} (HTTP {status}). "
            "It needs the right to write, and OWNER must be your name or your organisation's."
        )
    if status == 429:
        return NetworkError("Hugging Face has had too many requests (HTTP 429). Try again later.")
    return NetworkError(f"Hugging Face refused the upload (HTTP {status}). Try again later.")
