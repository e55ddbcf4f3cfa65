"""SmilingWolf's WD taggers. Another one of the family is a row here and one in engine/shelf/known.py."""

from __future__ import annotations

from lorabake.tag.taggers.finding import find_by_name
from lorabake.tag.taggers.session import open_onnx
from lorabake.tag.taggers.tagger import TaggerKind


def _row(name: str, label: str, help: str, model: str, *aliases: str) -> TaggerKind:
    names = (model, name, *aliases)
    return TaggerKind(
        name=name,
        label=label,
        help=help,
        find=lambda workspace: find_by_name(workspace, names),
        open=open_onnx,
        model=model,
        aliases=(model, *aliases),
    )


def _v3(name: str, label: str, help: str, *aliases: str) -> TaggerKind:
    return _row(name, label, help, f"wd-{name}-tagger-v3", *aliases)


def _v1(name: str, label: str) -> TaggerKind:
    older = "An older list of some 9,000 tags. Looks at one picture at a time."
    return _row(f"{name}-v1.4", label, older, f"wd-v1-4-{name}-tagger-v2", f"wd14-{name}-v2")


ENTRIES = (
    _v3(
        *("eva02-large", "WD v3 EVA02 large"),
        "The guide's choice and the most exact. About 2 s a picture without a graphics card.",
        "wdV3LargeModel",
    ),
    _v3("vit", "WD v3 ViT", "Quick: about 0.4 s a picture without a graphics card.", "wdV3Model"),
    _v3("swinv2", "WD v3 SwinV2", "A little more exact than ViT, and slower."),
    _v3("convnext", "WD v3 ConvNeXt", "As quick as ViT."),
    _v3("vit-large", "WD v3 ViT large", "Nearly as exact as EVA02 large, and as slow."),
    _v1("vit", "WD v1.4 ViT"),
    _v1("convnext", "WD v1.4 ConvNeXt"),
    _v1("convnextv2", "WD v1.4 ConvNeXt V2"),
    _v1("swinv2", "WD v1.4 SwinV2"),
    _v1("moat", "WD v1.4 MOAT"),
)
