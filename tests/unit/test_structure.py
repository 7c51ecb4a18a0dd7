"""The structure that CONTRIBUTING.md promises: unique names, small folders, no circles."""

from __future__ import annotations

import pytest

from tests import structure


def test_a_class_name_means_one_thing() -> None:
    assert structure.duplicate_classes() == {}


def test_functions_are_named_by_what_they_do() -> None:
    one_word, total = structure.one_word_functions()
    assert len(one_word) <= structure.MAX_ONE_WORD * total, one_word


def test_package_docstrings_name_every_module() -> None:
    assert list(structure.missing_from_docstrings()) == []


def test_package_docstrings_invent_no_module() -> None:
    assert list(structure.invented_in_docstrings()) == []


@pytest.mark.parametrize(("folder", "count"), sorted(structure.files_per_folder().items()))
def test_folders_stay_small(folder: str, count: int) -> None:
    assert count <= structure.MAX_FILES, folder


def test_imports_have_no_circle() -> None:
    assert structure.import_circle() == ()


def test_the_diagrams_show_the_import_contracts() -> None:
    document = structure.ARCHITECTURE.read_text()
    assert structure.with_diagrams(document) == document, "run `make diagrams`"
