"""AWS's rules of multi-node jobs: ranges, main node, platform, overrides."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scar.aws.requests import validator
from scar.aws.requests.rules.batch import overrides_failure
from scar.aws.requests.rules.batch.nodes import parse_node_range

CONTAINER = {
    "image": "busybox:1",
    "resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "64"}],
}


def register(*ranges: str, count: object = 3, main: object = 0, **more: object) -> list[str]:
    parts = [{"targetNodes": text, "container": CONTAINER} for text in ranges]
    request: dict[str, Any] = {
        "jobDefinitionName": "mesh",
        "type": "multinode",
        "nodeProperties": {"numNodes": count, "mainNode": main, "nodeRangeProperties": parts},
        **more,
    }
    return [str(v) for v in validator.check("batch", "RegisterJobDefinition", request)]


@pytest.mark.parametrize(
    "ranges", [("0:",), (":",), ("0:2",), (":2",), ("0", "1:"), ("0:2", "1"), ("1:2", "0:0")]
)
def test_ranges_that_have_all_nodes_are_accepted(ranges: tuple[str, ...]) -> None:
    assert register(*ranges) == []


@pytest.mark.parametrize(
    "ranges", [("1:",), ("0:1",), ("0:3",), ("0", "2"), ("a",), ("",), ("-1:",)]
)
def test_ranges_that_do_not_are_refused(ranges: tuple[str, ...]) -> None:
    (violation,) = register(*ranges)
    assert violation.endswith("The node ranges must account for all nodes.")


def test_main_node_platform_and_container_must_agree_with_the_type() -> None:
    assert "mainNode must be less than numNodes" in register("0:", main=3)[0]
    assert "not supported on FARGATE" in register("0:", platformCapabilities=["FARGATE"])[0]
    assert "containerProperties is not valid" in register("0:", containerProperties=CONTAINER)[0]
    assert "only valid for the type multinode" in register("0:", type="container")[0]
    assert "is required for the type multinode" in register(count=None)[0]
    assert "less than or equal to 1000" in register("0:", count=1001)[0]


def test_the_container_of_each_range_is_checked() -> None:
    request: dict[str, Any] = {
        "jobDefinitionName": "mesh",
        "type": "multinode",
        "nodeProperties": {
            "numNodes": 2,
            "mainNode": 0,
            "nodeRangeProperties": [
                {"targetNodes": "0", "container": CONTAINER},
                {"targetNodes": "1", "container": {"image": "x"}},
            ],
        },
    }
    (violation,) = validator.check("batch", "RegisterJobDefinition", request)
    assert "must give VCPU and MEMORY" in violation.message


def test_overrides_of_nodes_have_the_limits_of_overrides_of_a_container() -> None:
    def submit(variable: str, value: str) -> dict[str, Any]:
        overrides = {"environment": [{"name": variable, "value": value}]}
        part = {"targetNodes": "0:", "containerOverrides": overrides}
        return {"jobName": "j", "nodeOverrides": {"nodePropertyOverrides": [part]}}

    assert list(validator.check("batch", "SubmitJob", submit("A", "1"))) == []
    assert list(validator.check("batch", "SubmitJob", submit("AWS_BATCH_X", "1"))) != []
    assert overrides_failure(submit("A", "1")) is None
    assert overrides_failure(submit("A", "x" * 9_000)) is not None


@given(st.text("0123456789:", max_size=5), st.integers(1, 1000))
def test_any_text_is_a_range_or_none(text: str, count: int) -> None:
    numbers = parse_node_range(text, count)
    assert numbers is None or numbers.start >= 0
