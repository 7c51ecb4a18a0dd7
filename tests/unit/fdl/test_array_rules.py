"""Which functions can gather their events, and how."""

from __future__ import annotations

import pytest

from scar.aws.model import limits
from scar.fdl.batch_rules import check_array
from scar.fdl.model import AwsFunction, BatchSpec


def problems(
    array: object, mode: str = "batch", *, batch: dict[str, object] | None = None, **spec: object
) -> list[str]:
    function = AwsFunction.model_validate(
        {
            "lambda": {
                "name": "crop",
                "execution_mode": mode,
                "container": {"image": "busybox:1"},
                "input": [{"path": "photos/in"}],
                **spec,
            },
            "batch": {"array": array, **(batch or {})},
        }
    )
    return [f"{location[-1]}: {text}" for location, text in check_array(function, ("array",))]


def test_null_is_the_default_and_an_empty_section_has_the_defaults() -> None:
    assert BatchSpec().array is None
    assert BatchSpec.model_validate({"array": None}).array is None
    array = BatchSpec.model_validate({"array": {}}).array
    assert array is not None
    assert (array.window, array.size) == (30, 10_000)


@pytest.mark.parametrize("array", [None, {}, {"window": 0, "size": 10}, {"window": 300, "size": 2}])
def test_what_aws_takes_is_accepted(array: object) -> None:
    assert problems(array) == []


def test_jobs_may_have_overrides() -> None:
    override = {"match": {"suffix": [".bam"]}, "memory": 2000}
    assert problems({}, batch={"overrides": [override]}) == []


@pytest.mark.parametrize("mode", ["lambda", "lambda-batch"])
def test_other_modes_have_no_jobs_for_children(mode: str) -> None:
    (problem,) = problems({}, mode)
    assert f"not {mode}" in problem
    assert "execution_mode: batch" in problem


def test_a_function_without_input_has_nothing_to_gather() -> None:
    (problem,) = problems({}, input=[])
    assert "no input" in problem


def test_many_events_need_a_window() -> None:
    most = limits.EVENT_SOURCE_BATCH_WITHOUT_WINDOW.maximum
    (problem,) = problems({"window": 0, "size": most + 1})
    assert problem.startswith("window: ")
    assert "window: 1" in problem


@pytest.mark.parametrize(
    "array", [{"window": -1}, {"window": 301}, {"size": 1}, {"size": 10_001}, {"window": True}]
)
def test_values_that_aws_does_not_take_are_refused(array: object) -> None:
    with pytest.raises(ValueError, match=r"array\.(window|size)"):
        BatchSpec.model_validate({"array": array})


@pytest.mark.parametrize("concurrency", [0, 1])
def test_gathering_needs_two_invocations_at_once(concurrency: int) -> None:
    (problem,) = problems({}, concurrency=concurrency)
    assert problem.startswith(f"concurrency: is {concurrency}, ")
    assert "Set 2 or more, or omit it" in problem
    assert problems({}, concurrency=2) == []
    assert problems(None, concurrency=concurrency) == []
