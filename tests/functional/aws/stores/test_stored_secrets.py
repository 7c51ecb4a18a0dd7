"""Secrets of other stores are in Parameter Store, and nowhere else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from scar.aws.deploy.apply import PlanExecutor
from scar.aws.inventory.functions import list_functions
from scar.errors import OperationRefusedError
from scar.fdl.model import StorageSpec
from scar.hidden_text import HiddenText
from supervisor.config import config_to_json
from supervisor.connections import ProviderConfig
from tests.fakes.functions import changed
from tests.functional.aws.support.factories import (
    a_function,
    deploy,
    fail_next_call,
    remove,
)

if TYPE_CHECKING:
    from scar.aws.client.connection import AwsConnection
    from scar.aws.model.function import Function
    from tests.functional.aws.conftest import FakeImages

SECRET = "hunter2-never-shown"
NAME = "/scar/crop/minio.lab/secret_key"


def with_store(secret: str = SECRET, *, mode: str = "lambda") -> Function:
    provider = ProviderConfig(
        name="minio.lab",
        options={"endpoint": "https://minio.example.org"},
        secrets={"secret_key": f"ssm:{NAME}", "access_key": "ssm:/lab/key"},
    )
    stored = ((NAME, HiddenText(secret)),)
    return changed(a_function(mode), providers=(provider,), stored_secrets=stored)


def parameters(connection: AwsConnection) -> dict[str, tuple[str, str]]:
    """Return type and value of each parameter by name."""
    ssm: Any = connection.client("ssm")
    found = ssm.get_parameters_by_path(Path="/scar", Recursive=True, WithDecryption=True)
    return {p["Name"]: (p["Type"], p["Value"]) for p in found["Parameters"]}


def test_the_value_is_stored_encrypted_and_is_nowhere_else(
    connection: AwsConnection, images: FakeImages
) -> None:
    plan = deploy(connection, images, with_store(mode="lambda-batch"))
    assert f"+ secret-parameter {NAME}" in str(plan)
    assert parameters(connection) == {NAME: ("SecureString", SECRET)}
    assert SECRET not in f"{plan}{plan.to_json()}{plan.format_by_function()}{plan!r}"
    client = connection.client
    deployed = (
        config_to_json(images.composed["crop"]),
        client("lambda").get_function(FunctionName="crop"),
        client("batch").describe_job_definitions(),
        [
            client("s3").get_object(Bucket=bucket["Name"], Key=item["Key"])["Body"].read()
            for bucket in client("s3").list_buckets()["Buckets"]
            for item in client("s3").list_objects_v2(Bucket=bucket["Name"]).get("Contents", ())
        ],
    )
    assert SECRET not in str(deployed)
    assert f'"ssm:{NAME}"' in deployed[0]


def test_a_second_init_changes_nothing(connection: AwsConnection, images: FakeImages) -> None:
    deploy(connection, images, with_store())
    assert str(deploy(connection, images, with_store())) == "Nothing to change."


def test_another_value_is_an_update_that_names_no_value(
    connection: AwsConnection, images: FakeImages
) -> None:
    deploy(connection, images, with_store())
    plan = deploy(connection, images, with_store("another"))
    assert str(plan) == (f"~ secret-parameter {NAME}\n    value: differs (values are not shown)")
    (change,) = json.loads(plan.to_json())["changes"]
    assert change["changed"] == [{"name": "value", "before": "********", "after": "********"}]
    assert parameters(connection) == {NAME: ("SecureString", "another")}


def test_a_parameter_that_was_made_as_plain_text_is_replaced(
    connection: AwsConnection, images: FakeImages
) -> None:
    ssm: Any = connection.client("ssm")
    ssm.put_parameter(Name=NAME, Value=SECRET, Type="String")
    assert f"± secret-parameter {NAME}" in str(deploy(connection, images, with_store()))
    assert parameters(connection) == {NAME: ("SecureString", SECRET)}


def test_secrets_of_stores_that_are_no_longer_used_are_deleted(
    connection: AwsConnection, images: FakeImages
) -> None:
    deploy(connection, images, with_store())
    plan = deploy(connection, images, a_function())
    assert f"- secret-parameter {NAME}" in str(plan)
    assert parameters(connection) == {}
    assert str(deploy(connection, images, a_function())) == "Nothing to change."


def test_rm_deletes_them_and_no_others(connection: AwsConnection, images: FakeImages) -> None:
    ssm: Any = connection.client("ssm")
    ssm.put_parameter(Name="/scar/crop2/minio.lab/token", Value="theirs", Type="SecureString")
    deploy(connection, images, with_store())
    remove(connection, "crop")
    assert parameters(connection).keys() == {"/scar/crop2/minio.lab/token"}


def test_rm_finds_them_after_a_removal_that_was_interrupted(
    connection: AwsConnection, images: FakeImages
) -> None:
    """The function, whose tag says that it has some, may be deleted first."""
    deploy(connection, images, with_store())
    fail_next_call(connection, "ssm", "DeleteParameter")
    with pytest.raises(OperationRefusedError):
        remove(connection, "crop")
    client: Any = connection.client("lambda")
    if "crop" in [f["FunctionName"] for f in client.list_functions()["Functions"]]:
        client.delete_function(FunctionName="crop")
    assert parameters(connection).keys() == {NAME}
    assert f"- secret-parameter {NAME}" in remove(connection, "crop")
    assert parameters(connection) == {}


def test_rm_finds_them_after_a_deployment_that_was_interrupted(
    connection: AwsConnection, images: FakeImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PlanExecutor, "_undo_started_changes", lambda *_: None)
    fail_next_call(connection, "lambda", "CreateFunction")
    with pytest.raises(OperationRefusedError):
        deploy(connection, images, with_store())
    assert parameters(connection).keys() == {NAME}
    remove(connection, "crop")
    assert parameters(connection) == {}


def test_a_failed_init_restores_the_value(connection: AwsConnection, images: FakeImages) -> None:
    deploy(connection, images, with_store())
    fail_next_call(connection, "lambda", "UpdateFunctionConfiguration")
    with pytest.raises(OperationRefusedError):
        deploy(connection, images, changed(with_store("another"), memory=1024))
    assert parameters(connection) == {NAME: ("SecureString", SECRET)}


def test_a_failed_first_init_leaves_none(connection: AwsConnection, images: FakeImages) -> None:
    fail_next_call(connection, "lambda", "CreateFunction")
    with pytest.raises(OperationRefusedError):
        deploy(connection, images, with_store())
    assert parameters(connection) == {}


def test_a_refused_value_is_not_in_the_message(
    connection: AwsConnection, images: FakeImages
) -> None:
    """AWS's validation errors quote the value that they refuse."""
    message = f"1 validation error detected: Value '{SECRET}' at 'value' failed to satisfy …"
    fail_next_call(connection, "ssm", "PutParameter", message=message)
    with pytest.raises(OperationRefusedError) as caught:
        deploy(connection, images, with_store())
    error: BaseException | None = caught.value
    while error is not None:
        assert SECRET not in f"{error!r}{error}{getattr(error, 'response', '')}"
        error = error.__cause__
    assert "Value '********' at 'value'" in f"{caught.value.problem}{caught.value.remedy}"


def test_functions_without_other_stores_need_no_permission_for_parameters(
    connection: AwsConnection, images: FakeImages
) -> None:
    def refuse(**_: object) -> None:
        raise AssertionError("a request to SSM")

    connection.client("ssm").meta.events.register("before-call.ssm", refuse)  # type: ignore[attr-defined]
    deploy(connection, images, a_function())
    deploy(connection, images, a_function())
    remove(connection, "crop")


def test_inputs_on_other_stores_are_listed_from_the_tags_of_the_function(
    connection: AwsConnection, images: FakeImages
) -> None:
    folders = tuple(
        StorageSpec(storage_provider=store, path=path, suffix=suffix)
        for store, path, suffix in (
            ("s3", "photos/in", ()),
            ("minio.lab", "photos/in", (".csv",)),
            ("minio.lab", "books/ü*b", ()),
        )
    )
    function = changed(with_store(), input=folders)
    deploy(connection, images, function)
    (found,) = list_functions(connection)
    assert [str(one) for one in found.inputs] == ["photos/in"]
    assert [str(one) for one in found.other_inputs] == [
        "minio.lab:books/ü*b",
        "minio.lab:photos/in/*.csv",
    ]
    assert str(deploy(connection, images, function)) == "Nothing to change."
    deploy(connection, images, changed(function, input=folders[:1]))
    assert list_functions(connection)[0].other_inputs == ()
