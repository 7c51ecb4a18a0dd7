"""The files that show the FDL to people are complete and true."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from scar.aws.compile.from_fdl import functions_of
from scar.fdl.example import build_example
from scar.fdl.known_keys import is_optional, nested_model
from scar.fdl.loader import load_document
from scar.fdl.model import FdlDocument
from scar.fdl.reference import build_reference

if TYPE_CHECKING:
    from pydantic import BaseModel

ROOT = Path(__file__).parent.parent.parent.parent
EXAMPLE = ROOT / "fdl-example.yaml"


def missing(model: type[BaseModel], shown: Any, path: str) -> list[str]:  # noqa: ANN401
    """Return the keys of the model that the example does not show."""
    if isinstance(shown, list):
        return missing(model, shown[0], path)
    assert isinstance(shown, dict), path
    kinds = ("s3", "minio", "webdav", "onedata")
    named = {f"storage_providers.{kind}": f"my_{kind}" for kind in kinds}
    named["functions.aws.batch.ulimits"] = "nofile"
    shown = shown[named[path]] if path in named else shown
    absent = []
    for name, field in model.model_fields.items():
        key = field.alias or name
        here = f"{path}.{key}".lstrip(".")
        below = nested_model(field.annotation)
        if key not in shown:
            absent.append(here)
        # The keys of a section that is null by default are shown in a comment.
        elif below is not None and not is_optional(field.annotation):
            absent += missing(below, shown[key], here)
    return absent


def test_the_example_loads() -> None:
    assert functions_of(load_document(EXAMPLE))[0].name == "my-function"


def test_the_example_shows_every_key() -> None:
    assert missing(FdlDocument, yaml.safe_load(EXAMPLE.read_text()), "") == []


def test_the_example_shows_the_defaults() -> None:
    example = load_document(EXAMPLE).functions.aws[0]
    least = {"lambda": {"name": "my-function", "container": {"image": "ubuntu:24.04"}}}
    plain = FdlDocument.model_validate({"functions": {"aws": [least]}}).functions.aws[0]
    shown = {"input": (), "output": (), "vpc": plain.lambda_.vpc, "file_system": ()}
    assert example.lambda_.model_copy(update=shown) == plain.lambda_
    compute = example.batch.compute_resources.model_copy(update={"shares": {}})
    batch: dict[str, Any] = {"compute_resources": compute, "compute_environments": ()}
    batch |= {
        "scheduling": plain.batch.scheduling,
        "file_system": (),
        "tmpfs": (),
        "ulimits": {},
        "overrides": (),
        "retry": (),
    }
    assert example.batch.model_copy(update=batch) == plain.batch
    services = {"lambda_": plain.lambda_, "batch": plain.batch, "api_gateway": plain.api_gateway}
    assert example.model_copy(update=services) == plain
    assert example.api_gateway.is_used


def test_the_example_is_that_of_the_model() -> None:
    assert EXAMPLE.read_text() == build_example()


def test_the_reference_is_that_of_the_model() -> None:
    assert (ROOT / "docs" / "fdl.md").read_text() == build_reference()
