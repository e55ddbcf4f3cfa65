"""Reading a tagger's list, also a stranger's."""

from pathlib import Path

import pytest

from lorabake.core.errors import ModelFileError
from lorabake.core.tags import KAOMOJI, caption_form
from lorabake.tag.labels import read_labels

HEAD = "tag_id,name,category,count\n"


def listed(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "selected_tags.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_the_lines_of_a_list_in_their_order(tmp_path):
    text = (
        HEAD
        + "9999999,general,9,807858\r\n"
        + "470575,1girl,0,4225150\n"
        + '1,"don\'t_say_""lazy""",0,9\n'
        + "2,\\m/,0,9\n3,fate_(series),3,1\n4,kafka_(honkai:_star_rail),4,700\n5,odd,77,1\n"
    )
    labels = read_labels(listed(tmp_path, text))
    assert [(label.name, label.category) for label in labels] == [
        ("general", "rating"),
        ("1girl", "general"),
        ('don\'t_say_"lazy"', "general"),
        ("\\m/", "general"),
        ("fate_(series)", "copyright"),
        ("kafka_(honkai:_star_rail)", "character"),
        ("odd", ""),
    ]


def test_a_byte_order_mark_and_more_columns_do_no_harm(tmp_path):
    text = "\ufefftag_id,name,category,count,extra\n1,hat,0,2,x\n"
    assert read_labels(listed(tmp_path, text))[0].name == "hat"


@pytest.mark.parametrize("name", ['"a,b"', '"a\nb"', "x" * 300, "a\u202eb", ""])
def test_a_name_that_would_break_captions_keeps_its_place_and_is_silent(tmp_path, name):
    labels = read_labels(listed(tmp_path, f"{HEAD}1,{name},0,1\n2,hat,0,1\n"))
    assert [label.name for label in labels] == ["", "hat"]


@pytest.mark.parametrize(
    "text",
    [
        b"",
        HEAD.encode(),
        b"1girl,0,4225150\n",
        b"\xff\xfe\x00rubbish",
        b"\x89PNG\r\n\x1a\n",
        b'tag_id,name,category\n1,"hat,0\n',
        b"tag_id,name,category\n1\n",
    ],
)
def test_what_is_no_list_is_refused_in_a_sentence(tmp_path, text):
    with pytest.raises(ModelFileError, match=r"not a tagger's list of tags"):
        read_labels(listed(tmp_path, text))


def test_all_faces_survive_the_way_into_a_caption(tmp_path):
    faces = sorted(KAOMOJI)
    lines = "".join(f'{n},"{face}",0,1\n' for n, face in enumerate(faces))
    labels = read_labels(listed(tmp_path, HEAD + lines))
    assert [caption_form(label.name) for label in labels] == faces
