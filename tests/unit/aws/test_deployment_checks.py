"""Problems that would stop a deployment half-way are found before it, all at once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scar.aws.model.function import BatchSettings, ComputeSettings, Function, InputRule
from scar.aws.model.resources import Bucket, BucketNotification, LambdaFunction
from scar.aws.validation import deployment_checks
from scar.aws.validation.deployment_checks import NotDeployable, raise_if_any
from supervisor.model import ExecutionMode, OutputRule

CROP = Function(name="crop", image="x", inputs=(InputRule(provider="s3", path="photos/in"),))


def faults(*functions: Function) -> list[str]:
    return list(deployment_checks.check_functions(functions))


def writing(path: str, provider: str = "s3") -> Function:
    return replace(CROP, outputs=(OutputRule(provider=provider, path=path),))


@pytest.mark.parametrize("path", ["photos/in", "photos/in/", "photos/in/small"])
def test_a_function_may_not_start_itself(path: str) -> None:
    (fault,) = faults(writing(path))
    assert fault.startswith(f"crop: its output {path} is in its input photos/in")


@pytest.mark.parametrize("path", ["photos/inside", "photos", "photos/out", "others/in"])
def test_outputs_beside_the_input_are_fine(path: str) -> None:
    assert faults(writing(path)) == []


def test_a_whole_bucket_as_input_leaves_no_place_for_outputs() -> None:
    function = replace(writing("photos/out"), inputs=(InputRule(provider="s3", path="photos"),))
    assert len(faults(function)) == 1


def test_a_loop_that_is_insisted_on_is_taken() -> None:
    assert faults(replace(writing("photos/in"), allow_loop=True)) == []


def test_outputs_of_another_ending_start_nothing() -> None:
    jpegs = replace(CROP, inputs=(InputRule(provider="s3", path="photos/in", suffix=".jpg"),))
    rule = OutputRule(provider="s3", path="photos/in", suffix=(".png",))
    assert faults(replace(jpegs, outputs=(rule,))) == []


def under(boundary: str, name: str, compute: ComputeSettings) -> Function:
    batch = BatchSettings(compute=compute)
    return replace(CROP, name=name, inputs=(), boundary=boundary, batch=batch)


def test_functions_that_share_the_role_of_instances_are_under_one_boundary() -> None:
    one = under("arn:aws:iam::1:policy/one", "one", ComputeSettings())
    (fault,) = faults(one, under("", "other", ComputeSettings(type="SPOT")))
    assert fault.startswith("one, other: Batch's instances have one role")
    assert "(arn:aws:iam::1:policy/one, none)" in fault
    assert faults(one, replace(one, name="other")) == []


@pytest.mark.parametrize(
    "compute",
    [ComputeSettings(type="FARGATE"), ComputeSettings(instance_profile="arn:aws:iam::1:x")],
)
def test_roles_of_their_own_may_be_under_boundaries_of_their_own(compute: ComputeSettings) -> None:
    one = under("arn:aws:iam::1:policy/one", "one", ComputeSettings())
    assert faults(one, under("arn:aws:iam::1:policy/other", "other", compute)) == []


def test_functions_that_start_each_other_are_named_in_their_order() -> None:
    one = writing("photos/next")
    other = replace(
        CROP,
        name="cut",
        inputs=(InputRule(provider="s3", path="photos/next"),),
        outputs=(OutputRule(provider="s3", path="photos/in/again"),),
    )
    (fault,) = faults(one, other)
    assert fault.startswith("crop -> cut -> crop: ")
    assert faults(one, replace(other, allow_loop=True)) == []


def test_another_store_with_the_same_names_is_no_loop() -> None:
    assert faults(writing("photos/in", provider="minio.mine")) == []


@pytest.mark.parametrize(
    ("path", "overlap"), [("photos/in/a", True), ("photos", True), ("photos/in2", False)]
)
def test_two_functions_may_not_share_an_object(path: str, *, overlap: bool) -> None:
    other = replace(CROP, name="cut", inputs=(InputRule(provider="s3", path=path),))
    assert bool(faults(CROP, other)) is overlap


def test_names_are_used_once() -> None:
    assert "crop: two functions have this name." in faults(CROP, replace(CROP, inputs=()))


def test_limits_are_named_with_the_resource() -> None:
    resources = [LambdaFunction(name="crop", memory=64), Bucket(name="Bad")]
    found = list(deployment_checks.check_resources(resources, "eu-west-1"))
    assert found[0].startswith("function crop: ValidationException: ")
    assert found[1] == "bucket Bad: InvalidBucketName: The specified bucket is not valid."


def rule(rule_id: str, prefix: str, event: str = "s3:ObjectCreated:*") -> dict[str, object]:
    return {
        "Id": rule_id,
        "LambdaFunctionArn": "arn:theirs",
        "Events": [event],
        "Filter": {"Key": {"FilterRules": [{"Name": "Prefix", "Value": prefix}]}},
    }


@pytest.mark.parametrize(
    ("there", "overlap"),
    [
        (rule("theirs", "in/a/"), True),
        (rule("theirs", "other/"), False),
        (rule("theirs", "in/", "s3:ObjectRemoved:*"), False),
        (rule("scar-crop-12345678", "in/"), False),
    ],
)
def test_notifications_already_on_the_bucket_are_respected(
    there: dict[str, object], *, overlap: bool
) -> None:
    ours = BucketNotification(name="photos/scar-crop-00000000", function_arn="x", prefix="in/")
    for kind in ("LambdaFunctionConfigurations", "QueueConfigurations"):
        found = list(deployment_checks.check_buckets([ours], {"photos": {kind: [there]}}, ["crop"]))
        assert bool(found) is overlap


def test_all_faults_are_raised_together_once() -> None:
    with pytest.raises(NotDeployable) as caught:
        raise_if_any(["a", "b", "a"])
    assert caught.value.problem == "a\nb"
    raise_if_any([])


def test_without_leave_to_make_roles_every_missing_one_is_named() -> None:
    function = Function(
        name="f",
        mode=ExecutionMode.BATCH,
        create_roles=False,
        batch=BatchSettings(compute=ComputeSettings()),
    )
    first, second = faults(function)
    assert "iam.role" in first
    assert "Batch jobs" in first
    assert "batch.compute_resources.instance_role" in second
    fargate = replace(function, batch=BatchSettings(compute=ComputeSettings(type="FARGATE")))
    (only,) = faults(fargate)
    assert "execution role" in only
    given = replace(fargate, role="arn:aws:iam::1:role/mine")
    assert not faults(given)
