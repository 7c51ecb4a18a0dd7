"""The validators of sections that a file does not have are not built; nothing else differs."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from scar.fdl import model
from scar.fdl.model.deferred import DeferredModel

if TYPE_CHECKING:
    from collections.abc import Iterator

FUNCTION = {"lambda": {"name": "gray", "container": {"image": "x"}}}
# Prints which of the deferred sections have their validators after a document of one function.
PROGRAM = """
import sys
from scar.fdl.model import FdlDocument
from scar.fdl.model.deferred import DeferredModel
FdlDocument.model_validate({document})
print(*sorted(m.__name__ for m in DeferredModel.__subclasses__() if m.__pydantic_complete__))
"""


def built_sections(document: object) -> list[str]:
    """Return the deferred sections whose validators this document builds in a new process."""
    program = PROGRAM.format(document=document)
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return ended.stdout.split()


def defaults() -> Iterator[type[DeferredModel]]:
    """Yield the deferred sections that need no key."""
    for section in DeferredModel.__subclasses__():
        if not any(field.is_required() for field in section.model_fields.values()):
            yield section


def test_a_file_without_batch_and_stores_builds_neither() -> None:
    assert built_sections({"functions": {"aws": [FUNCTION]}}) == []


def test_a_section_is_built_where_it_is_written() -> None:
    functions = {"aws": [{**FUNCTION, "batch": {"memory": 2048}}]}
    assert built_sections({"functions": functions}) == ["BatchSpec"]


@pytest.mark.parametrize("section", [*defaults()], ids=lambda section: section.__name__)
def test_the_default_of_a_section_is_what_an_empty_section_is(
    section: type[DeferredModel],
) -> None:
    assert section.model_construct() == section.model_validate({})


def test_the_defaults_of_a_function_and_of_a_document_are_those_sections() -> None:
    assert model.AwsFunction.model_validate(FUNCTION).batch == model.BatchSpec()
    document = model.FdlDocument.model_validate({"functions": {"aws": [FUNCTION]}})
    assert document.storage_providers == model.StorageProviders()
