"""Messages about values that nearly are what the FDL takes: they name what to write."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from scar.fdl.loader import load_document
from scar.fdl.problems import InvalidFdlError
from scar.fdl.values.byte_sizes import size_in_unit

if TYPE_CHECKING:
    from pathlib import Path


def write(folder: Path, document: dict[str, Any]) -> Path:
    path = folder / "f.yaml"
    path.write_text(json.dumps(document))
    return path


def entry(**sections: dict[str, Any]) -> dict[str, Any]:
    spec = {"name": "a", "container": {"image": "x"}, **sections.pop("lambda_", {})}
    return {"functions": {"aws": [{"lambda": spec, **sections}]}}


def problems(folder: Path, document: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(InvalidFdlError) as raised:
        load_document(write(folder, document))
    return {p.key.removeprefix("functions.aws[0]."): p.message for p in raised.value.problems}


STORES = {"webdav": {"w": {"hostname": "https://dav.test", "login": "u", "password": "${env:P}"}}}


@pytest.mark.parametrize(
    ("provider", "path", "words"),
    [
        ("s3", "s3://bkt/x", "write bucket and folder alone, 'bkt/x'"),
        ("s3", "S3://bkt/x/", "write bucket and folder alone, 'bkt/x'"),
        ("minio", "s3a://bkt", "write bucket and folder alone, 'bkt'"),
        ("s3", "https://bkt/x", "the address of a store is its endpoint in storage_providers"),
        ("webdav.w", "https://dav.test/x", "write the folder in the store, folder/folder"),
    ],
)
@pytest.mark.parametrize("key", ["input", "output"])
def test_a_path_that_is_a_url(
    key: str, provider: str, path: str, words: str, tmp_path: Path
) -> None:
    document = entry(lambda_={key: [{"storage_provider": provider, "path": path}]})
    found = problems(tmp_path, {**document, "storage_providers": STORES})
    assert words in found[f"lambda.{key}[0].path"]
    assert repr(path) in found[f"lambda.{key}[0].path"]


@pytest.mark.parametrize("key", ["image", "name", "init_script"])
def test_functions_by_name_are_the_form_of_scar_3(key: str, tmp_path: Path) -> None:
    old = {"functions": {"scar-cowsay": {key: "x"}, "scar-moo": {"image": "y", "memory": 5}}}
    found = problems(tmp_path, old)
    assert list(found) == ["functions.aws"]
    assert (
        "`functions: {aws: [{lambda: {name: NAME, container: {image: IMAGE}}}]}`"
        in (found["functions.aws"])
    )
    assert "here NAME is scar-cowsay, scar-moo" in found["functions.aws"]


@pytest.mark.parametrize("functions", [{"awss": []}, {"awss": {"x": 1}}, {}, {"a": 1}])
def test_other_faulty_functions_are_no_form_of_scar_3(
    functions: dict[str, Any], tmp_path: Path
) -> None:
    assert "SCAR 3" not in str(problems(tmp_path, {"functions": functions}))


def test_a_payload_that_is_a_file_is_called_one(tmp_path: Path) -> None:
    (tmp_path / "f.json").write_text("{}")
    found = problems(tmp_path, entry(lambda_={"extra_payload": "f.json"}))
    assert found["lambda.extra_payload"].startswith(f"{tmp_path / 'f.json'} is a file")
    found = problems(tmp_path, entry(lambda_={"extra_payload": "absent"}))
    assert "does not exist" in found["lambda.extra_payload"]


@pytest.mark.parametrize(
    ("written", "size"), [("30MiB", 30 << 20), ("30MB", 30_000_000), ("5000", 5000), (7, 7)]
)
def test_the_largest_body_may_have_a_unit(written: str | int, size: int, tmp_path: Path) -> None:
    document = entry(api_gateway={"name": "x", "max_body": written})
    (function,) = load_document(write(tmp_path, document)).functions.aws
    assert function.api_gateway.max_body == size


@pytest.mark.parametrize("written", ["30 apples", "5TB", "0", "big"])
def test_another_largest_body_is_a_problem(written: str, tmp_path: Path) -> None:
    found = problems(tmp_path, entry(api_gateway={"name": "x", "max_body": written}))
    assert list(found) == ["api_gateway.max_body"]


def test_the_number_for_a_size_is_named(tmp_path: Path) -> None:
    document = entry(
        lambda_={"memory": "1.5 GB", "ephemeral_storage": "2gib"},
        batch={"memory": "2GiB", "shared_memory": "64M", "compute_resources": {"disk": "0.1GB"}},
    )
    found = problems(tmp_path, document)
    assert found["lambda.memory"] == "must be a whole number of MB, not '1.5 GB': write 1536"
    assert found["lambda.ephemeral_storage"].endswith(": write 2048")
    assert found["batch.memory"].endswith(": write 2048")
    assert found["batch.shared_memory"].endswith(": write 64")
    assert "write" not in found["batch.compute_resources.disk.size"]


@pytest.mark.parametrize(
    ("text", "unit", "number"),
    [
        ("1GB", "MB", 1024),
        ("512", "MB", None),
        ("1kB", "MB", None),
        ("2048 KiB", "MiB", 2),
        ("5B", "bytes", None),
        ("5GB", "seconds", None),
        ("0GB", "MB", None),
    ],
)
def test_a_size_in_another_unit(text: str, unit: str, number: int | None) -> None:
    assert size_in_unit(text, unit) == number
