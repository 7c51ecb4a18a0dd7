"""Tags that AWS would refuse are refused at their place."""

from __future__ import annotations

import pytest

from scar.fdl.model import LambdaSpec, StorageProviders, StorageSpec
from scar.fdl.rules.tags import check_tags


def problems(tags: dict[str, str]) -> list[str]:
    spec = LambdaSpec(name="crop", tags=tags, input=(StorageSpec(path="photos/in"),))
    return [f"{'.'.join(map(str, where))}: {text}" for where, text in check_tags(spec, ())]


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("aws:x", "1", "reserved for AWS"),
        ("AWS:x", "1", "reserved for AWS"),
        ("scar:x", "1", "reserved for scar"),
        ("a?", "1", "a key contains letters"),
        ("", "1", "1 to 128 characters, not 0"),
        ("k" * 129, "1", "1 to 128 characters, not 129"),
        ("a", "x" * 257, "0 to 256 characters, not 257"),
        ("a", "<b>", "a value contains letters"),
    ],
)
def test_a_tag_is_refused_with_the_reason(key: str, value: str, said: str) -> None:
    (problem,) = problems({key: value})
    assert problem.startswith(f"tags.{key}: ")
    assert said in problem


def test_tags_of_cost_allocation_are_accepted() -> None:
    assert problems({"cost-center": "4711/A", "Größe": "10 %".replace("%", "GB"), "e": ""}) == []


def test_an_input_on_another_store_needs_a_tag_and_its_secrets_one_more() -> None:
    lab = {"endpoint": "https://minio.test", "access_key": "a", "secret_key": "${ssm:/s}"}
    providers = StorageProviders.model_validate({"minio": {"lab": lab}})
    folders = tuple(
        StorageSpec(storage_provider=store, path="photos/in") for store in ("s3", "minio.lab")
    )

    def found(count: int) -> list[str]:
        tags = {f"k{n}": "1" for n in range(count)}
        spec = LambdaSpec(name="crop", tags=tags, input=folders)
        return [text for _, text in check_tags(spec, (), providers)]

    assert found(43) == []
    assert "remove 1" in found(44)[0]


def test_scar_needs_some_of_the_fifty_tags() -> None:
    assert problems({f"k{n}": "1" for n in range(45)}) == []
    (problem,) = problems({f"k{n}": "1" for n in range(47)})
    assert "47 tags; a resource can have 50, of which scar needs 5: remove 2" in problem


def test_keys_that_differ_in_case_only_are_one_key_for_iam() -> None:
    (problem,) = problems({"Owner": "a", "team": "x", "owner": "b"})
    assert problem.startswith("tags.owner: differs from Owner in case only")
