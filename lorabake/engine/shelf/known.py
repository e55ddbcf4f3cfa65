"""A short list of models that people start from, with where they come from and on what terms.

sizes and sha256 stand here only where several independent copies agree on them; otherwise the file
is checked against what the site announces.
"""

from __future__ import annotations

from dataclasses import dataclass

from lorabake.core.errors import ModelFileError
from lorabake.core.files import MIB
from lorabake.core.registry import unknown_name

SEE_PAGE = "see its page"
_FAIR = "Fair AI Public License 1.0-SD"
_TAGGER_FILES = ("model.onnx", "selected_tags.csv")
_OLDER = "An older list of tags; for captions like those of older LoRAs."


@dataclass(frozen=True)
class KnownModel:
    """A model on the list.

    repo: on Hugging Face; files: in that repo, none when its owner hands it out in another form.
    save_as: the name here (of a file, or of the folder for a tagger). mib: to download, about.
    sha256: of the first file, or None.
    """

    name: str
    title: str
    kind: str
    family: str | None
    licence: str
    page: str
    help: str
    repo: str = ""
    files: tuple[str, ...] = ()
    save_as: str = ""
    mib: int | None = None
    size: int | None = None
    sha256: str | None = None

    @property
    def can_download(self) -> bool:
        return bool(self.files)


def _hub(repo: str) -> str:
    return f"https://huggingface.co/{repo}"


def _tagger(name: str, title: str, mib: int, help: str) -> KnownModel:
    repo = f"SmilingWolf/{name}"
    return KnownModel(
        name, title, "tagger", None, "Apache-2.0", _hub(repo), help, repo, _TAGGER_FILES, name, mib
    )


KNOWN: tuple[KnownModel, ...] = (
    KnownModel(
        name="illustrious-xl-v0.1",
        title="Illustrious XL v0.1",
        kind="checkpoint",
        family="sdxl",
        licence=_FAIR,
        page=_hub("OnomaAIResearch/Illustrious-xl-early-release-v0"),
        help="What most anime LoRAs for SDXL are made for today. The preset “illustrious” is for it.",
        repo="OnomaAIResearch/Illustrious-xl-early-release-v0",
        files=("Illustrious-XL-v0.1.safetensors",),
        mib=6620,
    ),
    KnownModel(
        name="pony-diffusion-v6-xl",
        title="Pony Diffusion V6 XL",
        kind="checkpoint",
        family="sdxl",
        licence=f"{_FAIR}, modified with terms on commercial use; see its page",
        page="https://civitai.com/models/257749",
        help="The preset “pdxl” is for it. Wants clip skip 2 and score_9 in the prompt.",
        repo="AstraliteHeart/pony-diffusion-v6",
        files=("v6.safetensors",),
        save_as="ponyDiffusionV6XL.safetensors",
        mib=6617,
        size=6_938_041_050,
        sha256="67ab2fd8ec439a89b3fedb15cc65f54336af163c7eb5e4f2acc98f090a29b0b3",
    ),
    KnownModel(
        name="noobai-xl-vpred-v1.0",
        title="NoobAI XL v-pred 1.0",
        kind="checkpoint",
        family="sdxl",
        licence=f"{_FAIR}, with terms of its own (no commercial use); see its page",
        page=_hub("Laxhar/noobai-XL-Vpred-1.0"),
        help="Illustrious trained on; v-prediction with zero terminal SNR, which is found by itself.",
        repo="Laxhar/noobai-XL-Vpred-1.0",
        files=("NoobAI-XL-Vpred-v1.0.safetensors",),
        mib=6776,
        size=7_105_350_110,
        sha256="ea349eeae87ca8d25ba902c93810f7ca83e5c82f920edf12f273af004ae02819",
    ),
    KnownModel(
        name="nai-anime-v1",
        title="NovelAI Diffusion Anime V1 (SD 1.5's architecture)",
        kind="checkpoint",
        family="sd15",
        licence="CreativeML Open RAIL-M and CC BY-NC-SA 4.0",
        page=_hub("NovelAI/nai-anime-v1-full"),
        help=(
            "What the preset “nai15” is for. Its owner has released it; take it from that page and "
            "put the .safetensors form into the models folder. Copies from elsewhere are not offered."
        ),
    ),
    KnownModel(
        name="sd-1.5",
        title="Stable Diffusion 1.5",
        kind="checkpoint",
        family="sd15",
        licence="CreativeML Open RAIL-M",
        page=_hub("stable-diffusion-v1-5/stable-diffusion-v1-5"),
        help="The plain base of all SD 1.5 models; not an anime model.",
        repo="stable-diffusion-v1-5/stable-diffusion-v1-5",
        files=("v1-5-pruned-emaonly.safetensors",),
        mib=4068,
        size=4_265_146_304,
        sha256="6ce0161689b3853acaa03779ec93eafe75a02f4ced659bee03f50797806fa2fa",
    ),
    KnownModel(
        name="sdxl-vae-fp16-fix",
        title="SDXL VAE, fixed for fp16",
        kind="vae",
        family="sdxl",
        licence="MIT",
        page=_hub("madebyollin/sdxl-vae-fp16-fix"),
        help="The SDXL VAE that makes no black pictures in half precision.",
        repo="madebyollin/sdxl-vae-fp16-fix",
        files=("sdxl.vae.safetensors",),
        save_as="sdxl_vae_fp16_fix.safetensors",
        mib=320,
        size=334_641_162,
        sha256="235745af8d86bf4a4c1b5b4f529868b37019a10f7c0b2e79ad0abca3a22bc6e1",
    ),
    KnownModel(
        name="vae-ft-mse",
        title="VAE ft-MSE 840000",
        kind="vae",
        family="sd15",
        licence="MIT",
        page=_hub("stabilityai/sd-vae-ft-mse-original"),
        help="A sharper VAE for SD 1.5 models.",
        repo="stabilityai/sd-vae-ft-mse-original",
        files=("vae-ft-mse-840000-ema-pruned.safetensors",),
        mib=320,
        size=334_641_190,
        sha256="735e4c3a447a3255760d7f86845f09f937809baa529c17370d83e4c3758f3c75",
    ),
    _tagger("wd-eva02-large-tagger-v3", "WD tagger v3, EVA02 large", 1205, "The most exact one."),
    _tagger("wd-vit-tagger-v3", "WD tagger v3, ViT", 361, "Quick, and good on a processor alone."),
    _tagger("wd-swinv2-tagger-v3", "WD tagger v3, SwinV2", 446, "A little more exact than ViT."),
    _tagger("wd-convnext-tagger-v3", "WD tagger v3, ConvNeXt", 377, "As quick as ViT."),
    _tagger("wd-vit-large-tagger-v3", "WD tagger v3, ViT large", 1206, "Between ViT and EVA02."),
    _tagger("wd-v1-4-vit-tagger-v2", "WD tagger v1.4, ViT", 373, _OLDER),
    _tagger("wd-v1-4-convnext-tagger-v2", "WD tagger v1.4, ConvNeXt", 388, _OLDER),
    _tagger("wd-v1-4-convnextv2-tagger-v2", "WD tagger v1.4, ConvNeXt V2", 388, _OLDER),
    _tagger("wd-v1-4-swinv2-tagger-v2", "WD tagger v1.4, SwinV2", 387, _OLDER),
    _tagger("wd-v1-4-moat-tagger-v2", "WD tagger v1.4, MOAT", 326, _OLDER),
    KnownModel(
        name="4x-animesharp",
        title="4x-AnimeSharp",
        kind="upscaler",
        family=None,
        licence="CC BY-NC-SA 4.0",
        page=_hub("Kim2091/AnimeSharp"),
        help="Makes small anime pictures four times as wide.",
        repo="Kim2091/AnimeSharp",
        files=("4x-AnimeSharp.safetensors",),
        mib=32,
        size=33_467_822,
        sha256="7fc60054d291579acac4fb537efd91c80611cbd281ef8b90f434048cc1313b39",
    ),
)


def known(name: str) -> KnownModel:
    """The model of this name; ModelFileError with the names that there are."""
    for model in KNOWN:
        if model.name == name.strip().lower():
            return model
    raise ModelFileError(unknown_name("known model", name, tuple(model.name for model in KNOWN)))


def mib(size: int) -> float:
    return round(size / MIB, 1)
