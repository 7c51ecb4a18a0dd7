"""Image names are parsed as Docker parses them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scar.image.errors import ImageError
from scar.image.formats.reference import find_file_problem, parse_reference

DIGEST = "sha256:" + "ab" * 32
HUB = "https://registry-1.docker.io"


@pytest.mark.parametrize(
    ("text", "whole", "endpoint"),
    [
        ("ubuntu", "docker.io/library/ubuntu:latest", HUB),
        ("grycap/cowsay:1", "docker.io/grycap/cowsay:1", HUB),
        ("docker.io/ubuntu:22.04", "docker.io/library/ubuntu:22.04", HUB),
        ("index.docker.io/a/b", "docker.io/a/b:latest", HUB),
        (f"host:5000/a/b@{DIGEST}", f"host:5000/a/b@{DIGEST}", "https://host:5000"),
        (f"a/b:1@{DIGEST}", f"docker.io/a/b@{DIGEST}", HUB),
        ("localhost/a:1", "localhost/a:1", "http://localhost"),
        ("127.0.0.1:5000/a", "127.0.0.1:5000/a:latest", "http://127.0.0.1:5000"),
        ("[::1]:5000/a", "[::1]:5000/a:latest", "http://[::1]:5000"),
        ("quay.io/a_b/c-d.e__f:V1.0", "quay.io/a_b/c-d.e__f:V1.0", "https://quay.io"),
    ],
)
def test_names_are_parsed_as_docker_parses_them(text: str, whole: str, endpoint: str) -> None:
    reference = parse_reference(text)
    assert (str(reference), reference.endpoint) == (whole, endpoint)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "repository"),
        ("Ubuntu", "repository name must be lowercase"),
        ("a//b", "repository"),
        ("a:b:c", "repository"),
        ("a:", "tag after the colon is empty"),
        ("../etc", "host"),
        ("a/../b", "repository"),
        ("a@sha256:12", "digest"),
        ("a:t ag", "tag"),
        ("https://quay.io/a", "host"),
        ("a" * 300, "repository"),
    ],
)
def test_an_invalid_name_is_refused_with_the_reason(text: str, word: str) -> None:
    with pytest.raises(ImageError, match=word) as refused:
        parse_reference(text)
    assert repr(text) in refused.value.problem


@given(st.text(alphabet="ab.:/@-_[]A\0% \n", max_size=30))
def test_any_text_is_refused_or_parsed_to_a_stable_name(text: str) -> None:
    try:
        reference = parse_reference(text)
    except ImageError:
        return
    assert parse_reference(str(reference)) == reference
    assert ".." not in reference.repository.split("/")


@pytest.mark.parametrize(
    "name",
    [
        *("ubuntu", "ubuntu:24.04", "oci", "user/oci:1", "quay.io/a/b.tar", "localhost:5000/a.tar"),
        *("docker://oci:1", f"a/b@{DIGEST}", "a.tar:1", "dir/x:1", "tarball", "docker-archive"),
    ],
)
def test_names_of_registries_are_no_files(name: str) -> None:
    assert find_file_problem(name) == ""
