"""Repositories of functions: creation, which images stay in them, deletion."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from scar.aws.deploy.deploy import init
from scar.aws.model import names
from scar.errors import OperationRefusedError
from tests.fakes.functions import changed
from tests.functional.aws.support.factories import (
    a_function,
    deploy,
    fail_next_call,
    remaining_resources,
    remove,
    simulate_running_job,
)
from tests.functional.aws.support.pushed_images import PushedImages

if TYPE_CHECKING:
    from pathlib import Path

    from scar.aws.client.connection import AwsConnection
    from scar.aws.model.function import Function
    from tests.functional.aws.conftest import FakeImages

NOTHING = "Nothing to change."


@pytest.fixture
def pushed(connection: AwsConnection, images: FakeImages) -> PushedImages:
    return PushedImages(connection, images)


def scripted(folder: Path, text: str, mode: str = "batch") -> Function:
    script = folder / "crop.sh"
    script.write_text(text)
    return a_function(mode, script)


def repositories(connection: AwsConnection) -> set[str]:
    found = connection.client("ecr").describe_repositories()["repositories"]
    return {each["repositoryName"] for each in found}


def digest_in_use(connection: AwsConnection) -> str:
    found = connection.client("lambda").get_function(FunctionName="crop")
    return found["Code"]["ImageUri"].partition("@")[2]


def test_a_repository_has_scanning_tags_a_policy_for_lambda_and_a_lifecycle_policy(
    connection: AwsConnection, images: FakeImages
) -> None:
    deploy(connection, images, changed(a_function(), tags={"team": "sky"}))
    ecr = connection.client("ecr")
    (found,) = ecr.describe_repositories(repositoryNames=["scar/crop"])["repositories"]
    assert found["imageScanningConfiguration"] == {"scanOnPush": True}
    tags = ecr.list_tags_for_resource(resourceArn=found["repositoryArn"])["tags"]
    assert {t["Key"]: t["Value"] for t in tags} == {
        "scar:function": "crop",
        "scar:keep": "false",
        "scar:managed": "true",
        "team": "sky",
    }
    policy = json.loads(ecr.get_repository_policy(repositoryName="scar/crop")["policyText"])
    (statement,) = policy["Statement"]
    assert statement["Principal"] == {"Service": "lambda.amazonaws.com"}
    functions = "arn:aws:lambda:eu-west-1:123456789012:function:*"
    assert statement["Condition"] == {"StringLike": {"aws:sourceArn": functions}}
    rules = json.loads(ecr.get_lifecycle_policy(repositoryName="scar/crop")["lifecyclePolicyText"])
    assert [rule["selection"]["tagStatus"] for rule in rules["rules"]] == ["untagged"]


def test_drift_of_a_repository_is_corrected_and_other_tags_are_kept(
    connection: AwsConnection, images: FakeImages
) -> None:
    deploy(connection, images, a_function())
    ecr = connection.client("ecr")
    found = ecr.describe_repositories(repositoryNames=["scar/crop"])["repositories"]
    arn = found[0]["repositoryArn"]
    ecr.tag_resource(resourceArn=arn, tags=[{"Key": "cost", "Value": "7"}])
    assert str(deploy(connection, images, a_function())) == NOTHING
    ecr.delete_lifecycle_policy(repositoryName="scar/crop")
    ecr.put_image_scanning_configuration(
        repositoryName="scar/crop", imageScanningConfiguration={"scanOnPush": False}
    )
    todo = str(deploy(connection, images, a_function()))
    assert "~ repository scar/crop" in todo
    assert "scan_on_push: False -> True" in todo
    assert str(deploy(connection, images, a_function())) == NOTHING
    tags = ecr.list_tags_for_resource(resourceArn=arn)["tags"]
    assert {"Key": "cost", "Value": "7"} in tags


def test_a_foreign_repository_is_not_changed(connection: AwsConnection, images: FakeImages) -> None:
    connection.client("ecr").create_repository(repositoryName="scar/crop")
    with pytest.raises(
        OperationRefusedError, match="repository scar/crop exists and is not managed by scar"
    ):
        deploy(connection, images, a_function())
    assert remove(connection, "crop") == NOTHING
    assert len(connection.client("ecr").describe_repositories()["repositories"]) == 1


def test_a_custom_prefix_is_found_without_the_fdl(
    connection: AwsConnection, images: FakeImages
) -> None:
    function = changed(a_function("batch"), prefix="team/images")
    deploy(connection, images, function)
    assert str(deploy(connection, images, function)) == NOTHING
    assert "team/images/crop" in repositories(connection)
    assert "- repository team/images/crop" in remove(connection, "crop")
    assert remaining_resources(connection) == {}


def test_another_prefix_deletes_the_old_repository(
    connection: AwsConnection, images: FakeImages, pushed: PushedImages
) -> None:
    deploy(connection, images, a_function("batch"))
    first = digest_in_use(connection)
    moved = changed(a_function("batch"), prefix="team/images")
    lines = str(deploy(connection, images, moved)).splitlines()
    going = [line for line in lines if line.startswith("- old-")]
    assert going == [f"- old-image scar/crop@{first}", "- old-repository scar/crop"]
    assert repositories(connection) == {"team/images/crop", "scar/scar-failure-handler"}
    assert str(deploy(connection, images, moved)) == NOTHING
    # And back, from a prefix that cannot be derived from a name.
    deploy(connection, images, a_function("batch"))
    assert repositories(connection) == {"scar/crop", "scar/scar-failure-handler"}


def test_an_old_repository_is_kept_while_a_job_uses_its_image_and_deleted_later(
    connection: AwsConnection, images: FakeImages, pushed: PushedImages
) -> None:
    deploy(connection, images, changed(a_function("batch"), prefix="team/images"))
    first = digest_in_use(connection)
    running = simulate_running_job(connection, "crop")
    assert "old-" not in str(deploy(connection, images, a_function("batch")))
    assert str(deploy(connection, images, a_function("batch"))) == NOTHING
    running.clear()
    pushed.days[first] = 2
    assert "- old-repository team/images/crop" in str(
        deploy(connection, images, a_function("batch"))
    )
    assert "team/images/crop" not in repositories(connection)


@pytest.mark.parametrize("keeping", ["delete_image", "image of others"])
def test_an_old_repository_with_other_images_or_delete_image_false_is_kept(
    connection: AwsConnection, images: FakeImages, pushed: PushedImages, keeping: str
) -> None:
    deploy(connection, images, changed(a_function(), delete_image=keeping != "delete_image"))
    if keeping == "image of others":
        other = f"sha256:{hashlib.sha256(b'other').hexdigest()}"
        images.push("scar/crop", other)
        pushed.untagged.append(other)
    moved = changed(a_function(), prefix="team/images")
    deploy(connection, images, moved)
    assert "scar/crop" in repositories(connection)
    assert str(deploy(connection, images, moved)) == NOTHING


def test_removing_finds_repositories_under_former_prefixes(
    connection: AwsConnection, images: FakeImages
) -> None:
    deploy(connection, images, changed(a_function("batch"), prefix="team/images"))
    running = simulate_running_job(connection, "crop")
    deploy(connection, images, a_function("batch"))
    connection.client("ecr").create_repository(repositoryName="others/crop")
    running.clear()
    remove(connection, "crop")
    assert repositories(connection) == {"others/crop"}


def test_with_delete_image_false_the_repository_is_kept(
    connection: AwsConnection, images: FakeImages
) -> None:
    function = changed(a_function(), delete_image=False)
    deploy(connection, images, function)
    assert "repository scar/crop" not in remove(connection, "crop")
    assert "scar/crop" in repositories(connection)
    assert "repository scar/crop" not in str(deploy(connection, images, function))
    deploy(connection, images, a_function())
    remove(connection, "crop")
    assert remaining_resources(connection) == {}


@pytest.mark.parametrize("mode", ["lambda", "batch"])
def test_a_disabled_function_loses_its_images_and_its_repository(
    connection: AwsConnection, images: FakeImages, pushed: PushedImages, mode: str
) -> None:
    deploy(connection, images, a_function(mode), a_function(name="other"))
    image = digest_in_use(connection)
    plan = str(deploy(connection, images, a_function(name="other"), disabled=["crop"]))
    assert f"- old-image scar/crop@{image}" in plan
    assert "- old-repository scar/crop" in plan
    assert "scar/crop" not in repositories(connection)
    assert "scar/other" in repositories(connection)
    again = str(deploy(connection, images, a_function(name="other"), disabled=["crop"]))
    assert again == NOTHING


def test_the_images_of_a_disabled_function_stay_with_delete_image_false_or_a_running_job(
    connection: AwsConnection, images: FakeImages, pushed: PushedImages
) -> None:
    deploy(connection, images, changed(a_function("batch"), delete_image=False))
    assert "old-" not in str(deploy(connection, images, disabled=["crop"]))
    assert "scar/crop" in repositories(connection)
    deploy(connection, images, a_function("batch"))
    running = simulate_running_job(connection, "crop")
    assert "old-" not in str(deploy(connection, images, disabled=["crop"]))
    assert "scar/crop" in repositories(connection)
    running.clear()


def test_an_image_of_the_users_own_is_neither_pushed_nor_removed(
    connection: AwsConnection, images: FakeImages
) -> None:
    # Even in a repository that scar created for another function.
    deploy(connection, images, a_function(name="other"))
    uri = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/scar/other:1"
    function = changed(a_function("batch"), image=uri, create_image=False)
    todo = str(deploy(connection, images, function))
    assert "+ function crop" in todo
    assert "image" not in todo.replace("image:", "")
    assert "repository" not in todo
    assert str(deploy(connection, images, function)) == NOTHING
    assert "repository" not in remove(connection, "crop")
    assert "scar/other" in repositories(connection)


@pytest.mark.parametrize("name", ["Crop", "crop_", "a__b", "-a", "___", "A", "a"])
def test_every_functions_name_makes_a_repositorys_name(name: str) -> None:
    repository = names.repository_name(name)
    assert repository.startswith("scar/")
    assert repository == repository.lower()
    assert (
        names.repository_name("a__b")
        != names.repository_name("a--b")
        != names.repository_name("a-b")
    )


def test_a_new_script_deletes_the_unused_image(
    connection: AwsConnection, images: FakeImages, pushed: PushedImages, tmp_path: Path
) -> None:
    deploy(connection, images, scripted(tmp_path, "echo one"))
    first = digest_in_use(connection)
    todo = deploy(connection, images, scripted(tmp_path, "echo two"))
    assert f"- old-image scar/crop@{first}" in str(todo)
    assert pushed.digests == {digest_in_use(connection)}
    assert str(deploy(connection, images, scripted(tmp_path, "echo two"))) == NOTHING


def test_an_image_is_kept_while_a_queued_job_uses_it_and_deleted_later(
    connection: AwsConnection, images: FakeImages, pushed: PushedImages, tmp_path: Path
) -> None:
    deploy(connection, images, scripted(tmp_path, "echo one"))
    first = digest_in_use(connection)
    running = simulate_running_job(connection, "crop")
    todo = str(deploy(connection, images, scripted(tmp_path, "echo two")))
    assert "old-image" not in todo
    assert pushed.digests == {first, digest_in_use(connection)}

    pushed.days[first] = 2
    assert str(deploy(connection, images, scripted(tmp_path, "echo two"))) == NOTHING
    running.clear()
    todo = str(deploy(connection, images, scripted(tmp_path, "echo two")))
    assert todo.splitlines()[0] == f"- old-image scar/crop@{first}"
    assert todo.count("old-image") == 1
    assert pushed.deleted == [first]


def test_a_job_submitted_while_deploying_keeps_its_image(
    connection: AwsConnection, images: FakeImages, pushed: PushedImages, tmp_path: Path
) -> None:
    deploy(connection, images, scripted(tmp_path, "echo one"))
    function = scripted(tmp_path, "echo two")

    def submit(line: str) -> None:
        if line.startswith("~ function"):
            simulate_running_job(connection, "crop")

    todo = init([function], connection, submit, images=images)
    assert "- old-image" in str(todo)
    assert pushed.deleted == []


def test_a_recent_image_is_kept_for_a_concurrent_deployment(
    connection: AwsConnection, images: FakeImages, pushed: PushedImages
) -> None:
    deploy(connection, images, a_function())
    other = f"sha256:{hashlib.sha256(b'other').hexdigest()}"
    images.push("scar/crop", other)
    assert str(deploy(connection, images, a_function())) == NOTHING
    pushed.days[other] = 2
    assert str(deploy(connection, images, a_function())) == f"- old-image scar/crop@{other}"
    assert pushed.deleted == [other]


def test_images_that_scar_did_not_build_are_kept(
    connection: AwsConnection, images: FakeImages, pushed: PushedImages
) -> None:
    deploy(connection, images, a_function())
    other = f"sha256:{hashlib.sha256(b'other').hexdigest()}"
    images.push("scar/crop", other)
    pushed.days[other] = 20
    pushed.untagged.append(other)
    assert str(deploy(connection, images, a_function())) == NOTHING


def test_a_published_version_keeps_its_image(
    connection: AwsConnection, images: FakeImages, pushed: PushedImages, tmp_path: Path
) -> None:
    deploy(connection, images, scripted(tmp_path, "echo one", "lambda"))
    first = digest_in_use(connection)

    def tell(parsed: dict[str, Any], **_: object) -> None:
        old = {"FunctionName": "crop", "Version": "1", "CodeSha256": first.partition(":")[2]}
        parsed["Functions"].append(old)

    connection.client("lambda").meta.events.register("after-call.lambda.ListFunctions", tell)
    todo = deploy(connection, images, scripted(tmp_path, "echo two", "lambda"))
    assert "old-image" not in str(todo)
    assert first in pushed.digests


def test_a_deployment_that_fails_deletes_no_image(
    connection: AwsConnection, images: FakeImages, pushed: PushedImages, tmp_path: Path
) -> None:
    deploy(connection, images, scripted(tmp_path, "echo one"))
    fail_next_call(connection, "lambda", "UpdateFunctionCode")
    with pytest.raises(OperationRefusedError):
        deploy(connection, images, scripted(tmp_path, "echo two"))
    assert pushed.deleted == []


LAMBDAS = {
    "Sid": "LambdaECRImageRetrievalPolicy",
    "Effect": "Allow",
    "Principal": {"Service": "lambda.amazonaws.com"},
    "Action": ["ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"],
    "Condition": {
        "StringLike": {"aws:sourceArn": "arn:aws:lambda:eu-west-1:123456789012:function:*"}
    },
}
NARROW = {
    **LAMBDAS,
    "Condition": {
        "StringLike": {"aws:sourceArn": "arn:aws:lambda:eu-west-1:123456789012:function:crop"}
    },
}
OTHER_ACCOUNT = {
    "Sid": "theirs",
    "Effect": "Allow",
    "Principal": {"AWS": "arn:aws:iam::210987654321:root"},
    "Action": "ecr:BatchGetImage",
}


def policy_statements(connection: AwsConnection) -> list[dict[str, Any]]:
    text = connection.client("ecr").get_repository_policy(repositoryName="scar/crop")["policyText"]
    found: list[dict[str, Any]] = json.loads(text)["Statement"]
    return found


def set_statements(connection: AwsConnection, *statements: dict[str, Any]) -> None:
    document = {"Version": "2008-10-17", "Statement": statements}
    connection.client("ecr").set_repository_policy(
        repositoryName="scar/crop", policyText=json.dumps(document)
    )


@pytest.mark.parametrize("added", [[LAMBDAS], [NARROW], [OTHER_ACCOUNT], [LAMBDAS, OTHER_ACCOUNT]])
def test_statements_of_others_are_no_change_and_stay(
    connection: AwsConnection, images: FakeImages, added: list[dict[str, Any]]
) -> None:
    deploy(connection, images, a_function())
    (own,) = policy_statements(connection)
    set_statements(connection, own, *added)
    assert str(deploy(connection, images, a_function())) == NOTHING
    broken = {**own, "Condition": {"StringEquals": {"aws:SourceAccount": "123456789012"}}}
    set_statements(connection, *added, broken)
    assert "~ repository scar/crop" in str(deploy(connection, images, a_function()))
    # Lambda's statement means the same as scar's, which is then not added a second time.
    assert policy_statements(connection) == (added if LAMBDAS in added else [*added, own])
    assert str(deploy(connection, images, a_function())) == NOTHING


def test_a_policy_that_only_lambda_wrote_is_enough(
    connection: AwsConnection, images: FakeImages
) -> None:
    deploy(connection, images, a_function())
    set_statements(connection, LAMBDAS)
    assert str(deploy(connection, images, a_function())) == NOTHING
    set_statements(connection, NARROW)
    deploy(connection, images, a_function())
    assert [s["Sid"] for s in policy_statements(connection)] == [NARROW["Sid"], "LambdaPulls"]
