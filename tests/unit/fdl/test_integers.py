"""Integers that AWS's APIs cannot have are problems of the file, with the largest one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel, ValidationError

from scar.fdl.known_keys import nested_model
from scar.fdl.model import FdlDocument
from scar.fdl.model.base import FdlModel
from scar.fdl.model.batch import BatchSpec, ObjectMatchSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGEST = 2**31 - 1
TOO_LARGE: list[Any] = [LARGEST + 1, str(LARGEST + 1), 10**30, "9" * 300, 1e300]


def all_models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield model
    for field in model.model_fields.values():
        if (inner := nested_model(field.annotation)) is not None:
            yield from all_models(inner)


INTEGERS = sorted(
    {
        (model, name)
        for model in all_models(FdlDocument)
        for name, field in model.model_fields.items()
        if field.annotation in (int, int | None) and name != "min_size"
    },
    key=str,
)


@pytest.mark.parametrize("value", TOO_LARGE)
@pytest.mark.parametrize(("model", "name"), INTEGERS)
def test_every_integer_has_a_limit(model: type[BaseModel], name: str, value: object) -> None:
    with pytest.raises(ValidationError) as caught:
        model.model_validate({name: value})
    found = next(e for e in caught.value.errors() if e["loc"][0] == name)
    assert "less" in found["msg"] or "integer" in found["msg"]


def test_the_message_names_the_largest_integer() -> None:
    for values in ({"timeout": 99999999999}, {"ulimits": {"nofile": 99999999999}}):
        with pytest.raises(ValidationError, match="must be 2,147,483,647 or less, the largest"):
            BatchSpec.model_validate(values)
    assert BatchSpec.model_validate({"timeout": LARGEST}).timeout == LARGEST
    assert issubclass(BatchSpec, FdlModel)


@pytest.mark.parametrize(
    ("text", "size"),
    [("5GB", 5 * 10**9), ("0.1GB", 10**8), ("1.5KiB", 1536), ("50TiB", 50 * 1024**4)],
)
def test_sizes_of_objects_are_exact(text: str, size: int) -> None:
    assert ObjectMatchSpec.model_validate({"min_size": text}).min_size == size


@pytest.mark.parametrize(
    "text", ["9" * 400 + "GB", "9" * 5000 + "GB", "51TiB", "9" * 400, "1e400", str(2**63)]
)
def test_sizes_that_no_object_has_are_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="min_size"):
        ObjectMatchSpec.model_validate({"min_size": text})
