"""Which files begin first where several processes share them: long ones, so that none is left alone
with one at the end."""

from __future__ import annotations

from collections import Counter

import pytest

PER_BROWSER_TEST = 8  # seconds of the processor, about: the page, the browser, a visit
LONG = {  # of whole files; one that is not here begins later than it might, and that is all
    "tests/ui/test_page.py": 100,
    "tests/train/test_options.py": 80,
    "tests/test_cli.py": 66,
    "tests/ui/test_hostile_page.py": 60,
    "tests/ui/test_ready_page.py": 50,
    "tests/ui/test_oven_page.py": 45,
    "tests/engine/test_network_kinds.py": 38,
    "tests/ui/test_clean_folder.py": 35,
    "tests/ui/test_demo_page.py": 35,
    "tests/ui/test_dataset_helper.py": 35,
    "tests/train/test_loop.py": 32,
    "tests/engine/test_consumers.py": 30,
    "tests/test_launch.py": 25,
    "tests/train/test_matrix.py": 24,
    "tests/train/test_kill.py": 22,
    "tests/core/test_history_crash.py": 22,
    "tests/ui/test_many_tabs.py": 20,
    "tests/train/test_after_epoch.py": 18,
}


def file_of(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]


def long_files_first(items: list[pytest.Item]) -> None:
    """In place; the tests of a file stay together and in their order."""
    weights = Counter[str]()
    for item in items:
        weights[file_of(item)] += PER_BROWSER_TEST if item.get_closest_marker("browser") else 0
    items.sort(key=lambda item: -LONG.get(file_of(item), weights[file_of(item)]))
