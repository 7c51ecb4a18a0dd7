"""Mounts and limits of jobs are compiled, requested, read back, and validated."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.session import get_session
from botocore.validate import ParamValidator
from hypothesis import given
from hypothesis import strategies as st

from scar.aws.compile.compiler import compile_resources
from scar.aws.handlers.batch.job_definitions import parse_job_definition
from scar.aws.model.account import Account
from scar.aws.model.network import VpcNetwork
from scar.aws.model.resources import FileSystemMount, JobDefinition, LambdaFunction, Role
from scar.aws.requests import batch_requests
from scar.aws.requests.validator import check
from scar.errors import ConfigurationError
from scar.fdl.model import BatchSpec, FileSystemSpec, JobFileSystemSpec
from supervisor.model import ExecutionMode
from tests.fakes.functions import new_function

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scar.aws.model.function import Function
    from scar.aws.model.resources import Resource

ACCOUNT = Account("123456789012", "eu-west-1")
EFS = "arn:aws:elasticfilesystem:eu-west-1:123456789012:access-point/fsap-0123456789abcdef0"
S3_FILE_SYSTEM = "arn:aws:s3files:eu-west-1:123456789012:file-system/fs-0123456789abcdef0"
S3 = f"{S3_FILE_SYSTEM}/access-point/fsap-0123456789abcdef1"
BATCH = get_session().get_service_model("batch")


def a_function(**batch: object) -> Function:
    spec = BatchSpec.model_validate({"memory": 8192, **batch})
    return new_function(name="crop", image="x", execution_mode=ExecutionMode.BATCH, batch=spec)


def compiled(
    function: Function, file_systems: Mapping[str, str] | None = None
) -> tuple[Resource, ...]:
    return compile_resources(
        [function],
        ACCOUNT,
        images={"crop": "sha256:0", "scar-failure-handler": "sha256:1"},
        networks={"crop": VpcNetwork(subnets=("subnet-1",), security_groups=("sg-1",))},
        file_systems=file_systems,
    )


def definition_of(function: Function) -> JobDefinition:
    (found,) = (r for r in compiled(function) if isinstance(r, JobDefinition))
    return found


def container_of(definition: JobDefinition) -> dict[str, Any]:
    request = batch_requests.register_definition_request(definition, "eu-west-1")
    container: dict[str, Any] = json.loads(json.dumps(request["containerProperties"]))
    return container


def read_back(definition: JobDefinition) -> JobDefinition:
    """Return the definition as it is read from Batch, which adds empty lists."""
    request: Any = batch_requests.register_definition_request(definition, "eu-west-1")
    container = {"volumes": [], "mountPoints": [], "ulimits": [], **request["containerProperties"]}
    linux = {"devices": [], "tmpfs": [], **container.get("linuxParameters", {})}
    described: Any = {
        **request,
        "revision": 1,
        "containerProperties": {**container, "linuxParameters": linux},
    }
    return parse_job_definition(described)


def policy_of(function: Function, purpose: str) -> list[dict[str, Any]]:
    roles = (r for r in compiled(function) if isinstance(r, Role))
    (role,) = (r for r in roles if r.name == f"crop-eu-west-1-{purpose}")
    statements: list[dict[str, Any]] = json.loads(role.policy)["Statement"]
    return [s for s in statements if "Client" in json.dumps(s)]


def test_an_efs_access_point_is_mounted_with_the_role_and_encrypted() -> None:
    mount = {"arn": EFS, "path": "/mnt/data", "file_system_id": "fs-12345678", "read_only": True}
    container = container_of(definition_of(a_function(file_system=mount)))
    assert container["volumes"] == [
        {
            "name": "file-system-1",
            "efsVolumeConfiguration": {
                "fileSystemId": "fs-12345678",
                "transitEncryption": "ENABLED",
                "authorizationConfig": {
                    "accessPointId": "fsap-0123456789abcdef0",
                    "iam": "ENABLED",
                },
            },
        }
    ]
    assert container["mountPoints"] == [
        {"containerPath": "/mnt/data", "readOnly": True, "sourceVolume": "file-system-1"}
    ]


def test_an_s3_files_access_point_names_its_file_system() -> None:
    container = container_of(definition_of(a_function(file_system={"arn": S3, "path": "/mnt/s3"})))
    assert container["volumes"][0]["s3filesVolumeConfiguration"] == {
        "fileSystemArn": S3_FILE_SYSTEM,
        "accessPointArn": S3,
    }


def test_memory_file_systems_and_limits_are_requested() -> None:
    container = container_of(
        definition_of(
            a_function(
                shared_memory=2048,
                tmpfs={"path": "/scratch", "size": 64, "mount_options": "exec"},
                ulimits={"nofile": 65536, "memlock": {"soft": 0, "hard": -1}},
            )
        )
    )
    assert container["linuxParameters"] == {
        "sharedMemorySize": 2048,
        "tmpfs": [{"containerPath": "/scratch", "size": 64, "mountOptions": ["exec"]}],
    }
    assert container["ulimits"] == [
        {"name": "memlock", "softLimit": 0, "hardLimit": -1},
        {"name": "nofile", "softLimit": 65536, "hardLimit": 65536},
    ]


def test_nothing_is_requested_without_the_keys() -> None:
    container = container_of(definition_of(a_function()))
    assert not {"volumes", "mountPoints", "linuxParameters", "ulimits"} & container.keys()
    assert policy_of(a_function(), "job") == []


def test_the_id_of_the_file_system_comes_from_the_account_or_the_fdl() -> None:
    function = a_function(file_system={"arn": EFS, "path": "/mnt/data"})
    with pytest.raises(ConfigurationError, match="is not known"):
        compiled(function)
    (found,) = (r for r in compiled(function, {EFS: "fs-87654321"}) if isinstance(r, JobDefinition))
    assert found.file_systems == (
        FileSystemMount("/mnt/data", "fs-87654321", "fsap-0123456789abcdef0"),
    )


def test_the_job_role_may_write_unless_every_mount_is_read_only() -> None:
    def actions(*mounts: tuple[str, bool]) -> list[object]:
        items = [
            {"arn": arn, "path": f"/mnt/{number}", "read_only": read_only}
            for number, (arn, read_only) in enumerate(mounts)
        ]
        return [s["Action"] for s in policy_of(a_function(file_system=items), "job")]

    both = ["s3files:ClientMount", "s3files:ClientWrite"]
    assert actions((S3, False)) == [both]
    assert actions((S3, True)) == ["s3files:ClientMount"]
    assert actions((S3, True), (S3, False)) == [both]


def test_rights_are_for_the_access_point_and_for_who_mounts_it() -> None:
    function = a_function(file_system={"arn": S3, "path": "/mnt/s3"})
    assert policy_of(function, "lambda") == []
    (statement,) = policy_of(function, "job")
    assert statement["Resource"] == S3_FILE_SYSTEM
    assert statement["Condition"] == {"StringEquals": {"s3files:AccessPointArn": S3}}


def test_lambda_mounts_s3_files_with_its_own_rights() -> None:
    function = new_function(
        name="crop", image="x", file_system=(FileSystemSpec(arn=S3, path="/mnt/s3"),)
    )
    functions = (r for r in compiled(function) if isinstance(r, LambdaFunction))
    (found,) = (r for r in functions if r.name == "crop")
    assert found.file_systems == ((S3, "/mnt/s3"),)
    (statement,) = policy_of(function, "lambda")
    assert statement["Action"] == ["s3files:ClientMount", "s3files:ClientWrite"]


NAMES = st.sampled_from(["nofile", "memlock", "core", "nproc", "stack"])
ANY_STORAGE = st.fixed_dictionaries(
    {},
    optional={
        "shared_memory": st.integers(0, 1024),
        "tmpfs": st.lists(
            st.fixed_dictionaries(
                {
                    "path": st.sampled_from(["/a", "/b", "/c"]),
                    "size": st.integers(1, 512),
                    "mount_options": st.lists(st.sampled_from(["exec", "mode=700"])),
                }
            ),
            unique_by=lambda item: item["path"],
        ),
        "ulimits": st.dictionaries(NAMES, st.integers(-1, 2**31 - 1)),
        "file_system": st.lists(
            st.fixed_dictionaries(
                {
                    "path": st.sampled_from(["/x", "/y", "/z"]),
                    "read_only": st.booleans(),
                }
            ).flatmap(
                lambda item: st.sampled_from(
                    [{**item, "arn": S3}, {**item, "arn": EFS, "file_system_id": "fs-12345678"}]
                )
            ),
            unique_by=lambda item: item["path"],
        ),
    },
)


@given(ANY_STORAGE)
def test_any_storage_is_valid_and_read_back_unchanged(batch: dict[str, Any]) -> None:
    definition = definition_of(a_function(**batch))
    assert read_back(definition) == definition
    request: Any = batch_requests.register_definition_request(definition, "eu-west-1")
    shape: Any = BATCH.operation_model("RegisterJobDefinition").input_shape
    assert not ParamValidator().validate(request, shape).has_errors()
    assert list(check("batch", "RegisterJobDefinition", request)) == []


def test_a_changed_volume_is_a_difference() -> None:
    """Without IAM or encryption, or from the host, it is not the mount that scar made."""
    mount = {"arn": EFS, "path": "/mnt/data", "file_system_id": "fs-12345678"}
    definition = definition_of(a_function(file_system=mount))
    request: Any = batch_requests.register_definition_request(definition, "eu-west-1")
    volume = request["containerProperties"]["volumes"][0]
    plain = {**volume["efsVolumeConfiguration"], "transitEncryption": "DISABLED"}
    for change in (
        {"efsVolumeConfiguration": plain},
        {"efsVolumeConfiguration": {"fileSystemId": "fs-12345678"}},
        {"host": {"sourcePath": "/mnt"}},
    ):
        container = {
            **request["containerProperties"],
            "volumes": [{"name": "file-system-1", **change}],
        }
        described: Any = {**request, "revision": 1, "containerProperties": container}
        assert parse_job_definition(described).file_systems != definition.file_systems


def test_the_ids_of_both_services_are_told_apart() -> None:
    assert JobFileSystemSpec(arn=S3, path="/x").is_s3_files
    assert not JobFileSystemSpec(arn=EFS, path="/x").is_s3_files
