"""The contrast of old screencaps: black and white point, gamma, S-curve, saturation, scenes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import hypothesis
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorabake.core.settings import from_mapping
from lorabake.enhance.contrast import Curve, apply_curve, curve_of
from lorabake.enhance.look import look_at
from lorabake.enhance.scenes import Frame, scenes
from lorabake.enhance.settings import EnhanceSettings
from tests.enhance.models import drawing

PLAIN = EnhanceSettings(contrast=True, gamma=1.0, curve=0.0, saturation=1.0)


def washed(rgb: np.ndarray, black: int = 16, white: int = 235) -> np.ndarray:
    """As limited-range video shown as full range."""
    return (black + rgb * ((white - black) / 255)).round().astype(np.uint8)


def curve(rgb: np.ndarray, settings: EnhanceSettings = PLAIN) -> Curve:
    return curve_of([look_at(rgb).tones], settings)


def full_range(size: tuple[int, int] = (320, 200), seed: int = 1) -> np.ndarray:
    rgb = drawing(*size, seed=seed).copy()
    rgb[:30, :40], rgb[30:60, :40] = 0, 255
    return rgb


def test_it_is_off_unless_asked_for() -> None:
    assert not EnhanceSettings().contrast
    assert not from_mapping(EnhanceSettings, {}).contrast


def test_black_and_white_point_undo_a_washed_out_capture() -> None:
    rgb = full_range()
    found = curve(washed(rgb))
    assert found.black == pytest.approx(16 / 255, abs=0.01)
    assert found.white == pytest.approx(235 / 255, abs=0.01)
    mended = apply_curve(found, washed(rgb))
    assert np.abs(mended.astype(int) - rgb).max() <= 3
    assert not curve(rgb).changes, "a good picture is left alone"


def test_bars_do_not_count() -> None:
    """Without that, the black of the bars would be the black point already."""
    barred = np.zeros((280, 320, 3), dtype=np.uint8)
    barred[40:240] = washed(full_range())
    assert curve(barred).black == pytest.approx(16 / 255, abs=0.01)


def test_a_night_scene_stays_one_and_a_flat_picture_too() -> None:
    night = washed(full_range(), 0, 90)
    assert curve(night).white == pytest.approx(1 - PLAIN.limit)
    assert curve(night, replace(PLAIN, limit=0.0)).white == 1
    assert not curve(np.full((100, 100, 3), 128, dtype=np.uint8)).changes


@hypothesis.settings(max_examples=50)
@given(
    st.floats(0, 0.5),
    st.floats(0.5, 2),
    st.floats(0, 1),
    st.floats(0, 5),
    st.integers(0, 200),
    st.integers(30, 255),
)
def test_any_curve_rises_from_black_to_white(
    limit: float, gamma: float, bend: float, clip: float, low: int, height: int
) -> None:
    """No tone is turned round, so that no band or halo appears."""
    tones = np.zeros(256)
    tones[low : min(256, low + height)] = 1
    settings = replace(PLAIN, limit=limit, gamma=gamma, curve=bend, clip=clip)
    table = curve_of([tones], settings).table().astype(int)
    assert (np.diff(table) >= 0).all()
    assert table[0] == 0
    assert table[-1] == 255


def test_gamma_s_curve_and_saturation() -> None:
    assert Curve(gamma=1.5).table()[128] > 140
    assert Curve(gamma=0.7).table()[128] < 110
    bent = Curve(curve=0.4).table().astype(int)
    assert bent[64] < 64
    assert bent[192] > 192
    assert abs(bent[128] - 128) <= 1
    red = np.full((300, 2, 3), (200, 100, 100), dtype=np.uint8)
    assert (apply_curve(Curve(saturation=0.0), red) == 130).all()
    strong = apply_curve(Curve(saturation=1.2), red)[0, 0].astype(int)
    assert strong[0] - strong[1] == pytest.approx(120, abs=2)
    grey = np.full((2, 2, 3), 99, dtype=np.uint8)
    assert (apply_curve(Curve(saturation=2.0), grey) == 99).all()
    assert Curve(saturation=1.05).changes
    assert not Curve().changes


def frames(*pictures: np.ndarray, folder: str = "a") -> list[Frame]:
    return [Frame(folder, p.shape[1], p.shape[0], look_at(p).colours) for p in pictures]


def test_frames_of_a_scene_are_known_and_get_one_curve() -> None:
    """Cut to another camera and back: two scenes, and neither flickers."""
    one, other = drawing(320, 180, seed=11), drawing(320, 180, seed=29)
    shots = [one, np.roll(one, 6, axis=1), other, np.roll(one, 12, axis=1), np.roll(other, 5, 1)]
    assert scenes(frames(*shots)) == [0, 0, 1, 0, 1]
    assert scenes(frames(one) + frames(one, folder="b")) == [0, 1]
    assert scenes(frames(one, one[:, :200])) == [0, 1], "another shape is another scene"
    assert scenes([]) == []
    dark, light = look_at(washed(full_range(), 10, 230)), look_at(washed(full_range(), 20, 240))
    shared = curve_of([dark.tones, light.tones], PLAIN)
    assert 10 / 255 <= shared.black <= 20 / 255
    assert 230 / 255 <= shared.white <= 240 / 255


def test_a_scene_long_ago_is_not_looked_for() -> None:
    shots: Sequence[np.ndarray] = [np.full((90, 160, 3), 10 * n, np.uint8) for n in range(20)]
    patches = []
    for number, _ in enumerate(shots):
        rgb = np.zeros((90, 160, 3), np.uint8)
        rgb[..., number % 3] = 60 * (number // 3 % 4) + 20
        rgb[..., (number + 1) % 3] = 60 * (number // 12) + 20
        patches.append(rgb)
    numbers = scenes(frames(*patches, patches[0]))
    assert max(numbers) >= 12
    assert numbers[-1] != numbers[0]
