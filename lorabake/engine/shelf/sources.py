"""What can be asked for, and what a site says it would send: names, sizes, hashes, addresses."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from lorabake.core.errors import ModelFileError, NetworkError
from lorabake.core.fetch import Wanted
from lorabake.core.http import HttpRefused, Key, Web
from lorabake.core.names import slug
from lorabake.core.secrets import Secret
from lorabake.engine.shelf.known import KNOWN, KnownModel, known

CIVITAI_VARIABLE = "CIVITAI_ENDPOINT"
MAX_FILE = 64 * 2**30  # bytes
MAX_LIST = 16 * 2**20  # bytes; a list of tags has 0.3 MiB
ACCEPTED = (".safetensors", ".onnx", ".csv")
USEFUL = ("checkpoint", "vae", "upscaler", "lora")
_REPO = re.compile(r"[\w][\w.-]{0,95}/[\w][\w.-]{0,95}", re.ASCII)
_FILE = re.compile(r"[\w][\w .()+-]*(/[\w][\w .()+-]*){0,6}", re.ASCII)
_REVISION = re.compile(r"[\w][\w.-]{0,99}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_BLOB = re.compile(r"[0-9a-f]{40}")
_COMMIT = re.compile(r"[0-9a-f]{40}")
# File names that say nothing without their repository.
_PLAIN = ("diffusion_pytorch_model", "model", "pytorch_model")
_CIVITAI_KINDS = {"checkpoint": "checkpoint", "vae": "vae", "upscaler": "upscaler", "lora": "lora"}


@dataclass(frozen=True)
class Spec:
    """What the user asked for. text: in the form in which it can be asked for again.

    source: "huggingface" or "civitai". kinds and family: what the file must turn out to be.
    folder: where in the models folder its files go, for models of several files.
    """

    text: str
    source: str
    kinds: tuple[str, ...] = USEFUL
    family: str | None = None
    repo: str = ""
    files: tuple[str, ...] = ()
    revision: str = "main"
    version: int = 0
    save_as: str = ""
    folder: str = ""
    size: int | None = None
    sha256: str | None = None

    @property
    def name(self) -> str:
        """A file name that stands for it, the same each time."""
        name = slug(self.text.replace("/", "-").replace(":", "-"), otherwise="download")
        if len(name) < 80:
            return name
        return f"{name[:70]}-{hashlib.sha256(self.text.encode()).hexdigest()[:8]}"


@dataclass(frozen=True)
class Offer:
    """One file that a site would send. name: as it will be called here."""

    name: str
    wanted: Wanted
    kinds: tuple[str, ...] = USEFUL


def parse_spec(text: str) -> Spec:
    """A known name, `hf:org/repo/file.safetensors[@revision]` or `civitai:123456`."""
    text = text.strip()
    source, colon, rest = text.partition(":")
    if colon and source.lower() in ("hf", "huggingface"):
        return _hub_spec(rest)
    if colon and source.lower() == "civitai":
        if not (rest.isascii() and rest.isdecimal() and len(rest) <= 12):
            raise ModelFileError(
                "Civitai versions are asked for by number: civitai:290640. It stands behind "
                "modelVersionId= in the address of the page."
            )
        return Spec(f"civitai:{int(rest)}", "civitai", version=int(rest))
    return _known_spec(known(text))


def _known_spec(model: KnownModel) -> Spec:
    if not model.can_download:
        raise ModelFileError(f"{model.title}: {model.help} See {model.page}.")
    return Spec(
        text=model.name,
        source="huggingface",
        kinds=(model.kind,),
        family=model.family if model.kind == "checkpoint" else None,
        repo=model.repo,
        files=model.files,
        save_as=model.save_as,
        folder=model.save_as if model.kind == "tagger" else "",
        size=model.size,
        sha256=model.sha256,
    )


def _hub_spec(text: str) -> Spec:
    path, _, revision = text.partition("@")
    parts = path.strip("/").split("/")
    repo, file = "/".join(parts[:2]), "/".join(parts[2:])
    wrong = not _REPO.fullmatch(repo) or (revision and not _REVISION.fullmatch(revision))
    if wrong or not file or not _FILE.fullmatch(file) or ".." in file or len(file) > 300:
        raise ModelFileError(
            "A file on Hugging Face is asked for as hf:owner/repository/file.safetensors, "
            "as it stands in the address of its page."
        )
    suffix = PurePosixPath(file).suffix.lower()
    if suffix not in ACCEPTED:
        raise ModelFileError(
            f"{suffix or 'This kind of'} files are not downloaded, because they may hide a program. "
            f"Choose a file that ends with {', '.join(ACCEPTED)}."
        )
    tagger = suffix != ".safetensors"
    full = f"hf:{repo}/{file}" + (f"@{revision}" if revision else "")
    return Spec(
        text=full,
        source="huggingface",
        kinds=("tagger",) if tagger else USEFUL,
        repo=repo,
        files=(file,),
        revision=revision or "main",
        folder=slug(parts[1]) if tagger else "",
    )


def offers(web: Web, spec: Spec, key: Secret | None) -> list[Offer]:
    """What the site would send for this. Raises NetworkError or ModelFileError with what to do."""
    if spec.source == "civitai":
        return [_civitai(web, spec, key)]
    return [_hub_file(spec, file, key) for file in spec.files]


def _hub_file(spec: Spec, file: str, key: Secret | None) -> Offer:
    """Ask the hub for a file's size, commit and hash, as huggingface_hub does."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # read once, when it is loaded
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    endpoint = (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")

    def address(revision: str) -> str:
        return hf_hub_url(spec.repo, file, revision=revision, endpoint=endpoint)

    problem, found = "", None
    try:
        found = get_hf_file_metadata(
            address(spec.revision),
            token=key.reveal() if key else False,
            endpoint=endpoint,
            library_name="lorabake",
            retry_on_errors=True,
        )
    except Exception as error:
        problem = _hub_problem(spec, file, error)
    if found is None:  # raised out here, so that the request with its headers does not hang on it
        raise NetworkError(problem)
    if found.commit_hash is None or not _COMMIT.fullmatch(found.commit_hash):
        raise NetworkError(f"{urlsplit(endpoint).hostname} does not answer as Hugging Face does.")
    etag = found.etag or ""
    main = file == spec.files[0]
    announced = etag.lower() if _SHA256.fullmatch(etag) else None
    if main and spec.sha256 and announced and announced != spec.sha256:
        raise NetworkError(
            f"{file} in {spec.repo} is not the file it was: its hash has changed. "
            "Look at its page before you download it by its full name."
        )
    wanted = Wanted(
        url=address(found.commit_hash),
        limit=MAX_LIST if file.endswith(".csv") else MAX_FILE,
        size=found.size,
        sha256=(spec.sha256 if main else None) or announced,
        git_blob=etag if _BLOB.fullmatch(etag) else None,
    )
    return Offer(_hub_name(spec, file, main), wanted, spec.kinds)


def _hub_problem(spec: Spec, file: str, error: Exception) -> str:
    from huggingface_hub import errors

    page = f"https://huggingface.co/{spec.repo}"
    if isinstance(error, errors.OfflineModeIsEnabled):
        return "Downloads are switched off (HF_HUB_OFFLINE is set). Unset it and try again."
    if isinstance(error, errors.GatedRepoError):
        return (
            f"{spec.repo} wants its terms accepted first. Do so on {page} while signed in, then "
            "enter your Hugging Face key (lorabake models key huggingface)."
        )
    if isinstance(error, errors.RepositoryNotFoundError):
        return f"There is no {spec.repo} on Hugging Face, or it is private and wants your key."
    if isinstance(error, errors.RevisionNotFoundError):
        return f"{spec.repo} has no version {spec.revision!r}. Look at {page}."
    if isinstance(error, errors.EntryNotFoundError):
        return f"{spec.repo} has no file {file}. Look at {page}."
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status in (401, 403):
        return f"Hugging Face does not accept the key for {spec.repo} (HTTP {status})."
    if status is not None:
        return f"Hugging Face could not serve {spec.repo} (HTTP {status}). Try again later."
    return "Hugging Face could not be reached. Check the connection, and try again."


def _hub_name(spec: Spec, file: str, main: bool) -> str:
    path = PurePosixPath(file)
    if spec.folder:
        return slug(path.name)
    if main and spec.save_as:
        return spec.save_as
    plain = path.name.split(".")[0] in _PLAIN
    parts = [spec.repo.split("/")[1], *path.parts[:-1]] if plain else []
    return slug("-".join([*parts, path.name]))


def _civitai(web: Web, spec: Spec, key: Secret | None) -> Offer:
    base = (os.environ.get(CIVITAI_VARIABLE) or "https://civitai.com").rstrip("/")
    try:
        told = web.json(
            f"{base}/api/v1/model-versions/{spec.version}", key=Key(key) if key else None
        )
    except HttpRefused as refused:
        if refused.status == 404:
            raise NetworkError(
                f"Civitai has no version {spec.version}. Take the number behind modelVersionId= "
                "in the address of the page."
            ) from None
        raise civitai_problem(refused) from None
    told = told if isinstance(told, dict) else {}
    kind = _CIVITAI_KINDS.get(str(_inner(told, "model").get("type", "")).lower())
    if kind is None:
        raise ModelFileError(
            f"Version {spec.version} on Civitai is no checkpoint, VAE, upscaler or LoRA, so it was "
            "not downloaded."
        )
    file = _civitai_file(told, spec.version)
    sha256 = str(_inner(file, "hashes").get("SHA256", ""))
    if not _SHA256.fullmatch(sha256):
        raise NetworkError("Civitai gives no hash for this file, so it cannot be checked.")
    url = str(file.get("downloadUrl", ""))
    if not url.startswith(f"{base}/api/download/"):
        url = f"{base}/api/download/models/{spec.version}"
    wanted = Wanted(url=url, limit=MAX_FILE, sha256=sha256.lower())
    name = slug(str(file["name"]), otherwise=f"civitai-{spec.version}.safetensors")
    return Offer(name, wanted, (kind,) if kind != "checkpoint" else USEFUL)


def _civitai_file(told: Mapping[str, Any], version: int) -> Mapping[str, Any]:
    """The main file of a version, among those that are safetensors and were found clean."""
    listed = told.get("files")
    files = [file for file in listed if isinstance(file, dict)] if isinstance(listed, list) else []
    safe = [file for file in files if str(file.get("name", "")).lower().endswith(".safetensors")]
    if not safe:
        raise ModelFileError(
            f"Version {version} on Civitai has no .safetensors file, and others may hide a program."
        )
    clean = [
        file
        for file in safe
        if all(
            file.get(f"{scan}ScanResult", "Success") == "Success" for scan in ("pickle", "virus")
        )
    ]
    if not clean:
        raise ModelFileError(
            f"Civitai has not found version {version} clean (yet), so it was not downloaded."
        )
    return max(clean, key=lambda file: (bool(file.get("primary")), file.get("type") == "Model"))


def civitai_problem(refused: HttpRefused) -> NetworkError:
    """Its refusals in words that say where the key goes."""
    if refused.status in (401, 403):
        return NetworkError(
            f"Civitai wants your key for this one (HTTP {refused.status}). Make one under "
            "Account settings › API keys there, and enter it (lorabake models key civitai)."
        )
    return refused


def _inner(told: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = told.get(name)
    return value if isinstance(value, dict) else {}


def known_names() -> tuple[str, ...]:
    """What `parse_spec` knows by name."""
    return tuple(model.name for model in KNOWN)
