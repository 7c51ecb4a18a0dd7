"""Names of images are read as Docker reads them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scar.image.errors import ImageError
from scar.image.formats.reference import parse_reference

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
def test_names_are_read_as_docker_reads_them(text: str, whole: str, endpoint: str) -> None:
    found = parse_reference(text)
    assert (str(found), found.endpoint) == (whole, endpoint)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "repository"),
        ("Ubuntu", "lower case"),
        ("a//b", "repository"),
        ("a:b:c", "repository"),
        ("a:", "repository"),
        ("../etc", "host"),
        ("a/../b", "repository"),
        ("a@sha256:12", "digest"),
        ("a:t ag", "tag"),
        ("https://quay.io/a", "host"),
        ("a" * 300, "repository"),
    ],
)
def test_what_is_no_name_is_refused_with_the_reason(text: str, word: str) -> None:
    with pytest.raises(ImageError, match=word) as refused:
        parse_reference(text)
    assert repr(text) in refused.value.problem


@given(st.text(alphabet="ab.:/@-_[]A\0% \n", max_size=30))
def test_any_text_is_read_or_refused_and_reads_the_same_again(text: str) -> None:
    try:
        found = parse_reference(text)
    except ImageError:
        return
    assert parse_reference(str(found)) == found
    assert ".." not in found.repository.split("/")
