"""Probabilities in the index: exact enough, compact, never lost to a newer version or a crash."""

import hashlib
import sqlite3

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from lorabake.core.index import MIGRATIONS, Index
from lorabake.tag.labels import Label
from lorabake.tag.scores import labels_of, pack, scores_for, unpack

KEY = "k" * 32


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def index_with(path, count: int) -> Index:
    index = Index(path)
    index.keep_tagger(KEY, "colours", [(f"tag_{n}", "general") for n in range(count)])
    return index


@given(arrays.arrays(np.float32, st.integers(1, 300), elements=st.floats(0, 1, width=32)))
def test_what_is_kept_is_exact_enough_for_any_threshold_from_005(values):
    found = unpack(pack(values), len(values))
    assert found is not None
    dense = found.dense(len(values))
    assert np.abs(dense - values)[values >= 0.05].max(initial=0) <= 0.0005
    assert (dense[values < 0.0099] == 0).all()
    assert all(abs(found.of(at) - dense[at]) < 1e-9 for at in range(len(values)))


def test_a_picture_of_a_real_list_takes_about_a_kibibyte():
    generator = np.random.default_rng(1)
    values = np.full(10_861, 0.001, dtype=np.float32)
    values[generator.choice(10_861, 220, replace=False)] = generator.uniform(0.01, 1, 220)
    assert len(pack(values)) <= 1400


def test_scores_come_back_for_the_pictures_that_have_them(tmp_path):
    index = index_with(tmp_path / "index.sqlite", 4)
    values = np.array([0.5, 0.0, 0.25, 1.0], dtype=np.float32)
    assert index.keep_scores(KEY, {sha("a"): pack(values)})
    found = scores_for(index, KEY, [sha("a"), sha("b")])
    assert list(found) == [sha("a")]
    assert found[sha("a")].dense(4).tolist() == [0.5, 0.0, 0.25, 1.0]
    assert scores_for(index, "another", [sha("a")]) == {}
    assert labels_of(index, KEY)[3] == Label("tag_3", "general")


def test_thousands_of_pictures_at_once(tmp_path):
    index = index_with(tmp_path / "index.sqlite", 4)
    packed = pack(np.array([0.5, 0.0, 0.25, 1.0], dtype=np.float32))
    shas = [sha(str(n)) for n in range(3000)]
    index.keep_scores(KEY, dict.fromkeys(shas, packed))
    assert len(index.scores(KEY, shas)) == 3000


def test_an_index_from_before_has_room_for_them_now(tmp_path):
    """Migrations are numbered; what an older version wrote stays."""
    path = tmp_path / "index.sqlite"
    old = sqlite3.connect(path)
    old.execute(MIGRATIONS[0])
    old.execute("PRAGMA user_version = 1")
    old.execute("INSERT INTO pictures VALUES ('/a.png', 1, 2, 'x', 3, 4, 'PNG', 1, 'RGB', '[]')")
    old.commit()
    old.close()
    index = index_with(path, 4)
    assert index.keep_scores(KEY, {sha("a"): pack(np.ones(4, dtype=np.float32))})
    index.close()
    again = sqlite3.connect(path)
    assert again.execute("SELECT width FROM pictures").fetchall() == [(3,)]
    assert again.execute("SELECT count(*) FROM scores").fetchone() == (1,)
    again.close()


def test_damage_is_as_if_nothing_was_kept(tmp_path):
    index = index_with(tmp_path / "index.sqlite", 4)
    beyond = pack(np.ones(9, dtype=np.float32))
    index.keep_scores(KEY, {sha("short"): b"12345", sha("beyond"): beyond})
    assert scores_for(index, KEY, [sha("short"), sha("beyond")]) == {}


def test_a_list_that_is_damaged_begins_the_index_anew(tmp_path):
    index = index_with(tmp_path / "index.sqlite", 4)
    index.close()
    database = sqlite3.connect(index.path)
    database.execute("UPDATE taggers SET labels = x'0102'")
    database.commit()
    database.close()
    assert index.tagger_labels(KEY) == []
    assert list(tmp_path.glob("index.sqlite.damaged-*"))


def test_the_tagger_that_was_used_last_comes_first(tmp_path):
    index = index_with(tmp_path / "index.sqlite", 1)
    index.keep_tagger("b", "vit", [("a", "general")])
    index.keep_tagger(KEY, "colours", [("a", "general")])
    assert index.taggers() == [(KEY, "colours"), ("b", "vit")]
