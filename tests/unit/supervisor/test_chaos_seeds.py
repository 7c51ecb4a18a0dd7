"""The guarantees of docs/runs.md hold under every seed of chaos: chains in virtual time."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.fakes.chaos.seeds import KINDS, check_seed
from tests.profiles import examples

if TYPE_CHECKING:
    from pathlib import Path

SEEDS = examples(520)
GROUP = 20


@pytest.mark.parametrize("first", range(0, SEEDS, GROUP))
def test_every_output_is_created_once_and_every_run_ends(first: int, tmp_path: Path) -> None:
    total: Counter[str] = Counter()
    for seed in range(first, first + GROUP):
        (folder := tmp_path / str(seed)).mkdir()
        total += check_seed(seed, folder)
    assert [kind for kind in KINDS if not total[kind]] == [], "chaos did nothing"


def test_a_seed_repeats_a_simulation(tmp_path: Path) -> None:
    counts = []
    for name in ("first", "second"):
        (folder := tmp_path / name).mkdir()
        counts.append(check_seed(11, folder))
    assert counts[0] == counts[1]
