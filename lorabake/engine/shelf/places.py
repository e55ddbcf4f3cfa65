"""Where models may lie: the workspace, and where other programs keep theirs. Only looks."""

from __future__ import annotations

import os
import string
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lorabake.core.errors import WorkspaceError
from lorabake.core.files import atomic_write_json, read_json
from lorabake.core.home import expanded
from lorabake.core.lock import folder_lock
from lorabake.core.workspace import Workspace

FOLDERS_VARIABLE = "LORABAKE_MODEL_FOLDERS"
ELSEWHERE_VARIABLE = "LORABAKE_LOOK_ELSEWHERE"  # "0": only the workspace and added folders
SETTINGS = "shelf.json"
WORKSPACE = "workspace"
HUGGING_FACE = "Hugging Face"
MAX_ADDED = 50
_MAX_YAML = 64 * 1024  # bytes

# What an installation keeps its models in, below its own folder, and how it is then called.
_A1111 = (
    *("Stable-diffusion", "VAE", "ESRGAN", "RealESRGAN", "SwinIR", "DAT", "HAT", "SPAN"),
    *("TaggerOnnx", "interrogators"),
)
_COMFYUI = ("checkpoints", "vae", "upscale_models", "diffusers")
_STABILITY_MATRIX = ("StableDiffusion", "VAE", "ESRGAN", "RealESRGAN", "SwinIR")
_LORAS = {"A1111": "Lora", "ComfyUI": "loras", "StabilityMatrix": "Lora"}
_FOLDER_NAMES = (
    ("Forge", ("stable-diffusion-webui-forge", "sd-webui-forge", "sd-webui-forge-neo", "forge")),
    ("reForge", ("stable-diffusion-webui-reForge", "reforge")),
    ("A1111", ("stable-diffusion-webui", "automatic1111", "sd-webui", "webui")),
    ("A1111", ("stable-diffusion-webui-amdgpu", "stable-diffusion-webui-directml")),
    ("ComfyUI", ("ComfyUI", "comfyui", "ComfyUI_windows_portable/ComfyUI")),
    ("kohya", ("kohya_ss", "sd-scripts", "lora-scripts", "LoRA_Easy_Training_Scripts")),
    ("StabilityMatrix", ("StabilityMatrix", "StabilityMatrix/Data", ".config/StabilityMatrix")),
    ("Dataset Processor", ("DatasetProcessor", "DatasetProcessorDesktop", "DatasetHelpers")),
    ("TagGUI", ("taggui",)),
    ("Diffusion Toolkit", ("DiffusionToolkit", "Diffusion.Toolkit")),
)
_TAGGER_PROGRAMS = {
    "Dataset Processor": ("Models",),
    "TagGUI": ("models",),
    "Diffusion Toolkit": ("models/onnx",),
}
_UNDER_HOME = ("", "Documents", "Desktop", "Downloads", "AI", "ai", "apps", "git", "src")


@dataclass(frozen=True)
class Place:
    """A folder to look through. label: the program it belongs to, as people call it."""

    label: str
    root: Path


def places(workspace: Workspace) -> list[Place]:
    """Every folder to look through, the workspace's own first; each only once."""
    found = [Place(WORKSPACE, workspace.models_dir)]
    for folder in added_folders(workspace):
        found += _of_folder(folder, named="")
    for text in filter(None, os.environ.get(FOLDERS_VARIABLE, "").split(os.pathsep)):
        found += _of_folder(expanded(text), named="")
    if os.environ.get(ELSEWHERE_VARIABLE) == "0":
        return _once(found)
    for label, folder in _installations():
        found += _of_folder(folder, named=label)
    cache = hugging_face_cache()
    if _is_folder(cache):
        found.append(Place(HUGGING_FACE, cache))
    return _once(found)


def lora_places(workspace: Workspace) -> list[Place]:
    """The folders in which web UIs on this computer look for LoRAs; each only once."""
    found: list[Place] = []
    for folder in added_folders(workspace):
        found += _loras_of(folder, named="")
    for text in filter(None, os.environ.get(FOLDERS_VARIABLE, "").split(os.pathsep)):
        found += _loras_of(expanded(text), named="")
    if os.environ.get(ELSEWHERE_VARIABLE) != "0":
        for label, folder in _installations():
            found += _loras_of(folder, named=label)
    return _once(found)


def hugging_face_cache() -> Path:
    """Where huggingface_hub keeps what it downloads; the same variables, asked in its order."""
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if os.environ.get(name):
            return expanded(os.environ[name])
    home = os.environ.get("HF_HOME")
    if not home:
        cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
        home = f"{cache}/huggingface"
    return expanded(home) / "hub"


def added_folders(workspace: Workspace) -> list[Path]:
    """The folders the user has added, in that order."""
    try:
        settings = read_json(workspace.root / SETTINGS)
    except (OSError, WorkspaceError):
        return []
    folders = settings.get("folders") if isinstance(settings, dict) else None
    if not isinstance(folders, list):
        return []
    return [Path(text) for text in folders[:MAX_ADDED] if isinstance(text, str) and text]


def add_folder(workspace: Workspace, folder: Path) -> Path:
    """Remember a folder (of models, or of a program that has them) to look through."""
    folder = expanded(folder).absolute()
    if not _is_folder(folder):
        raise WorkspaceError(f"There is no folder {folder}. Give the full path of a folder.")
    with folder_lock(workspace.root):
        folders = [known for known in added_folders(workspace) if known != folder]
        if len(folders) >= MAX_ADDED:
            raise WorkspaceError(f"At most {MAX_ADDED} folders can be added. Remove one first.")
        _remember(workspace, [*folders, folder])
    return folder


def remove_folder(workspace: Workspace, folder: Path) -> None:
    """Stop looking through a folder; nothing in it is touched."""
    folder = expanded(folder).absolute()
    with folder_lock(workspace.root):
        _remember(workspace, [known for known in added_folders(workspace) if known != folder])


def _remember(workspace: Workspace, folders: Iterable[Path]) -> None:
    record = {"format": 1, "folders": [str(folder) for folder in folders]}
    atomic_write_json(workspace.root / SETTINGS, record)


def _of_folder(folder: Path, *, named: str) -> list[Place]:
    """The places in an installation; in a folder of no known program, the folder itself."""
    if not _is_folder(folder):
        return []
    models = folder / "models"
    if _is_folder(models / "Stable-diffusion"):
        label = named or _webui(folder)
        return [*_below(label, models, _A1111), *_taggers(label, folder / "extensions")]
    if _is_folder(models / "checkpoints"):
        return _comfyui(folder)
    for data in (folder / "Models", folder / "Data" / "Models"):
        if _is_folder(data / "StableDiffusion"):
            return _below("StabilityMatrix", data, _STABILITY_MATRIX)
    if named in _TAGGER_PROGRAMS:
        return _below(named, folder, _TAGGER_PROGRAMS[named])
    if named == "kohya":
        taggers = _below(named, folder, ("wd14_tagger_model", "huggingface"))
        return [*_below(named, folder, ("models", "sd-models")), *taggers]
    return [] if named else [Place(folder.name or str(folder), folder)]


def _webui(folder: Path) -> str:
    """Which of A1111's kin an installation is."""
    forge = _is_folder(folder / "modules_forge") or "forge" in folder.name.casefold()
    reforge = "reforge" in folder.name.casefold()
    return "reForge" if reforge else "Forge" if forge else "A1111"


def _loras_of(folder: Path, *, named: str) -> list[Place]:
    """An installation's folders of LoRAs; none in a folder of no known program."""
    models = folder / "models"
    if _is_folder(models / "Stable-diffusion"):
        return _below(named or _webui(folder), models, [_LORAS["A1111"]])
    if _is_folder(models / "checkpoints"):
        extra = _extra_model_paths(folder / "extra_model_paths.yaml", ("loras",))
        own = _below("ComfyUI", models, [_LORAS["ComfyUI"]])
        return [*own, *(Place("ComfyUI", path) for path in extra)]
    for data in (folder / "Models", folder / "Data" / "Models"):
        if _is_folder(data / "StableDiffusion"):
            return _below("StabilityMatrix", data, [_LORAS["StabilityMatrix"]])
    return []


def _comfyui(folder: Path) -> list[Place]:
    found = _below("ComfyUI", folder / "models", _COMFYUI)
    found += _taggers("ComfyUI", folder / "custom_nodes")
    for extra in _extra_model_paths(folder / "extra_model_paths.yaml"):
        found.append(Place("ComfyUI", extra))
    return found


def _taggers(label: str, extensions: Path) -> list[Place]:
    """Extensions that tag keep their models in their own folder."""
    with suppress(OSError):
        return [
            Place(label, path)
            for path in sorted(extensions.iterdir())
            if "wd14" in path.name.casefold() and _is_folder(path)
        ]
    return []


def _below(label: str, folder: Path, names: Iterable[str]) -> list[Place]:
    return [Place(label, folder / name) for name in names if _is_folder(folder / name)]


def _extra_model_paths(path: Path, keys: Iterable[str] = _COMFYUI) -> Iterator[Path]:
    """Folders that ComfyUI is told to use as well: plain `key: value` lines, nothing cleverer."""
    try:
        text = path.read_bytes()[:_MAX_YAML].decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return
    base, key = path.parent, ""
    for line in text.splitlines():
        content = line.split(" #")[0].rstrip()
        stripped = content.strip()
        if not stripped or stripped.startswith("#"):
            continue
        if not content.startswith((" ", "\t")):
            base, key = path.parent, ""  # a new section
            continue
        name, colon, value = stripped.partition(": ")
        if stripped.endswith(":") and not colon:
            name, colon, value = stripped[:-1], ":", ""
        if colon and (name.isidentifier() or "-" in name):
            key = name
        else:
            value = stripped  # one more line of `key: |`
        value = value.strip("'\"")
        if key == "base_path" and value:
            base = (path.parent / expanded(value)).absolute()
        elif key in keys and value not in ("", "|", ">"):
            folder = base / expanded(value)
            if _is_folder(folder):
                yield folder


def _installations() -> Iterator[tuple[str, Path]]:
    """Well-known programs where people usually put them."""
    for parent in _parents():
        for label, names in _FOLDER_NAMES:
            for name in names:
                yield label, parent / name
    if sys.platform == "win32" and os.environ.get("APPDATA"):
        yield "StabilityMatrix", Path(os.environ["APPDATA"]) / "StabilityMatrix"
    yield from _stability_matrix_library()


def _stability_matrix_library() -> Iterator[tuple[str, Path]]:
    """Its settings name the folder that the user chose for its data."""
    roaming = os.environ.get("APPDATA") or Path.home() / ".config"
    with suppress(OSError, WorkspaceError):
        settings = read_json(Path(roaming) / "StabilityMatrix" / "library.json", limit=_MAX_YAML)
        chosen = settings.get("LibraryPath") if isinstance(settings, dict) else None
        if isinstance(chosen, str) and chosen:
            yield "StabilityMatrix", Path(chosen)


def _parents() -> Iterator[Path]:
    try:
        home = Path.home()
    except RuntimeError:  # a user without a home
        return
    for name in _UNDER_HOME:
        yield home / name
    if sys.platform == "win32":
        for letter in string.ascii_uppercase[2:]:
            drive = Path(f"{letter}:\\")
            if _is_folder(drive):
                yield from (drive, drive / "AI")
    else:
        yield Path("/opt")


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # no permission on the way there; a name no system could have
        return False


def _once(found: Iterable[Place]) -> list[Place]:
    """The same folder under two names is one place: that which came first."""
    kept: dict[Path, Place] = {}
    for place in found:
        try:
            real = place.root.resolve()
        except (OSError, RuntimeError):  # links that lead in a circle
            continue
        kept.setdefault(real, place)
    return list(kept.values())
