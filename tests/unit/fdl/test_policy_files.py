"""``iam.policies``: ARNs and files of policies; what is no policy of a role is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scar.fdl.loader import LoadContext, load_document, resolve_file
from scar.fdl.problems import InvalidFdlError
from scar.fdl.values.policy_files import _find_problems, read_policy

if TYPE_CHECKING:
    from pathlib import Path

READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
OWN = "arn:aws-cn:iam::123456789012:policy/team/a+b=c,d.e@f-g"
STATEMENT: dict[str, object] = {"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": "*"}
POLICY: dict[str, object] = {"Version": "2012-10-17", "Statement": [STATEMENT]}

_WRONG_VALUES: dict[str, tuple[Any, ...]] = {
    "Action": (5, [], "", "GetItem", ["s3:Get*", 1], ["s3:Get Object"], {}),
    "Resource": (None, [], "my-bucket", ["*", []], "s3://bucket"),
    "Sid": (1, "a b"),
    "Condition": (1, [], {"StringEquals": 1}, {"Bool": {}}, {"Bool": {"a:B": []}}),
}


def load(folder: Path, policies: object, **iam: object) -> tuple[str, ...]:
    entry = {
        "lambda": {"name": "crop", "container": {"image": "debian:12"}},
        "iam": {"policies": policies, **iam},
    }
    path = folder / "f.json"
    path.write_text(json.dumps({"functions": {"aws": [entry]}}))
    return load_document(path).functions.aws[0].iam.policies


def refused(folder: Path, policies: object, **iam: object) -> str:
    with pytest.raises(InvalidFdlError) as caught:
        load(folder, policies, **iam)
    (problem,) = caught.value.problems
    assert problem.key.startswith("iam.policies") or "iam.policies" in problem.key
    return problem.message


def test_arns_and_files_are_accepted_single_or_as_a_list(tmp_path: Path) -> None:
    (tmp_path / "table.json").write_text(json.dumps(POLICY))
    assert load(tmp_path, READ_ONLY) == (READ_ONLY,)
    assert load(tmp_path, [OWN, "table.json"]) == (OWN, str(tmp_path / "table.json"))


def test_the_name_of_an_inline_policy_is_that_of_its_file(tmp_path: Path) -> None:
    path = tmp_path / "my policy (é).json"
    path.write_text(json.dumps(POLICY))
    name, text = read_policy(str(path))
    assert name == "scar-my-policy----"
    assert json.loads(text) == POLICY


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:iam::123456789012:role/r",
        "arn:aws:iam::12:policy/x",
        "arn:aws:iam::aws:policy/",
        "arn:aws:s3:::bucket",
        "arn:aws:iam::aws:policy/a b",
    ],
)
def test_another_arn_is_refused(tmp_path: Path, arn: str) -> None:
    assert "is not the ARN of an IAM policy" in refused(tmp_path, arn)


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ([], "it must be an object"),
        ({**POLICY, "Version": "2008-10-17"}, "Version must be"),
        ({"Statement": [STATEMENT]}, "Version must be"),
        ({**POLICY, "Statement": []}, "Statement must be an object"),
        ({**POLICY, "Statement": ["x"]}, "Statement must be an object"),
        ({**POLICY, "Statement": {**STATEMENT, "Effect": "allow"}}, "statement 1: Effect must be"),
        (
            {**POLICY, "Statement": [STATEMENT, {"Effect": "Deny", "Resource": "*"}]},
            "statement 2: it must have either Action or NotAction",
        ),
        (
            {**POLICY, "Statement": [{**STATEMENT, "NotResource": "*"}]},
            "statement 1: it must have either Resource or NotResource",
        ),
        (
            {**POLICY, "Statement": [{**STATEMENT, "Principal": "*"}]},
            "statement 1: a policy of a role has no Principal",
        ),
        ({**POLICY, "Foo": 1}, "'Foo' is no part of a policy"),
        ({**POLICY, "Statement": {**STATEMENT, "Conditions": {}}}, "did you mean Condition?"),
        *(
            ({**POLICY, "Statement": {**STATEMENT, key: value}}, f"statement 1: {key} must ")
            for key, values in _WRONG_VALUES.items()
            for value in values
        ),
        ({**POLICY, "Statement": [{**STATEMENT, "Sid": "A"}] * 2}, "have the same Sid"),
    ],
)
def test_a_file_that_is_no_policy_of_a_role_is_refused(
    tmp_path: Path, document: object, problem: str
) -> None:
    (tmp_path / "p.json").write_text(json.dumps(document))
    message = refused(tmp_path, "p.json")
    assert message.startswith(f"the file {tmp_path / 'p.json'} is not a policy for a role: ")
    assert problem in message


def test_every_part_of_a_policy_is_accepted(tmp_path: Path) -> None:
    statements = [
        {
            "Sid": "Read1",
            "Effect": "Allow",
            "Action": ["s3:Get*", "execute-api:Invoke", "*"],
            "Resource": ["arn:aws:s3:::${aws:username}/*", "*"],
            "Condition": {"Bool": {"aws:SecureTransport": True}, "IpAddress": {"aws:Ip": ["::1"]}},
        },
        {"Sid": "", "Effect": "Deny", "NotAction": "s3:*", "NotResource": "arn:aws:s3:::b"},
    ]
    document = {"Version": "2012-10-17", "Id": "x", "Statement": statements}
    (tmp_path / "p.json").write_text(json.dumps(document))
    assert load(tmp_path, "p.json") == (str(tmp_path / "p.json"),)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    assert "cannot be read: No such file" in refused(tmp_path, "absent.json")
    (tmp_path / "p.json").write_text("{")
    assert "is not JSON" in refused(tmp_path, "p.json")
    (tmp_path / "p.json").write_bytes(b"\xff\xfe")
    assert "is not text in UTF-8" in refused(tmp_path, "p.json")
    (tmp_path / "deep.json").write_text("[" * 100_000)
    assert "is not JSON" in refused(tmp_path, "deep.json")


def test_policies_are_for_roles_that_scar_creates(tmp_path: Path) -> None:
    message = refused(tmp_path, READ_ONLY, role="arn:aws:iam::123456789012:role/mine")
    assert "iam.role is set: add them to it" in message


def test_files_of_one_name_and_too_many_policies_are_refused(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "p.json").write_text(json.dumps(POLICY))
    assert "scar-p: rename one" in refused(tmp_path, ["a/p.json", "b/p.json"])
    arns = [f"arn:aws:iam::123456789012:policy/p{n}" for n in range(26)]
    assert len(load(tmp_path, arns[:25])) == 25
    assert "26 managed policies; a role can have 25" in refused(tmp_path, arns)


@pytest.mark.parametrize(("number", "notes"), [(10, 0), (11, 1), (25, 1)])
def test_more_policies_than_the_default_quota_are_noted(
    tmp_path: Path, number: int, notes: int
) -> None:
    arns = [f"arn:aws:iam::123456789012:policy/p{n}" for n in range(number)]
    load(tmp_path, arns)
    found = resolve_file(tmp_path / "f.json", LoadContext()).notes
    assert len(found) == notes
    assert all(f"crop has {number} managed policies" in n and "have 10 unless" in n for n in found)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["Version", "Statement", "Effect", "Action", "Resource"]), inner
        )
    ),
    max_leaves=6,
)


@given(JSON)
def test_any_json_is_a_policy_or_has_a_problem(document: Any) -> None:  # noqa: ANN401 - any JSON
    if not list(_find_problems(document)):
        assert document["Statement"]
