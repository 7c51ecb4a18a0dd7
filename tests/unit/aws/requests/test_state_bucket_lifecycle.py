"""The lifecycle rules of the state bucket: scar's own, and those of others stay."""

from __future__ import annotations

from typing import Any

import pytest

from scar.aws.model.resources import StateBucket
from scar.aws.requests.state_bucket_lifecycle import lifecycle_rules, read_days

BUCKET = StateBucket(name="scar-1")
OTHER: Any = {"ID": "mine", "Status": "Enabled", "Filter": {"Prefix": "x/"}}


def test_what_was_written_reads_back() -> None:
    rules: Any = lifecycle_rules(BUCKET, [])
    assert read_days(rules) == (90, 14, 1)
    assert {r["Filter"]["Prefix"] for r in rules} == {"runs/", "requests/", "results/"}


def test_rules_of_others_stay_and_old_ones_are_replaced() -> None:
    old: Any = {"ID": "scar-runs", "Status": "Enabled", "Expiration": {"Days": 5}}
    rules: Any = lifecycle_rules(BUCKET, [old, OTHER])
    assert read_days(rules) == (90, 14, 1)
    assert [r for r in rules if r["ID"] == "mine"] == [OTHER]
    assert len(rules) == 4


@pytest.mark.parametrize("change", ["missing", "disabled", "longer"])
def test_a_change_of_one_rule_is_a_difference(change: str) -> None:
    rules: Any = lifecycle_rules(BUCKET, [])
    (one,) = (r for r in rules if r["ID"] == "scar-results")
    if change == "missing":
        rules.remove(one)
    elif change == "disabled":
        one["Status"] = "Disabled"
    else:
        one["Expiration"]["Days"] = 30
    assert read_days(rules) == (90, 14, 30 if change == "longer" else 0)
