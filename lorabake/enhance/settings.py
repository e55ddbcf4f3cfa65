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
        help="A model that spandrel reads (.pth, .safetensors), lanczos without a model, or off.",
        longest=400,
    )
    fit: str = setting(
        "bucket",
        "Size afterwards",
        help="bucket: as large as the picture's bucket needs, and never smaller than it is. "
        "factor: so many times as wide and high as it is.",
        choices=FITS,
    )
    factor: float = setting(
        1.0,
        "Resize",
        help="The guide's 1 keeps the size, for models such as ReFocus Cleanly that only sharpen.",
        minimum=0.25,
        maximum=MAX_FACTOR,
    )
    strength: float = setting(
        1.0,
        "Strength",
        help="How much of the model there is in the result; the rest is the picture itself. "
        "1 is all of it. Lower it when lines get too hard.",
        minimum=0.0,
        maximum=1.0,
    )
    alpha: str = setting(
        "keep",
        "Transparent areas",
        help="keep: they stay. white: they become white, as a bake shows them to the model.",
        choices=ALPHAS,
    )
    contrast: bool = setting(
        False,
        "Change the contrast",
        help="For old screencaps that look washed out. Good drawings do not need it.",
    )
    clip: float = setting(
        0.3,
        "Black and white point",
        help="So much of the picture may become fully black, and as much fully white. Bars do not "
        "count. 0 takes the darkest and the brightest pixel.",
        unit="%",
        minimum=0.0,
        maximum=5.0,
    )
    limit: float = setting(
        0.15,
        "Move them at most",
        help="So far from black and from white; a night scene stays one. 0 leaves them where they are.",
        minimum=0.0,
        maximum=0.5,
    )
    gamma: float = setting(
        1.0,
        "Gamma",
        help="Above 1 the middle gets brighter, below 1 darker.",
        minimum=0.5,
        maximum=2.0,
    )
    curve: float = setting(
        0.15,
        "S-curve",
        help="Darkens what is dark and brightens what is bright. 0 is none; above 0.4 shadows drown.",
        minimum=0.0,
        maximum=1.0,
    )
    saturation: float = setting(
        1.05,
        "Saturation",
        help="1 leaves colours as strong as they are, 0 is grey.",
        minimum=0.0,
        maximum=2.0,
    )
    scenes: bool = setting(
        True,
        "The same for frames of a scene",
        help="Pictures that follow each other and look alike get one curve, so that none flickers.",
    )

    @property
    def enlarges(self) -> bool:
        return self.upscaler not in ("", OFF)

    @property
    def model(self) -> str:
        """The name of a model; "" when none is used."""
        return self.upscaler if self.upscaler not in ("", OFF, LANCZOS) else ""
