"""Names of environment variables that are scar's own are refused wherever the FDL has variables."""

from __future__ import annotations

from typing import Any

import pytest

from scar.fdl.model import AwsFunction
from scar.fdl.rules.environment import check_variables
from supervisor.execution.environment import INTERNAL_VARIABLES, RUN_VARIABLES

PLACES = (
    "lambda.environment.Variables",
    "lambda.container.environment.Variables",
    "batch.environment.Variables",
    "lambda.container.secrets",
)


def problems(place: str, name: str, value: str = "ssm:/a") -> list[tuple[str, str]]:
    described: dict[str, Any] = {
        "lambda": {"name": "fn", "container": {"image": "busybox:1"}},
        "batch": {},
    }
    *parents, last = place.split(".")
    section: dict[str, Any] = described
    for parent in parents:
        section = section.setdefault(parent, {})
    section[last] = {name: value}
    function = AwsFunction.model_validate(described)
    found = check_variables(function, ())
    return [(".".join(map(str, location)), message) for location, message in found]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", sorted(INTERNAL_VARIABLES | RUN_VARIABLES | {"AWS_BATCH_JOB_ID"}))
def test_names_of_scar_s_own_variables_are_refused(place: str, name: str) -> None:
    ((location, message),) = problems(place, name)
    assert location == f"{place}.{name}"
    assert message.endswith("choose another name")


def test_the_reason_says_who_uses_the_variable() -> None:
    def message(name: str) -> str:
        ((_, found),) = problems(PLACES[2], name)
        return found

    assert "scar's supervisor reads it" in message("SCAR_WORKER_URL")
    assert "scar's supervisor reads it" in message("SCAR_RUN_ID")
    assert "scar sets it for each run" in message("TMP_OUTPUT_DIR")
    assert "AWS Batch" in message("AWS_BATCH_JOB_NODE_INDEX")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    "name", ["AWS_REGION", "AWS_ACCESS_KEY_ID", "CONT_VAR_x", "SCAR_TEAM", "HOME", "EVENTS"]
)
def test_other_names_are_accepted(place: str, name: str) -> None:
    assert problems(place, name) == []


def test_a_secret_that_is_also_a_variable_is_refused() -> None:
    function = AwsFunction.model_validate(
        {
            "lambda": {
                "name": "fn",
                "container": {"image": "busybox:1", "secrets": {"A": "ssm:/a"}},
                "environment": {"Variables": {"A": "1"}},
            }
        }
    )
    ((location, message),) = check_variables(function, ())
    assert location[-1] == "A"
    assert "is also a variable of lambda.environment" in message
