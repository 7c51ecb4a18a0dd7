"""Raw containerProperties: checked against botocore's model, merged, and read back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scar.aws.export import properties
from scar.aws.handlers.batch.job_definitions import parse_job_definition
from scar.aws.model.containers.container_fields import CONTAINER_FIELDS, OWNED_FIELDS
from scar.aws.model.containers.container_properties import (
    container_problems,
    merge_container,
    raw_tags,
    to_api_types,
)
from scar.aws.model.resources import JobDefinition
from scar.aws.requests.batch_requests import register_definition_request
from scar.aws.requests.validator import check
from scar.fdl.model import BatchSpec, ComputeResourcesSpec
from tests.fakes.functions import changed
from tests.unit.aws.compile.test_compiler import BATCH, compiled, only

if TYPE_CHECKING:
    from botocore.model import Shape

RAW = {
    "privileged": True,
    "volumes": [{"name": "licences", "host": {"sourcePath": "/opt"}}],
    "mountPoints": [{"sourceVolume": "licences", "containerPath": "/mnt/l", "readOnly": True}],
    "linuxParameters": {"maxSwap": "64", "devices": [{"hostPath": "/dev/fuse"}]},
}


def definition(raw: dict[str, Any], **compute: object) -> JobDefinition:
    resources = ComputeResourcesSpec.model_validate(compute)
    batch = BatchSpec(memory=2048, container_properties=raw, compute_resources=resources)
    return only(compiled(changed(BATCH, batch=batch)), JobDefinition)


def requested(raw: dict[str, Any], **compute: object) -> dict[str, Any]:
    return {**register_definition_request(definition(raw, **compute), "eu-west-1")}


def shape_of(shape: Shape) -> object:
    found: Any = shape
    match found.type_name:
        case "structure":
            return {name: shape_of(member) for name, member in found.members.items()}
        case "list":
            return (shape_of(found.member),)
        case kind:
            return {"string": "text", "integer": "number", "boolean": "flag", "map": "map"}[kind]


def test_the_fields_are_those_of_the_model() -> None:
    model = botocore.session.Session().get_service_model("batch")
    assert shape_of(model.shape_for("ContainerProperties")) == CONTAINER_FIELDS
    for path in OWNED_FIELDS:
        shape: Any = CONTAINER_FIELDS
        for name in path.split("."):
            shape = shape[name]


@pytest.mark.parametrize(
    ("raw", "where", "said"),
    [
        ({"priviledged": True}, "priviledged", "did you mean privileged?"),
        ({"volumes": [{"nme": "x"}]}, "volumes.0.nme", "did you mean name?"),
        ({"volumes": [{"name": "file-system-1"}]}, "volumes.0.name", "of batch.file_system"),
        ({"linuxParameters": {"tmpf": []}}, "linuxParameters.tmpf", "did you mean tmpfs?"),
        ({"privileged": "1"}, "privileged", "must be true or false"),
        ({"volumes": {"name": "x"}}, "volumes", "must be a list"),
        ({"volumes": ["x"]}, "volumes.0", "must be a section with the fields host"),
        ({"linuxParameters": {"maxSwap": 2**31}}, "linuxParameters.maxSwap", "2,147,483,647 or"),
        (
            {"linuxParameters": {"maxSwap": "9" * 5000}},
            "linuxParameters.maxSwap",
            "2,147,483,647 or",
        ),
        ({"linuxParameters": {"tmpfs": []}}, "linuxParameters.tmpfs", "set batch.tmpfs"),
        (
            {"linuxParameters": {"sharedMemorySize": 1}},
            "linuxParameters.sharedMemorySize",
            "set batch.shared_memory",
        ),
        ({"linuxParameters": {"maxSwap": "1.5"}}, "linuxParameters.maxSwap", "a whole number"),
        ({"linuxParameters": {"maxSwap": True}}, "linuxParameters.maxSwap", "a whole number"),
        ({"user": True}, "user", "must be text"),
        ({"user": None}, "user", "must be text"),
        *(({n: "x"}, n, "cannot be set here: ") for n in OWNED_FIELDS if "." not in n),
    ],
)
def test_what_batch_does_not_take_is_refused_at_its_place(
    raw: dict[str, object], where: str, said: str
) -> None:
    ((path, problem),) = container_problems(raw)
    assert ".".join(map(str, path)) == where
    assert said in problem


def test_fields_are_sent_with_the_types_of_the_api_and_valid_for_botocore() -> None:
    assert list(container_problems(RAW)) == []
    request = requested(RAW)
    container = request["containerProperties"]
    assert container["volumes"] == RAW["volumes"]
    assert container["linuxParameters"]["maxSwap"] == 64
    assert container["image"].startswith("123456789012.dkr")
    model = botocore.session.Session().get_service_model("batch")
    shape: Any = model.operation_model("RegisterJobDefinition").input_shape
    report = botocore.validate.ParamValidator().validate(request, shape)
    assert report.generate_report() == ""


def test_without_raw_fields_the_request_is_as_before() -> None:
    request = requested({})
    assert [key for key in request["tags"] if "raw" in key] == []
    assert request["containerProperties"].keys() == {
        "resourceRequirements", "environment", "logConfiguration", "image", "jobRoleArn",
    }  # fmt: skip


def test_structures_and_named_items_are_merged_and_other_lists_replaced() -> None:
    own = {
        "linuxParameters": {"initProcessEnabled": True, "tmpfs": [{"size": 1}]},
        "volumes": [{"name": "a"}, {"name": "b"}],
        "command": ["x"],
    }
    raw = {
        "linuxParameters": {"tmpfs": [{"size": 2}]},
        "volumes": [{"name": "b", "host": {}}, {"name": "c"}],
        "command": ["y"],
    }
    assert merge_container(own, raw) == {
        "linuxParameters": {"initProcessEnabled": True, "tmpfs": [{"size": 2}]},
        "volumes": [{"name": "a"}, {"name": "b", "host": {}}, {"name": "c"}],
        "command": ["y"],
    }


NAMED = st.lists(
    st.fixed_dictionaries({"name": st.sampled_from("abc")}, optional={"x": st.integers(0, 1)}),
    unique_by=lambda item: item["name"],
)
PROPERTIES = st.fixed_dictionaries(
    {},
    optional={
        "ulimits": NAMED,
        "volumes": NAMED,
        "user": st.sampled_from("uv"),
        "linuxParameters": st.dictionaries(st.sampled_from("abc"), st.integers(0, 1)),
    },
)


@given(PROPERTIES, PROPERTIES)
def test_merging_again_changes_nothing(own: dict[str, Any], raw: dict[str, Any]) -> None:
    """So a revision read back, with the merged values, can be registered again by an undo."""
    merged = merge_container(own, raw)
    assert merge_container(merged, raw) == merged
    read_back = {name: merged[name] for name in raw}
    assert merge_container(own, read_back) == merged or any(
        isinstance(value, list) for value in raw.values()
    )
    assert {i["name"] for i in merge_container(own, read_back).get("ulimits", [])} == {
        i["name"] for i in merged.get("ulimits", [])
    }


def test_tags_say_which_fields_are_raw_and_change_with_their_values() -> None:
    one, two = definition({"user": "a"}), definition({"user": "b"})
    assert [key for key, _ in one.tags if "raw" in key] == ["scar:raw:user"]
    assert one.differing_fields(two) == ("tags",)
    assert one.differing_fields(definition({"user": "a"})) == ()


@given(st.integers(0, 3), st.integers(0, 3))
def test_equal_fields_have_equal_tags_in_any_order(one: int, two: int) -> None:
    raw = {"maxSwap": one, "swappiness": two}
    tags = raw_tags({"linuxParameters": raw})
    assert tags == raw_tags({"linuxParameters": dict(reversed(raw.items()))})
    assert (tags == raw_tags({"linuxParameters": {**raw, "maxSwap": 4}})) is False


def test_a_revision_that_is_read_back_can_be_registered_again() -> None:
    request: Any = requested(RAW)
    found = parse_job_definition(request)
    again = register_definition_request(found, "eu-west-1")
    assert again["containerProperties"] == request["containerProperties"]
    assert again["tags"] == request["tags"]


def test_fargate_refuses_what_only_instances_have() -> None:
    messages = [
        v.message for v in check("batch", "RegisterJobDefinition", requested(RAW, type="FARGATE"))
    ]
    for name in ("privileged", "linuxParameters.maxSwap", "linuxParameters.devices"):
        assert any(f"{name} is not applicable to FARGATE jobs" in m for m in messages)
    assert check("batch", "RegisterJobDefinition", requested(RAW)) == ()
    network = requested({"networkConfiguration": {"assignPublicIp": "ENABLED"}})
    (violation,) = check("batch", "RegisterJobDefinition", network)
    assert "networkConfiguration is not applicable to EC2 jobs" in violation.message


def test_export_has_the_fields_in_the_spelling_of_cloudformation() -> None:
    container = properties.definition(definition(RAW), "eu-west-1")["ContainerProperties"]
    assert container["Volumes"] == [{"Name": "licences", "Host": {"SourcePath": "/opt"}}]
    assert container["LinuxParameters"]["MaxSwap"] == 64
    assert "awslogs-group" in container["LogConfiguration"]["Options"]
    assert json.loads(json.dumps(to_api_types(RAW)))["privileged"] is True
