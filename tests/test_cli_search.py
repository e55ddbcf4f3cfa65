"""`python -m lorabake search` against a board on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.collect.board import Board, entries, running

GUIDES = ["solo", "-rating:explicit", "-rating:questionable", "kafka_(honkai:_star_rail)"]


def test_the_guides_search(tmp_path: Path) -> None:
    with running(Board("danbooru", entries(5), max_tags=2)) as board:
        environment = os.environ | {
            "LORABAKE_WORKSPACE": str(tmp_path),
            "LORABAKE_CONFIG": str(tmp_path / "config"),
            "LORABAKE_ALLOW_LOCAL_HTTP": "1",
            "LORABAKE_BOARDS": json.dumps({"danbooru": board.address}),
        }
        command = [sys.executable, "-m", "lorabake", "search", "--json", "--limit", "3"]
        done = subprocess.run(
            [*command, "--", "danbooru", *GUIDES, "1girl"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        answer = json.loads(done.stdout)
        assert answer["count"] == 5
        assert [post["id"] for post in answer["posts"]] == [5, 4, 3]
        assert set(answer["posts"][0]) >= {"id", "md5", "url", "width", "height", "rating", "tags"}
        assert len(answer["here"]["danbooru"]) == 1
        unknown = subprocess.run(
            [*command, "--", "nowhere", "solo"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert unknown.returncode == 1
        assert "There is no source called 'nowhere'" in unknown.stderr
