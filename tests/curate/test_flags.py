"""Flags and their reasons; the meter of what is missing."""

import pytest

from lorabake.core.angles import missing, untagged
from lorabake.core.buckets import bucket_resolutions, fit_into, fit_without_enlarging
from lorabake.curate.flags import KINDS, Norms, flags, norms, room
from lorabake.curate.measures import Measures

BUCKETS = bucket_resolutions(1024, minimum=256, maximum=2048, step=64)
SHARP = Measures(0.5, 0.6, 0.9, 0.3, "", (0.0, 0.0, 0.0, 0.0))


def fit(size):
    return fit_into(size, BUCKETS)


def kinds(tags="", measured=None, size=(2000, 3000), **more):
    words = [tag for tag in tags.split(", ") if tag]
    return [flag.kind for flag in flags(size, measured, words, fit=fit, **more)]


def test_too_small_shows_the_pixels_that_the_bucket_gets():
    """A 500 × 700 picture is enlarged to cover its bucket, and what sticks out is cut."""
    (flag,) = flags((500, 700), None, (), fit=fit)
    found = room((500, 700), fit)
    assert found.bucket == (832, 1216)
    assert found.shown == (479, 700)
    assert found.enlarged == pytest.approx(1216 / 700, abs=0.01)
    assert flag.kind == "small"
    assert "479 × 700 px" in flag.why
    assert "832 × 1216" in flag.why
    assert "1.74 times" in flag.why


def test_large_enough_is_no_flag():
    assert kinds(size=(832, 1216)) == []
    assert kinds(size=(800, 1170)) == [], "a little smaller than the bucket: nobody sees it"
    assert kinds(size=(2000, 900)) == []


def test_a_recipe_that_does_not_enlarge_trains_small_pictures_small():
    def own(size):
        return fit_without_enlarging(size, resolution=1024, step=64)

    (flag,) = flags((500, 700), None, (), fit=own, resolution=1024)
    assert "448 × 640 px" in flag.why
    assert not flags((1500, 2100), None, (), fit=own, resolution=1024)


def test_blur_is_relative_to_the_set():
    soft = Measures(1.5, 0.6, 0.9, 0.3, "", (0.0, 0.0, 0.0, 0.0))
    assert kinds(measured=soft, usual=Norms(0.5)) == ["blurred"]
    assert kinds(measured=soft, usual=Norms(1.45)) == [], "a set of soft screencaps is as it is"
    assert kinds(measured=SHARP, usual=Norms(0.36)) == [], "half a pixel is sharp in any set"
    assert kinds(measured=soft, usual=norms([])) == []
    assert norms([SHARP, SHARP, soft]).blur == 0.5


def test_pixels_and_tags_make_one_flag():
    grey = Measures(0.5, 0.6, 0.9, 0.0, "grey", (0.0, 0.125, 0.0, 0.125))
    found = flags((2000, 2000), grey, ["Monochrome", "letterboxed"], fit=fit)
    assert [flag.kind for flag in found] == ["mono", "bars"]
    assert "grey" in found[0].why
    assert "Monochrome" in found[0].why
    assert "top 12%, bottom 12%" in found[1].why


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("1girl, solo, long hair, smile", []),
        ("1girl, multiple views", ["views"]),
        ("Multiple_Views, 1girl, 1boy", ["views"]),
        ("4koma, comic", ["views"]),
        ("2girls", ["others"]),
        ("1girl, 1boy", ["others"]),
        ("6+girls, multiple_girls", ["others"]),
        ("english text", ["text"]),
        ("speech bubble, japanese text", ["text"]),
        ("signature, twitter username", ["signature"]),
        ("watermark, web address", ["watermark"]),
        ("cropped legs", ["cropped"]),
        ("cropped torso", ["cropped"]),
        ("cropped jacket, blurry background", []),
        ("context, texture", []),
        ("jpeg artifacts", ["blurred"]),
        ("signature, text focus, cropped legs, 2girls", ["others", "signature", "cropped"]),
    ],
)
def test_tags_tell(tags, expected):
    assert kinds(tags) == expected


def test_each_reason_names_its_tags_and_what_to_do():
    for flag in flags(
        (99, 99), None, ["2girls", "signature", "watermark", "cropped legs"], fit=fit
    ):
        assert flag.kind in KINDS
        assert flag.title
        assert flag.why.endswith(".")
        assert flag.kind == "small" or "(" in flag.why


def test_the_meter_counts_angles_and_framing():
    """ "Try going for other angles like from side and from behind"."""
    captions = [["1girl", "upper body"]] * 60 + [["1girl", "From_Side", "full body"]] * 40
    needs = {need.kind: need for need in missing(captions)}
    assert needs["from side"].have == 40
    assert needs["from side"].is_met
    assert needs["from side"].sentence == ""
    behind = needs["from behind"]
    assert (behind.have, behind.advised, behind.is_met) == (0, 6, False)
    assert "has to guess" in behind.sentence
    assert "6 more pictures" in behind.sentence
    assert needs["full body"].is_met
    assert not needs["close-up"].is_met
    assert missing([]) == ()


def test_a_few_pictures_are_not_asked_for_more_than_there_are():
    assert all(need.advised == 1 for need in missing([["1girl"]]))
    assert untagged([["1girl"], []]).startswith("1 picture has")
    assert untagged([[], []]).startswith("No picture has tags")
    assert untagged([["1girl"]]) == ""
    assert missing([[], []]) == ()
