"""Why a picture deserves a second look: from its pixels, its size in the recipe, and its tags."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import median
from typing import Final

from lorabake.core.buckets import Fit, Size
from lorabake.core.tags import tag_key
from lorabake.curate.measures import Measures
from lorabake.curate.settings import CurateSettings

TITLES: Final = {
    "small": "Too small",
    "blurred": "Blurred",
    "mono": "Without colours",
    "bars": "Bars",
    "views": "Multiple views",
    "others": "Other characters",
    "text": "Text",
    "signature": "Signature",
    "watermark": "Watermark",
    "cropped": "Cropped",
}
KINDS: Final = tuple(TITLES)
_SURELY_SOFT = 1.2  # px; edges that are this wide are soft whatever the others are
_NEVER_SOFT = 0.7  # px; edges that are not even this wide are sharp

# Which tags of Danbooru's wiki speak of what. Endings catch `english text`, `twitter username`.
_TAGS: Final[Mapping[str, frozenset[str]]] = {
    "blurred": frozenset(
        ("blurry", "lowres", "jpeg_artifacts", "scaled", "upscaled", "motion_blur")
    ),
    "mono": frozenset(("monochrome", "greyscale", "sepia", "lineart", "sketch", "spot_color")),
    "bars": frozenset(("letterboxed", "pillarboxed", "windowboxed")),
    "views": frozenset(
        (
            *("multiple_views", "variations", "reference_sheet", "character_sheet", "turnaround"),
            *("reference_inset", "before_and_after", "comic", "4koma", "2koma", "3koma"),
            *(
                "expression_chart",
                "multiple_4koma",
                "zoom_layer",
                "inset",
                "split_screen",
                "collage",
            ),
        )
    ),
    "text": frozenset(
        (
            *("speech_bubble", "dialogue_box", "subtitled", "fake_screenshot", "translated"),
            *(
                "translation_request",
                "cover",
                "cover_page",
                "title",
                "thought_bubble",
                "user_interface",
            ),
            *("commentary_on_image", "hashtag", "sound_effects", "meme", "spoken_heart", "caption"),
        )
    ),
    "signature": frozenset(("signature", "artist_name", "dated", "artist_logo", "signed")),
    "watermark": frozenset(
        (
            *("watermark", "web_address", "sample_watermark", "third-party_watermark"),
            *("patreon_logo", "fanbox_logo", "copyright_notice", "logo", "company_name"),
            *("copyright_name", "official_watermark", "weibo_watermark", "too_many_watermarks"),
        )
    ),
    "cropped": frozenset(
        (
            *("cropped_legs", "cropped_torso", "cropped_arms", "cropped_shoulders", "cropped_head"),
            *("cropped", "head_out_of_frame", "feet_out_of_frame", "lower_body", "out_of_frame"),
            *("disembodied_limb", "cropped_hands", "cropped_sweater"),
        )
    ),
}
_ENDINGS: Final[Mapping[str, tuple[str, ...]]] = {
    "text": ("_text",),
    "signature": ("_username",),
    "watermark": ("_watermark",),
    "views": ("koma",),
}
VIEW_TAGS: Final = _TAGS["views"]
_PEOPLE: Final = frozenset(
    (
        *("multiple_girls", "multiple_boys", "multiple_others", "everyone", "crowd", "couple"),
        *(f"{n}{kind}" for n in ("2", "3", "4", "5", "6+") for kind in ("girls", "boys", "others")),
    )
)
_ONE: Final = frozenset(("1girl", "1boy", "1other"))

_SENTENCES: Final = {
    "views": "It shows several views ({tags}): cut them apart, or leave it out.",
    "others": "Others are in the picture ({tags}): cut them off, or the model learns them too.",
    "text": "There is text in it ({tags}): cut or paint it out, or keep the tag.",
    "signature": "It is signed ({tags}): paint the signature over, or the model learns to sign.",
    "watermark": "It has a watermark ({tags}): paint it over, or the model learns to draw it.",
    "cropped": "The figure is cut off ({tags}): keep the tag, or cut to the upper body.",
    "blurred": "Its tags call it poor ({tags}).",
    "mono": "Its tags say that colours are missing ({tags}).",
    "bars": "Its tags say that it has bars ({tags}): cut them off.",
}


@dataclass(frozen=True)
class Flag:
    """kind: one of KINDS. why: one sentence, with figures or tags."""

    kind: str
    why: str

    @property
    def title(self) -> str:
        return TITLES[self.kind]


@dataclass(frozen=True)
class Norms:
    """What is usual in this data set. blur: of the middle picture, px; 0 when nothing is known."""

    blur: float = 0.0


@dataclass(frozen=True)
class Room:
    """What a recipe makes of a picture's size.

    shown: px (width, height) of the original that the model sees. bucket: what they are made into.
    enlarged: times, above 1 when pixels are invented.
    """

    shown: Size
    bucket: Size
    enlarged: float


FitOf = Callable[[Size], Fit]
_DEFAULTS: Final = CurateSettings()


def norms(measured: Iterable[Measures]) -> Norms:
    """What is usual among these pictures."""
    widths = [one.blur for one in measured if one.blur]
    return Norms(median(widths) if widths else 0.0)


def room(size: Size, fit: FitOf) -> Room:
    """How much of a picture of this size fills its bucket. fit: recipe.plan.fit_of."""
    placed = fit(size)
    scale = max(placed.resized[0] / size[0], placed.resized[1] / size[1])
    shown = (
        min(size[0], round(placed.bucket[0] / scale)),
        min(size[1], round(placed.bucket[1] / scale)),
    )
    return Room(shown, placed.bucket, scale)


def flags(
    size: Size,
    measured: Measures | None,
    tags: Collection[str],
    *,
    fit: FitOf | None = None,
    usual: Norms = Norms(),
    resolution: int = 0,
    settings: CurateSettings = _DEFAULTS,
) -> tuple[Flag, ...]:
    """The flags of one picture, in the order of KINDS; each kind at most once.

    size: px (width, height). measured: None when it was not measured yet. fit: as the recipe places
    a size; None leaves out "too small". resolution: of the recipe, px; needed only when it does not
    enlarge small pictures.
    """
    found = dict(_by_tags(tags))
    if measured is not None:
        found |= _by_pixels(measured, usual, settings, found)
    if fit is not None and (why := _small(room(size, fit), size, resolution, settings)):
        found["small"] = why
    return tuple(Flag(kind, found[kind]) for kind in KINDS if kind in found)


def _small(found: Room, size: Size, resolution: int, settings: CurateSettings) -> str:
    (width, height), (wide, high) = found.shown, found.bucket
    if found.enlarged > settings.enlarged:
        return (
            f"Only {width} × {height} px of it ({width * height / 1e6:.2f} MP) fill the bucket "
            f"{wide} × {high}: it would be enlarged {found.enlarged:.2f} times."
        )
    short = sqrt(resolution * resolution / (wide * high)) if resolution else 1.0
    if (
        found.enlarged <= 1
        and short > settings.enlarged
        and (wide, high) <= size
        and (size[0] * size[1] < resolution * resolution)
    ):
        return (
            f"It is trained at {wide} × {high} px ({wide * high / 1e6:.2f} MP), which is less than "
            f"the {resolution} × {resolution} px of the recipe."
        )
    return ""


def _by_pixels(
    measured: Measures, usual: Norms, settings: CurateSettings, known: Mapping[str, str]
) -> dict[str, str]:
    found: dict[str, str] = {}
    limit = max(
        _NEVER_SOFT, min(usual.blur * settings.blurred, max(_SURELY_SOFT, usual.blur * 1.1))
    )
    if usual.blur and measured.blur > limit:
        found["blurred"] = (
            f"Its edges are {measured.blur:.1f} px wide, those of the middle picture here "
            f"{usual.blur:.1f} px."
        )
    if measured.mono:
        found["mono"] = (
            "It has no colours: the model may learn grey hair and eyes."
            if measured.mono == "grey"
            else "It has a single hue, so the colours of the character are not in it."
        )
    sides = [
        f"{name} {share:.0%}"
        for name, share in zip(("left", "top", "right", "bottom"), measured.letterbox, strict=True)
        if share >= settings.bars
    ]
    if sides:
        found["bars"] = f"Flat bars take {', '.join(sides)} of it: cut them off."
    return {kind: f"{why} {known[kind]}" if kind in known else why for kind, why in found.items()}


def _by_tags(tags: Collection[str]) -> Iterable[tuple[str, str]]:
    keys = {tag_key(tag): tag for tag in tags}
    others = _others(keys)
    if others:
        yield "others", _SENTENCES["others"].format(tags=_listed(others))
    for kind, known in _TAGS.items():
        endings = _ENDINGS.get(kind, ())
        here = [tag for key, tag in keys.items() if key in known or key.endswith(endings)]
        if here:
            yield kind, _SENTENCES[kind].format(tags=_listed(here))


def _others(keys: Mapping[str, str]) -> list[str]:
    """Tags that tell of a second person; `1girl, 1boy` are two people together."""
    if "multiple_views" in keys and not _PEOPLE & keys.keys():
        return []
    here = [tag for key, tag in keys.items() if key in _PEOPLE]
    ones = [tag for key, tag in keys.items() if key in _ONE]
    return here or (ones if len(ones) > 1 else [])


def _listed(tags: Sequence[str]) -> str:
    return ", ".join(tags[:4]) + (" …" if len(tags) > 4 else "")
