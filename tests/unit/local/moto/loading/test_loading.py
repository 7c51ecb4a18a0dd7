"""What moto loads on demand is what it would have loaded at once."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from importlib import resources
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest

from scar.local.moto.calls import PROTOCOLS
from scar.local.moto.loading.region_lists import RegionLists
from scar.local.moto.loading.resource_files import ListOnDemand, load_resource
from scar.local.moto.loading.service_models import create_loader, get_service_model

if TYPE_CHECKING:
    from pathlib import Path

SESSION = botocore.session.get_session()
MODELS = {"elasticfilesystem": "efs", "apigateway": "apigatewayv2"}  # signing name: model's name
SERVICES = sorted({MODELS.get(name, name) for name in PROTOCOLS} | {"ecs", "s3", "dynamodb", "elb"})
ZONES = "ec2/resources/instance_type_offerings/availability-zone/eu-west-1.json"
# A fresh process: here moto's EC2 may be imported already.
READS_IN_A_NEW_PROCESS = """
import sys
from importlib import resources
read = []
def count(event, arguments):
    if event == "open" and "/moto/ec2/resources/" in str(arguments[0]):
        read.append(str(arguments[0]).rpartition("/resources/")[2])
    if event == "open" and "/botocore/data/ec2/" in str(arguments[0]):
        read.append("EC2's model")
sys.addaudithook(count)
from scar.local.moto.loading.start import import_ec2
import_ec2()
from moto.ec2.models import ec2_backends
print(read)
read.clear()
print(len(ec2_backends["123456789012"]["eu-west-1"].describe_instance_type_offerings()) > 100, read)
"""
WITHOUT_CALLS = """
import sys
from pathlib import Path
import scar.local.server
from scar.local.moto.service import MotoService
MotoService(Path(sys.argv[1]), account="123456789012", registry=lambda: ("", "")).close()
print({"moto", "boto3", "botocore", "flask"} & sys.modules.keys())
"""


def read_file(name: str) -> Any:  # noqa: ANN401 - any JSON
    return json.loads(gzip.decompress((resources.files("moto") / f"{name}.gz").read_bytes()))


def test_a_server_without_functions_does_not_import_moto(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", WITHOUT_CALLS, str(tmp_path / "moto")],
        check=True,
        capture_output=True,
        text=True,
    )
    assert result.stdout == "set()\n"


def test_importing_ec2_reads_one_file_and_a_call_reads_that_of_its_region() -> None:
    result = subprocess.run(
        [sys.executable, "-c", READS_IN_A_NEW_PROCESS], check=True, capture_output=True, text=True
    )
    assert result.stdout.splitlines() == [
        "['instance_types.json.gz']",
        "True ['instance_type_offerings/region/eu-west-1.json.gz']",
    ]


def test_offerings_have_the_type_of_their_locations() -> None:
    expected = [{**each, "LocationType": "availability-zone"} for each in read_file(ZONES)]
    assert list(load_resource(ZONES)) == expected
    assert list(load_resource(f"{ZONES}.gz")) == expected


def test_images_are_read_when_they_are_asked_for() -> None:
    images = load_resource("ec2/resources/amis.json")
    assert isinstance(images, ListOnDemand)
    assert list(images) == read_file("ec2/resources/amis.json")


def test_instance_types_share_equal_parts() -> None:
    types = load_resource("ec2/resources/instance_types.json")
    assert types == read_file("ec2/resources/instance_types.json")
    parts = [value for each in types.values() for value in each.values() if type(value) is dict]
    assert len({id(part) for part in parts}) < len(parts) / 2


@pytest.mark.parametrize("service", SERVICES)
def test_regions_are_those_of_botocore(service: str) -> None:
    lists = RegionLists()
    assert lists.get_available_partitions() == SESSION.get_available_partitions()
    for partition in lists.get_available_partitions():
        expected = SESSION.get_available_regions(service, partition)
        assert lists.get_available_regions(service, partition) == expected


def test_an_unknown_service_has_no_regions() -> None:
    assert RegionLists().get_available_regions("no-such-service") == []


@pytest.mark.parametrize("service", ["lambda", "logs", "sqs"])
def test_a_model_lacks_nothing_but_its_documentation(service: str) -> None:
    model, full = get_service_model(service), SESSION.get_service_model(service)
    assert model.operation_names == full.operation_names
    for name in full.operation_names:
        shape, other = model.operation_model(name).input_shape, full.operation_model(name)
        assert (shape and shape.members.keys()) == (
            other.input_shape and other.input_shape.members.keys()
        )
    assert "documentation" not in json.dumps(
        create_loader().load_service_model(service, "service-2")
    )


def test_a_member_may_be_named_documentation(tmp_path: Path) -> None:
    member = {"documentation": {"shape": "String"}}
    (tmp_path / "model.json").write_text(json.dumps({"members": member, "documentation": "A text"}))
    assert create_loader().file_loader.load_file(str(tmp_path / "model")) == {"members": member}
