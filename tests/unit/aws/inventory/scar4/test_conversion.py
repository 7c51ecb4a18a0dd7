"""FDL files from what SCAR 4 stored in its functions."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from scar.aws.inventory.scar4.conversion import convert_function, input_buckets, script_name
from scar.aws.inventory.scar4.functions import Scar4Function, parse_config
from scar.aws.inventory.scar4.package import PackageContent
from scar.errors import ScarError
from scar.fdl.loader import load_document

# What SCAR writes for a function with a package, with its defaults.
CONFIG: dict[str, Any] = {
    "asynchronous": False,
    "boto_profile": "default",
    "container": {
        "environment": {"Variables": {}},
        "image": "grycap/imagemagick",
        "timeout_threshold": 10,
        "create_image": True,
    },
    "deployment": {"max_payload_size": 52428800},
    "description": "Automatically generated lambda function",
    "execution_mode": "lambda",
    "handler": "gray.lambda_handler",
    "init_script": "grayify.sh",
    "input": [{"storage_provider": "s3", "path": "photos/in", "suffix": [".jpg"]}],
    "output": [{"storage_provider": "s3", "path": "photos/out"}],
    "layers": [],
    "log_level": "INFO",
    "runtime": "python3.7",
    "storage_providers": {},
    "supervisor": {"layer_name": "faas-supervisor", "version": "1.5.1"},
}
VARIABLES = {"UDOCKER_BIN": "/opt/udocker/bin/", "FDL": "x", "IMAGE_ID": "grycap/imagemagick"}


def scar4_function(**fields: Any) -> Scar4Function:  # noqa: ANN401 - any field
    values: dict[str, Any] = {
        "name": "gray",
        "arn": "arn:aws:lambda:us-east-1:123456789012:function:gray",
        "role": "arn:aws:iam::123456789012:role/scar",
        "memory": 1024,
        "timeout": 120,
        "package_url": "https://example.org/gray.zip",
        "variables": VARIABLES,
    }
    return Scar4Function(**{**values, **fields})


def converted(
    config: dict[str, Any],
    content: PackageContent | None = None,
    **fields: Any,  # noqa: ANN401 - any field
) -> tuple[dict[str, Any], str]:
    imported = convert_function(scar4_function(**fields), config, content or PackageContent())
    return yaml.safe_load(imported.fdl), "\n".join(imported.notes)


def test_a_function_becomes_a_file_that_loads(tmp_path: Path) -> None:
    content = PackageContent(files=("grayify.sh",), payload_folder="payload")
    (tmp_path / "grayify.sh").write_text("#!/bin/sh\n")
    (tmp_path / "payload").mkdir()
    file = tmp_path / "gray.yaml"
    file.write_text(convert_function(scar4_function(), CONFIG, content).fdl)
    spec = load_document(file).functions.aws[0].lambda_
    assert (spec.name, spec.memory, spec.timeout) == ("gray", 1024, 120)
    assert spec.container.image == "grycap/imagemagick"
    assert [(i.path, i.suffix) for i in spec.input] == [("photos/in", (".jpg",))]
    assert [o.path for o in spec.output] == ["photos/out"]
    assert spec.init_script == tmp_path / "grayify.sh"
    assert spec.extra_payload == tmp_path / "payload"


def test_the_file_has_nothing_that_scar_4_sets_by_itself() -> None:
    document, _ = converted(CONFIG, PackageContent(files=("grayify.sh",)))
    assert document == {
        "functions": {
            "aws": [
                {
                    "lambda": {
                        "name": "gray",
                        "memory": 1024,
                        "timeout": 120,
                        "init_script": "grayify.sh",
                        "container": {"image": "grycap/imagemagick"},
                        "input": CONFIG["input"],
                        "output": CONFIG["output"],
                    }
                }
            ]
        }
    }


def test_what_lambda_says_has_precedence() -> None:
    document, _ = converted({**CONFIG, "memory": 128, "timeout": 3}, description="mine")
    section = document["functions"]["aws"][0]["lambda"]
    assert (section["memory"], section["timeout"], section["description"]) == (1024, 120, "mine")


def test_variables_of_the_user_are_kept() -> None:
    document, _ = converted(CONFIG, variables={**VARIABLES, "MODE": "fast"})
    section = document["functions"]["aws"][0]["lambda"]
    assert section["environment"] == {"Variables": {"MODE": "fast"}}


def test_secrets_of_stores_are_not_in_the_file() -> None:
    stores = {"minio": {"lab": {"endpoint": "https://m", "access_key": "AK", "secret_key": "SK"}}}
    imported = convert_function(
        scar4_function(), {**CONFIG, "storage_providers": stores}, PackageContent()
    )
    text = imported.fdl + "\n".join(imported.notes)
    assert "SK" not in text.replace("TASK", "")
    assert "secret_key: ${env:MINIO_LAB_SECRET_KEY}" in imported.fdl
    assert "MINIO_LAB_SECRET_KEY" in "\n".join(imported.notes)


STORES: dict[str, Any] = {
    "minio": {
        "lab": {
            "endpoint": "https://" + "ana:hunter2@minio.example.org:9000/",
            "access_key": "AK-hunter2",
            "secret_key": "hunter2",
            "session_token": "hunter2",
            "webhook_token": "hunter2",
            "verify": False,
        }
    },
    "webdav": {
        "cloud": {"hostname": "https://c.example.org/a?t=hunter2", "login": "ana"},
        "both": {"hostname": "ana%40org:hunter2@c.example.org/dav"},
    },
    "onedata": {"egi": {"oneprovider_host": "p.example.org", "token": "hunter2", "space": "s"}},
    "s3": {"mine": {"access_key": "hunter2", "secret_key": "hunter2", "session_token": "hunter2"}},
    "rucio": {"cern": {"password": "hunter2"}},
}


def test_no_secret_of_a_store_is_in_the_file_or_the_notes(tmp_path: Path) -> None:
    config = {**CONFIG, "storage_providers": STORES}
    imported = convert_function(scar4_function(), config, PackageContent(files=("grayify.sh",)))
    assert "hunter2" not in imported.fdl + "\n".join(imported.notes)
    (tmp_path / "grayify.sh").write_text("#!/bin/sh\n")
    file = tmp_path / "gray.yaml"
    file.write_text(imported.fdl)
    stores = load_document(file).storage_providers
    lab = stores.minio["lab"]
    assert (lab.endpoint, lab.verify) == ("https://minio.example.org:9000", False)
    assert lab.webhook_token.name == "MINIO_LAB_WEBHOOK_TOKEN"
    both = stores.webdav["both"]
    assert both.login.text.reveal() == "ana@org"
    assert both.password.name == "WEBDAV_BOTH_PASSWORD"
    assert both.hostname == "https://c.example.org/dav"


def test_keys_that_the_file_cannot_have_are_named() -> None:
    stores = {"rucio": {"cern": {}}, "minio": {"lab": {"endpoint": "m", "colour": "secret blue"}}}
    document, notes = converted({**CONFIG, "storage_providers": stores})
    assert document["storage_providers"] == {"minio": {"lab": {"endpoint": "m"}}}
    assert "storage_providers.rucio is not in the file" in notes
    assert "storage_providers.minio.lab.colour is not in the file" in notes
    assert "blue" not in notes


TEXTS = st.lists(
    st.sampled_from(["$", "{", "}", "${", "${region}", "${x}", "$${stage}", "é", "a", ": ", "#"])
).map("".join)


@given(TEXTS, TEXTS)
def test_texts_that_look_like_variables_stay_as_they_are(value: str, description: str) -> None:
    with TemporaryDirectory() as folder:
        (Path(folder) / "grayify.sh").write_text("#!/bin/sh\n")
        file = Path(folder) / "gray.yaml"
        variables = {**VARIABLES, "MODE": value}
        function = scar4_function(variables=variables, description=description)
        file.write_text(convert_function(function, CONFIG, PackageContent()).fdl)
        spec = load_document(file).functions.aws[0].lambda_
    assert dict(spec.environment.Variables) == {"MODE": value}
    assert spec.description == description


def test_a_configuration_that_contains_itself_ends() -> None:
    config = dict(parse_config("vpc: &a\n  b: *a\n", "gray"))
    assert "vpc" in convert_function(scar4_function(), config, PackageContent()).fdl


def test_an_image_that_scar_4_built_is_named() -> None:
    uri = "123456789012.dkr.ecr.us-east-1.amazonaws.com/gray:latest"
    config = {**CONFIG, "runtime": "image", "container": {"image": uri}}
    _, notes = converted(config, image=uri, package_url="")
    assert f"{uri} is the image that SCAR built" in notes
    assert f"docker cp $(docker create {uri} x):/var/task/grayify.sh ." in notes


def test_batch_and_endpoints_are_kept_and_explained() -> None:
    config = {**CONFIG, "execution_mode": "batch", "ecr": {"delete_image": False}}
    config["batch"] = {"multi_node_parallel": {"enabled": False}}
    document, notes = converted(config, variables={**VARIABLES, "API_GATEWAY_ID": "a1"})
    entry = document["functions"]["aws"][0]
    assert entry["lambda"]["execution_mode"] == "batch"
    assert entry["api_gateway"] == {"name": "gray"}
    assert entry["ecr"] == {"delete_image": False}
    assert "batch" not in entry
    assert "complete the section `batch`" in notes
    assert "requests must be signed" in notes


def test_a_missing_script_or_image_is_named() -> None:
    config = {**CONFIG, "container": {}, "init_script": "C:\\work\\run.sh"}
    document, notes = converted(config, variables={})
    assert document["functions"]["aws"][0]["lambda"]["init_script"] == "run.sh"
    assert "The package has no file run.sh" in notes
    assert "set `container.image`" in notes


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*CONFIG, "batch", "ecr", "output"]), VALUES))
def test_every_configuration_gives_a_yaml_file(config: dict[str, Any]) -> None:
    document, _ = converted(config)
    assert document["functions"]["aws"][0]["lambda"]["name"] == "gray"
    assert "/" not in script_name(config)
    assert all("/" not in bucket for bucket in input_buckets(config))


@pytest.mark.parametrize(
    "text",
    ["- a", "a: [", "!!python/object:os.system {}", "[" * 9000, "a: 2001-99-99"],
    ids=lambda text: text[:8],
)
def test_a_damaged_configuration_is_refused(text: str) -> None:
    with pytest.raises(ScarError, match="cannot be read"):
        parse_config(text, "gray")
