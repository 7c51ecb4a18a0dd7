"""The schema for editors takes what loads, and shows common mistakes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, get_origin

import jsonschema
import pytest
import yaml

from scar.fdl.known_keys import field_key, nested_model
from scar.fdl.model import AwsFunction, FdlDocument
from scar.fdl.schema import build_schema

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel

    from scar.fdl.problems import Location

ROOT = Path(__file__).parents[3]
FORMS = sorted((ROOT / "tests" / "fixtures" / "scar_forms").glob("*.yaml"))
CHECK = jsonschema.Draft7Validator(build_schema())


def test_the_schema_is_one() -> None:
    jsonschema.Draft7Validator.check_schema(build_schema())


@pytest.mark.parametrize(
    "path",
    [ROOT / "fdl-example.yaml", *sorted((ROOT / "examples").glob("*/*.yaml")), *FORMS],
    ids=str,
)
def test_the_examples_fit(path: Path) -> None:
    CHECK.validate(yaml.safe_load(path.read_text()))


def one(**spec: Any) -> dict[str, Any]:  # noqa: ANN401 - any YAML
    spec = {"name": "f", "container": {"image": "x"}, **spec}
    return {"functions": {"aws": [{"lambda": spec}]}}


@pytest.mark.parametrize(
    "spec",
    [
        {"input": None, "environment": {"Variables": {"A": 1}}, "vpc": None},
        {"ephemeral_storage": {"Size": 1024}},
        {"vpc": {"SubnetIds": "subnet-1", "SecurityGroupIds": ["sg-1"]}},
        {"supervisor": {"version": 1.2}},
        {"log_level": "debug", "architectures": ["arm64"], "runtime": "image"},
        {"name": "f-${stage}"},
        {"name": 42, "description": 1.1},
        {
            "file_system": {
                "Arn": "arn:aws:elasticfilesystem:r:1:access-point/fsap-1",
                "LocalMountPath": "/mnt/x",
            }
        },
    ],
)
def test_what_the_loader_takes_fits(spec: dict[str, Any]) -> None:
    CHECK.validate(one(**spec))


def test_top_level_extensions_fit() -> None:
    CHECK.validate({"x-common": {"memory": 512}, **one()})
    assert not CHECK.is_valid({"common": {"memory": 512}, **one()})


@pytest.mark.parametrize(
    "spec",
    [
        {"memroy": 512},
        {"memory": 12},
        {"timeout": True},
        {"execution_mode": "lamda"},
        {"input": [{"pth": "a/b"}]},
        {"ephemeral_storage": {"Size": 1}},
    ],
)
def test_mistakes_do_not_fit(spec: dict[str, Any]) -> None:
    assert not CHECK.is_valid(one(**spec))


def test_every_key_is_described() -> None:
    def undescribed(part: dict[str, Any]) -> list[str]:
        return [k for k, v in part.get("properties", {}).items() if not v.get("description")]

    found = build_schema()
    assert [
        undescribed(part) for part in (found, *found["$defs"].values()) if undescribed(part)
    ] == []


def lists_of_sections(model: type[BaseModel], above: Location) -> Iterator[Location]:
    """Yield the location of each key whose value is a list of sections."""
    for name, field in model.model_fields.items():
        at = (*above, field_key(name, field))
        section = nested_model(field.annotation)
        if section is None:
            continue
        if get_origin(field.annotation) is tuple:
            yield at
        else:
            yield from lists_of_sections(section, at)


@pytest.mark.parametrize("key", list(lists_of_sections(AwsFunction, ())), ids=str)
def test_a_single_mapping_stands_for_a_list_of_one(key: tuple[str, str]) -> None:
    """``file_system: {arn: …}`` is as good as ``file_system: [{arn: …}]``, at every such key."""
    section, name = key
    example = yaml.safe_load((ROOT / "fdl-example.yaml").read_text())["functions"]["aws"][0]
    function = one()["functions"]["aws"][0]
    function.setdefault(section, {})[name] = example[section][name][0]
    CHECK.validate({"functions": {"aws": [function]}})
    document = FdlDocument.model_validate({"functions": {"aws": [function]}})
    shown = document.functions.aws[0].model_dump(by_alias=True)
    assert len(shown[section][name]) == 1
