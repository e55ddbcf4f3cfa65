"""What can be chosen for "Improving the quality": how pictures are enlarged, and their contrast."""

from __future__ import annotations

from dataclasses import dataclass

from lorabake.core.settings import setting

OFF, LANCZOS = "off", "lanczos"  # what else may stand where the name of a model does
FITS = ("bucket", "factor")
ALPHAS = ("keep", "white")
MAX_FACTOR = 8.0


@dataclass(frozen=True, kw_only=True)
class EnhanceSettings:
    """One improvement: first the upscaler, then the contrast. Without either, nothing is done."""

    upscaler: str = setting(
        LANCZOS,
        "Upscaler",
        help="A model that spandrel reads (.pth, .safetensors), lanczos without a model, or "
        "off. The guide: ReFocus Cleanly for old and blurry screencaps; on sharp pictures "
        "it does harm.",
        longest=400,
    )
    fit: str = setting(
        "bucket",
        "Size afterwards",
        help="bucket: as large as the picture's bucket needs, and never smaller than it is. "
        "factor: so many times as wide and high as it is, as the guide's Resize.",
        choices=FITS,
    )
    factor: float = setting(
        1.0,
        "Resize",
        unit="times",
        help="The guide: 1 keeps the size, for models such as ReFocus Cleanly that only "
        "sharpen. Higher is larger than a bake needs; lower throws detail away.",
        minimum=0.25,
        maximum=MAX_FACTOR,
    )
    strength: float = setting(
        1.0,
        "Strength",
        help="How much of the model there is in the result; the rest is the picture itself. Not "
        "in the guide; 1 is all of it. Too high, and lines get hard; lower keeps more of "
        "the picture, 0 all of it.",
        minimum=0.0,
        maximum=1.0,
    )
    alpha: str = setting(
        "keep",
        "Transparent areas",
        help="keep: they stay. white: they become white, as a bake shows them to the model. Not "
        "in the guide.",
        choices=ALPHAS,
    )
    contrast: bool = setting(
        False,
        "Change the contrast",
        help="For old screencaps that look washed out: the guide points to an article that does "
        "so. Off for good drawings, which do not need it.",
    )
    clip: float = setting(
        0.3,
        "Black and white point",
        help="So much of the picture may become fully black, and as much fully white. Not in "
        "the guide; 0.3 is our own. Too much loses detail in shadows and lights; 0 takes "
        "the darkest and the brightest pixel. Bars do not count.",
        unit="%",
        minimum=0.0,
        maximum=5.0,
    )
    limit: float = setting(
        0.15,
        "Move them at most",
        unit="of the range",
        help="How far the black and the white point may move, so that a night scene stays one. "
        "Not in the guide; 0.15 is our own. Higher brightens what is meant to be dark; 0 "
        "leaves them where they are.",
        minimum=0.0,
        maximum=0.5,
    )
    gamma: float = setting(
        1.0,
        "Gamma",
        help="Brightness of the middle. Not in the guide; 1 changes nothing. Higher is "
        "brighter, until colours look pale; lower is darker.",
        minimum=0.5,
        maximum=2.0,
    )
    curve: float = setting(
        0.15,
        "S-curve",
        help="Darkens what is dark and brightens what is bright. Not in the guide; 0.15 is "
        "light. 0 is none; above 0.4 shadows drown.",
        minimum=0.0,
        maximum=1.0,
    )
    saturation: float = setting(
        1.05,
        "Saturation",
        unit="times",
        help="Strength of colours. Not in the guide; 1 leaves them as they are. Too high is "
        "garish; lower is paler, 0 grey.",
        minimum=0.0,
        maximum=2.0,
    )
    scenes: bool = setting(
        True,
        "The same for frames of a scene",
        help="Pictures that follow each other and look alike get one curve, so that none "
        "flickers. Not in the guide. Off, each gets its own.",
    )

    @property
    def enlarges(self) -> bool:
        return self.upscaler not in ("", OFF)

    @property
    def model(self) -> str:
        """The name of a model; "" when none is used."""
        return self.upscaler if self.upscaler not in ("", OFF, LANCZOS) else ""
