"""Problems that would stop a deployment half-way are found before it, all at once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from scar.aws.model.function_links import FunctionLinks, WatchedFolder
from scar.aws.model.resources import Bucket, BucketNotification, LambdaFunction
from scar.aws.validation import deployment_checks
from scar.aws.validation.deployment_checks import NotDeployableError, raise_if_any
from scar.aws.validation.loop_checks import check_deployed_loops
from scar.fdl.model import BatchSpec, ComputeResourcesSpec, StorageSpec
from supervisor.model import ExecutionMode, OutputRule
from tests.fakes.functions import changed, new_function

if TYPE_CHECKING:
    from scar.aws.model.function import Function

CROP = new_function(name="crop", image="x", input=(StorageSpec(path="photos/in"),))


def faults(*functions: Function) -> list[str]:
    return list(deployment_checks.check_functions(functions))


def writing(path: str, provider: str = "s3") -> Function:
    return changed(CROP, output=(StorageSpec(storage_provider=provider, path=path),))


@pytest.mark.parametrize("path", ["photos/in", "photos/in/", "photos/in/small"])
def test_a_function_may_not_start_itself(path: str) -> None:
    (fault,) = faults(writing(path))
    assert fault.startswith(f"crop: its output {path.rstrip('/')} is in its input photos/in")


def test_an_output_folder_may_not_contain_the_input() -> None:
    (fault,) = faults(writing("photos"))
    assert fault.startswith("crop: its output photos contains its input photos/in")


@pytest.mark.parametrize("path", ["photos/inside", "photos/out", "others/in"])
def test_outputs_beside_the_input_are_fine(path: str) -> None:
    assert faults(writing(path)) == []


def test_a_whole_bucket_as_input_leaves_no_place_for_outputs() -> None:
    function = changed(writing("photos/out"), input=(StorageSpec(path="photos"),))
    assert len(faults(function)) == 1


def test_a_loop_is_accepted_if_allowed_explicitly() -> None:
    assert faults(changed(writing("photos/in"), allow_loop=True)) == []


def test_outputs_of_another_ending_start_nothing() -> None:
    jpegs = changed(CROP, input=(StorageSpec(path="photos/in", suffix=(".jpg",)),))
    rule = StorageSpec(path="photos/in", suffix=(".png",))
    assert faults(changed(jpegs, output=(rule,))) == []


def under(boundary: str, name: str, compute: ComputeResourcesSpec) -> Function:
    batch = BatchSpec(compute_resources=compute)
    return changed(CROP, name=name, input=(), permissions_boundary=boundary, batch=batch)


def test_functions_that_share_the_role_of_instances_are_under_one_boundary() -> None:
    one = under("arn:aws:iam::1:policy/one", "one", ComputeResourcesSpec())
    (fault,) = faults(one, under("", "other", ComputeResourcesSpec(type="SPOT")))
    assert fault.startswith("one, other: Batch's instances have one role")
    assert "(arn:aws:iam::1:policy/one, none)" in fault
    assert faults(one, changed(one, name="other")) == []


@pytest.mark.parametrize(
    "compute",
    [
        ComputeResourcesSpec(type="FARGATE"),
        ComputeResourcesSpec(instance_role="arn:aws:iam::1:instance-profile/x"),
    ],
)
def test_functions_with_separate_roles_may_have_separate_boundaries(
    compute: ComputeResourcesSpec,
) -> None:
    one = under("arn:aws:iam::1:policy/one", "one", ComputeResourcesSpec())
    assert faults(one, under("arn:aws:iam::1:policy/other", "other", compute)) == []


def test_functions_that_start_each_other_are_named_in_their_order() -> None:
    one = writing("photos/next")
    other = changed(
        CROP,
        name="cut",
        input=(StorageSpec(path="photos/next"),),
        output=(StorageSpec(path="photos/in/again"),),
    )
    (fault,) = faults(one, other)
    assert fault.startswith("crop -> cut -> crop: ")
    assert faults(one, changed(other, allow_loop=True)) == []


def test_functions_that_start_each_other_through_a_folder_above_are_refused() -> None:
    other = changed(
        CROP,
        name="cut",
        input=(StorageSpec(path="photos/next"),),
        output=(StorageSpec(path="photos", prefix=("in",)),),
    )
    (fault,) = faults(writing("photos/next"), other)
    assert "crop -> photos/next -> cut -> photos -> crop" in fault
    beside = changed(other, output=(StorageSpec(path="photos", prefix=("in_", "out/")),))
    assert faults(writing("photos/next"), beside) == []


def test_another_store_with_the_same_names_is_no_loop() -> None:
    assert faults(writing("photos/in", provider="minio.mine")) == []


def test_a_named_provider_of_s3_is_the_same_store() -> None:
    (fault,) = faults(writing("photos/in", provider="s3.mine"))
    assert fault.startswith("crop: its output photos/in is in its input photos/in")


def test_a_deployed_function_that_writes_above_an_input_closes_a_loop() -> None:
    first = FunctionLinks(
        name="a",
        inputs=(WatchedFolder("b", "1/", ".png"),),
        outputs=(OutputRule(provider="s3", path="b/2"),),
    )
    above = FunctionLinks(
        name="x",
        inputs=(WatchedFolder("b", "2/"),),
        outputs=(OutputRule(provider="s3", path="b"),),
        is_deployed=True,
    )
    # Its output folder is the whole bucket, so it starts itself too: that is its own loop.
    (found,) = check_deployed_loops([first], [above])
    assert found.startswith("a -> b/2 -> x -> b -> a: ")
    csv = replace(above, outputs=(OutputRule(provider="s3", path="b", suffix=(".csv",)),))
    assert list(check_deployed_loops([first], [csv])) == []


def test_a_chain_to_a_function_that_starts_another_loop_is_only_that_loop() -> None:
    first = FunctionLinks(name="a", outputs=(OutputRule(provider="s3", path="b/1"),))
    others = [
        FunctionLinks(
            name=name,
            inputs=(WatchedFolder("b", reads),),
            outputs=(OutputRule(provider="s3", path=writes),),
            is_deployed=True,
        )
        for name, reads, writes in (("x", "1/", "b/2"), ("y", "2/", "b/1"))
    ]
    assert list(check_deployed_loops([first], others)) == []
    (found,) = check_deployed_loops([replace(others[0], is_deployed=False)], others[1:])
    assert found.startswith("x -> b/2 -> y -> b/1 -> x: ")


@pytest.mark.parametrize(
    ("path", "overlap"), [("photos/in/a", True), ("photos", True), ("photos/in2", False)]
)
def test_two_functions_may_not_share_an_object(path: str, *, overlap: bool) -> None:
    other = changed(CROP, name="cut", input=(StorageSpec(path=path),))
    assert bool(faults(CROP, other)) is overlap


def test_names_are_used_once() -> None:
    assert "crop: two functions have this name." in faults(CROP, changed(CROP, input=()))


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
    ("existing", "overlap"),
    [
        (rule("theirs", "in/a/"), True),
        (rule("theirs", "other/"), False),
        (rule("theirs", "in/", "s3:ObjectRemoved:*"), False),
        (rule("scar-crop-12345678", "in/"), False),
    ],
)
def test_notifications_already_on_the_bucket_are_respected(
    existing: dict[str, object], *, overlap: bool
) -> None:
    ours = BucketNotification(name="photos/scar-crop-00000000", function_arn="x", prefix="in/")
    for kind in ("LambdaFunctionConfigurations", "QueueConfigurations"):
        found = list(
            deployment_checks.check_buckets([ours], {"photos": {kind: [existing]}}, ["crop"])
        )
        assert bool(found) is overlap


def test_all_problems_are_raised_in_one_error() -> None:
    with pytest.raises(NotDeployableError) as caught:
        raise_if_any(["a", "b", "a"])
    assert caught.value.problem == "a\nb"
    raise_if_any([])


def test_without_role_creation_every_missing_role_is_named() -> None:
    function = new_function(
        name="f",
        execution_mode=ExecutionMode.BATCH,
        create=False,
        batch=BatchSpec(compute_resources=ComputeResourcesSpec()),
    )
    first, second = faults(function)
    assert "iam.role" in first
    assert "Batch jobs" in first
    assert "batch.compute_resources.instance_role" in second
    fargate = changed(
        function, batch=BatchSpec(compute_resources=ComputeResourcesSpec(type="FARGATE"))
    )
    (only,) = faults(fargate)
    assert "execution role" in only
    given = changed(fargate, role="arn:aws:iam::1:role/mine")
    assert not faults(given)


@pytest.mark.parametrize(("folder", "problems"), [("é" * 170, 0), ("é" * 171, 1), ("a" * 1023, 0)])
def test_a_folder_that_is_too_long_once_it_is_encoded_is_a_problem(
    folder: str, problems: int
) -> None:
    rule = BucketNotification(name="photos/x", function_arn="arn", prefix=f"{folder}/")
    found = list(deployment_checks.check_resources([rule], "eu-west-1"))
    assert len(found) == problems
    assert all("percent-encoded" in problem for problem in found)


@pytest.mark.parametrize(
    ("prefix", "found"), [("a%20b%3D/", 1), ("a+b=/in/", 1), ("a%2Bb%3D/", 0), ("a b", 1)]
)
def test_rules_of_other_tools_overlap_as_their_keys_do(prefix: str, found: int) -> None:
    rule = BucketNotification(name="photos/x", function_arn="arn", prefix="a b=/")
    other = {
        "Id": "theirs",
        "QueueArn": "arn",
        "Events": ["s3:ObjectCreated:*"],
        "Filter": {"Key": {"FilterRules": [{"Name": "Prefix", "Value": prefix}]}},
    }
    problems = list(
        deployment_checks.check_buckets([rule], {"photos": {"QueueConfigurations": [other]}}, [])
    )
    assert len(problems) == found
