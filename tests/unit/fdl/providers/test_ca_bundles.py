"""``ca_bundle``: a file beside the FDL file, a file of the image, or text."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import boto3
import pytest
import trustme

from scar.aws.account import store_states
from scar.aws.client.connection import AwsConnection
from scar.aws.compile.from_fdl import functions_of
from scar.fdl.loader import LoadContext, resolve_file
from scar.fdl.problems import InvalidFdlError
from scar.fdl.values import ca_bundles

if TYPE_CHECKING:
    from pathlib import Path

    from scar.aws.model.function import Function

FILE = """\
storage_providers:
  minio:
    lab: {endpoint: https://minio.lab, access_key: k, secret_key: s, ca_bundle: %s}
functions:
  aws:
  - lambda:
      name: crop
      container: {image: debian:12}
      output: [{storage_provider: minio.lab, path: box/out}]
"""
PEM = trustme.CA().cert_pem.bytes().decode()


def load(folder: Path, bundle: str) -> Function:
    path = folder / "f.yaml"
    path.write_text(FILE % bundle)
    (function,) = functions_of(resolve_file(path, LoadContext()).document)
    return function


def bundle_of(function: Function) -> str:
    return function.providers[0].options["ca_bundle"]


def problem(folder: Path, bundle: str) -> str:
    with pytest.raises(InvalidFdlError) as caught:
        load(folder, bundle)
    assert "minio.lab.ca_bundle: " in caught.value.problem
    return caught.value.problem


def test_the_certificates_of_a_file_beside_the_fdl_file_are_part_of_the_function(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = trustme.CA().private_key_pem.bytes().decode()
    (tmp_path / "c.pem").write_bytes("# Zürich\n".encode("latin-1") + f"{key}\n{PEM}".encode())
    monkeypatch.chdir("/")
    assert bundle_of(load(tmp_path, "c.pem")) == PEM
    assert bundle_of(load(tmp_path, "./c.pem")) == PEM
    monkeypatch.setenv("HOME", str(tmp_path))
    assert bundle_of(load(tmp_path, "~/c.pem")) == PEM


def test_an_absolute_path_is_that_of_a_file_in_the_image(tmp_path: Path) -> None:
    assert bundle_of(load(tmp_path, "/etc/lab.pem")) == "/etc/lab.pem"


def test_the_text_may_be_in_the_fdl_file(tmp_path: Path) -> None:
    text = PEM.replace("\n", "\\n")
    assert bundle_of(load(tmp_path, f'"{text}"')) == PEM


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "a relative path is that of a file of this machine"),
        ("", "has no certificate in PEM format"),
        ("x" * (ca_bundles.MAX_BUNDLE_BYTES + 1), "is longer than 1,048,576 bytes"),
        (PEM.replace("MII", "MIII", 1), "has a damaged certificate"),
    ],
)
def test_a_file_without_certificates_is_a_problem_of_its_line(
    tmp_path: Path, content: str | None, expected: str
) -> None:
    if content is not None:
        (tmp_path / "c.pem").write_text(content)
    found = problem(tmp_path, "c.pem")
    assert f"the file {tmp_path}/c.pem" in found
    assert expected in found


def test_a_fifo_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "c.pem")
    assert "is not a regular file" in problem(tmp_path, "c.pem")


def test_text_in_the_file_is_checked(tmp_path: Path) -> None:
    assert "the text has no certificate" in problem(tmp_path, '"-----BEGIN CERTIFICATE-----\\nx"')


def test_a_valid_file_is_no_problem_beside_other_problems(tmp_path: Path) -> None:
    (tmp_path / "c.pem").write_text(PEM)
    (tmp_path / "f.yaml").write_text(FILE.replace("name: crop", "nam: crop") % "c.pem")
    with pytest.raises(InvalidFdlError) as caught:
        resolve_file(tmp_path / "f.yaml", LoadContext())
    assert "ca_bundle" not in caught.value.problem
    assert "has no 'lab'" not in caught.value.problem


def test_a_store_whose_certificates_are_in_the_image_is_not_tried(tmp_path: Path) -> None:
    function = load(tmp_path, "/etc/lab.pem")
    connection = AwsConnection(session=boto3.Session(region_name="eu-west-1"))
    (found,) = store_states.find_store_problems([function], connection)
    assert "storage_providers.minio.lab is not tried before the deployment" in found
    assert "/etc/lab.pem is a file of the functions' image" in found
