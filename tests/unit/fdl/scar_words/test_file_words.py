"""SCAR's words around functions: OSCAR's part of a file, and stores."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from scar.fdl.loader import LoadContext, ResolvedDocument, resolve_file
from scar.fdl.problems import InvalidFdlError
from scar.fdl.scar_words import file_words
from scar.fdl.scar_words.page import build_page

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Resolve = Callable[..., ResolvedDocument]

OSCAR = [{"mine": {"name": "s", "output": [{"storage_provider": "rucio.r", "path": "x"}]}}]


@pytest.fixture
def resolve(tmp_path: Path) -> Resolve:
    def read(
        providers: object = None, *, oscar: object = None, store: str = "", aws: bool = True
    ) -> ResolvedDocument:
        spec: dict[str, Any] = {"name": "crop", "container": {"image": "debian:12"}}
        if store:
            spec["output"] = [{"storage_provider": store, "path": "photos/out"}]
        functions: dict[str, Any] = {"aws": [{"lambda": spec}]} if aws else {}
        if oscar is not None:
            functions["oscar"] = oscar
        data: dict[str, Any] = {"functions": functions}
        if providers is not None:
            data["storage_providers"] = providers
        path = tmp_path / "f.json"
        path.write_text(json.dumps(data))
        return resolve_file(path, LoadContext())

    return read


def problems(resolve: Resolve, *arguments: object, **options: Any) -> list[str]:  # noqa: ANN401
    with pytest.raises(InvalidFdlError) as caught:
        resolve(*arguments, **options)
    return [str(problem) for problem in caught.value.problems]


def test_oscar_s_part_of_a_file_is_named_and_the_rest_is_read(resolve: Resolve) -> None:
    plain = resolve()
    found = resolve(oscar=OSCAR)
    assert found.document == plain.document
    (note,) = found.notes
    assert "f.json:1: functions.oscar is accepted, not used: " in note
    assert resolve(oscar=[]).notes == ()


def test_a_file_of_oscar_alone_is_refused_with_one_sentence(resolve: Resolve) -> None:
    (problem,) = problems(resolve, oscar=OSCAR, aws=False)
    assert problem.startswith("functions.aws: there are functions of OSCAR only")


@pytest.mark.parametrize("kind", ["rucio", "dcache"])
def test_stores_that_scar_cannot_use_are_refused_only_if_a_function_uses_them(
    resolve: Resolve, kind: str
) -> None:
    providers = {kind: {"r": {"host": "h"}}}
    (note,) = resolve(providers).notes
    assert f"storage_providers.{kind} is accepted, not used: no function on AWS uses it." in note
    assert len(resolve(providers, oscar=OSCAR).notes) == 2
    word = file_words.WORDS["storage_providers", kind]
    (problem,) = problems(resolve, providers, store=f"{kind}.r")
    at = "functions.aws[0].lambda.output[0].storage_provider"
    assert problem == f"{at}: '{kind}.r' cannot be used: {word.text}"
    (row,) = [row for row in build_page().splitlines() if f"`storage_providers.{kind}`" in row]
    assert "| **refused** if used, else accepted, not used |" in row


@pytest.mark.parametrize("kind", ["s3", "minio", "onedata", "webdav"])
def test_stores_of_oscar_s_part_are_not_checked(resolve: Resolve, kind: str) -> None:
    providers = {kind: {"theirs": {"nonsense": 1}}}
    assert len(resolve(providers, oscar=OSCAR).notes) == 1
    # Without that part, who else would they be for?
    assert problems(resolve, providers)


@pytest.mark.parametrize("written", ["S3", "S3.mine", "s3.mine"])
def test_the_kind_of_a_store_may_be_in_upper_case(resolve: Resolve, written: str) -> None:
    (function,) = resolve({"s3": {"mine": {}}}, store=written).document.functions.aws
    assert function.lambda_.output[0].storage_provider == written.replace("S3", "s3")


@pytest.mark.parametrize("kind", ["s3", "minio"])
def test_the_old_list_of_stores_has_one_problem_that_names_the_new_form(
    resolve: Resolve, kind: str
) -> None:
    old = {kind: [{"name": "lab", "auth": {"user": "u", "pass": "p"}}]}
    (problem,) = problems(resolve, old, store="s3")
    assert problem.startswith(f"storage_providers.{kind}: must have the names of stores below it")
    assert f"write `{kind}: {{lab: {{…}}}}`" in problem
    assert "access_key and secret_key" in problem


def test_the_forms_before_scar_4_are_told_the_new_ones(tmp_path: Path) -> None:
    path = tmp_path / "f.json"
    path.write_text(json.dumps({"functions": [{"name": "f"}], "storages": []}))
    with pytest.raises(InvalidFdlError) as caught:
        resolve_file(path, LoadContext())
    found = {problem.key: problem.message for problem in caught.value.problems}
    assert found.keys() == {"functions", "storages"}
    assert "write `functions: {aws: [{lambda: {name: …}}]}`" in found["functions"]
    assert "`storage_providers`" in found["storages"]


def test_options_of_scar_s_own_in_a_file_are_named(resolve: Resolve, tmp_path: Path) -> None:
    resolve()
    path = tmp_path / "f.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "scar": {"config_version": "1"}}))
    (note,) = resolve_file(path, LoadContext()).notes
    assert "f.json:1: scar is accepted, not used: " in note
