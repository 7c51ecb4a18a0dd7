"""What costs more or starts later than expected is a warning, not an error."""

from __future__ import annotations

from typing import Any

import pytest
from moto.ec2.models.instance_types import INSTANCE_TYPES

from scar.aws.model.instance_types import instance_families
from scar.aws.validation.compute_warnings import find_compute_warnings
from scar.fdl.model import BatchSpec
from tests.fakes.functions import new_function


def warnings(region: str = "us-east-1", **batch: Any) -> list[str]:  # noqa: ANN401
    function = new_function(batch=BatchSpec.model_validate(batch))
    return list(find_compute_warnings([function], region))


def compute(**keys: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"compute_resources": keys}


@pytest.mark.parametrize(
    "batch",
    [
        {},
        compute(preset="spot"),
        compute(preset="dual"),
        compute(preset="dual", queue="priority"),
        compute(preset="spot", instance_types=["optimal"]),
        compute(preset="spot", instance_types=["m6i", "c6i.large", "r6i"]),
        compute(instance_types=["m6i.large"]),
        compute(preset="fargate-spot"),
        {"compute_environments": [{"type": "EC2"}, {"type": "SPOT"}]},
        {"compute_environments": [{"type": "FARGATE_SPOT"}, {"type": "FARGATE"}]},
    ],
)
def test_what_is_no_reason_for_a_warning(batch: dict[str, Any]) -> None:
    assert warnings(**batch) == []


def test_functions_without_batch_have_no_warnings() -> None:
    assert list(find_compute_warnings([new_function()], "us-east-1")) == []


def test_spot_instances_of_few_families() -> None:
    (warning,) = warnings(**compute(preset="spot", instance_types=["c5.large", "c5.xlarge"]))
    assert warning.startswith("crop: Spot Instances of c5 only")
    (warning,) = warnings(**compute(preset="dual", instance_types=["c5", "m5"]))
    assert "c5 and m5 only" in warning


def test_a_queue_that_spills_from_spot_into_on_demand() -> None:
    (warning,) = warnings(compute_environments=[{"type": "SPOT"}, {"type": "EC2"}])
    assert "spills from Spot" in warning
    assert "preset: dual" in warning


def test_instances_that_run_without_jobs_cost_so_much_a_day() -> None:
    (warning,) = warnings(**compute(min_v_cpus=4, max_v_cpus=8))
    assert "about 4.61 USD a day" in warning  # 4 / 2 instances for 24 hours at 0.096 USD
    (warning,) = warnings(**compute(min_v_cpus=4, max_v_cpus=8, preset="spot"))
    assert "at most about 4.61" in warning
    (warning,) = warnings("eu-central-1", **compute(min_v_cpus=4, max_v_cpus=8))
    assert "5.52 USD" in warning
    assert "eu-central-1" in warning


def test_every_family_up_to_the_fourth_generation_that_ec2_calls_previous_is_warned_of() -> None:
    families = {
        family
        for name, described in INSTANCE_TYPES.items()
        if (family := name.partition(".")[0])[-1] in "1234"
        if not described["CurrentGeneration"]
        if family in instance_families()
    }
    assert {"m4", "c4", "r4"} <= families
    for family in families:
        found = warnings(**compute(instance_types=[family]))
        assert any("previous generation" in warning for warning in found), family


@pytest.mark.parametrize(
    "name", ["m3.medium", "c3", "t1.micro", "m4.large", "c4", "r4.xlarge", "p2"]
)
def test_instance_types_of_a_previous_generation(name: str) -> None:
    (warning,) = warnings(**compute(instance_types=[name]))
    assert name in warning
    assert "previous generation" in warning
