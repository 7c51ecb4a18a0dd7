"""Policies are equal exactly if their meaning is, in whatever form AWS returns them."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scar.aws.model.plan import plan
from scar.aws.model.policy_meaning import policy_meaning, same_policy
from scar.aws.model.resources import EcrRepository, Role
from tests.fakes.iam_evaluation import IamRequest, Policy

if TYPE_CHECKING:
    from collections.abc import Callable

ACCOUNT = "123456789012"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
ACTIONS = ("s3:GetObject", "s3:PutObject", "sts:AssumeRole", "s3:Get*")
RESOURCES = ("arn:aws:s3:::a/*", "arn:aws:s3:::b/${*}/*", "*")
KEYS = ("aws:SourceArn", "s3:prefix", "aws:SourceAccount")
VALUES = ("in/*", "in/?", ACCOUNT, "true", "arn:aws:lambda:x:1:function:*")
OPERATORS = ("StringEquals", "StringLike", "ArnLike", "StringLikeIfExists")
PRINCIPALS = (
    "*",
    {"Service": ["lambda.amazonaws.com"]},
    {"AWS": [ACCOUNT, "arn:aws:iam::123456789012:role/a"]},
    {"AWS": [ROOT], "Service": ["s3.amazonaws.com"]},
)


def lists(values: tuple[str, ...]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(values), min_size=1, max_size=3, unique=True)


CONDITIONS = st.dictionaries(
    st.sampled_from(OPERATORS),
    st.dictionaries(st.sampled_from(KEYS), lists(VALUES), min_size=1, max_size=2),
    max_size=2,
)
STATEMENTS = st.fixed_dictionaries(
    {
        "Effect": st.sampled_from(["Allow", "Deny"]),
        "Action": lists(ACTIONS),
        "Resource": lists(RESOURCES),
    },
    optional={"Principal": st.sampled_from(PRINCIPALS), "Condition": CONDITIONS},
)
POLICIES = st.fixed_dictionaries(
    {
        "Version": st.just("2012-10-17"),
        "Statement": st.lists(STATEMENTS, min_size=1, max_size=3),
    }
)


class Reshaping:
    """Writes a policy in another form, as a service may return it; ``draw`` decides what."""

    def __init__(self, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
        self.draw = draw

    def document(self, policy: dict[str, Any]) -> str:
        statements = [self.statement(s) for s in self.draw(st.permutations(policy["Statement"]))]
        if self.coin():
            statements.append(statements[0])
        shaped = {"Statement": statements, "Version": policy["Version"]}
        if len(statements) == 1 and self.coin():
            shaped["Statement"] = statements[0]
        if self.coin():
            shaped["Id"] = "any"
        indent = self.draw(st.sampled_from([None, 2]))
        return json.dumps(shaped, indent=indent, ensure_ascii=self.coin())

    def statement(self, statement: dict[str, Any]) -> dict[str, Any]:
        shaped: dict[str, Any] = {"Sid": "any"} if self.coin() else {}
        for name in self.draw(st.permutations(sorted(statement))):
            value = statement[name]
            match name:
                case "Action":
                    shaped[name] = self.values([self.case(each) for each in value])
                case "Resource":
                    shaped[name] = self.values(value)
                case "Principal":
                    shaped[name] = self.principal(value)
                case "Condition":
                    shaped |= self.condition(value)
                case _:
                    shaped[name] = value
        return shaped

    def principal(self, value: Any) -> Any:  # noqa: ANN401 - a text or a mapping
        if isinstance(value, str):
            return self.draw(st.sampled_from([value, {"AWS": value}, {"AWS": [value]}]))
        return {
            kind: self.values([self.account(each) for each in named])
            for kind, named in value.items()
        }

    def account(self, name: str) -> str:
        return self.draw(st.sampled_from([ACCOUNT, ROOT])) if name in (ACCOUNT, ROOT) else name

    def condition(self, value: dict[str, Any]) -> dict[str, Any]:
        if not value and self.coin():
            return {}
        return {
            "Condition": {
                self.case(operator): {self.case(k): self.values(v) for k, v in keys.items()}
                for operator, keys in value.items()
            }
        }

    def values(self, values: list[str]) -> Any:  # noqa: ANN401 - a list or its only element
        shuffled = self.draw(st.permutations(values))
        if len(values) == 1 and self.coin():
            return True if values[0] == "true" and self.coin() else values[0]
        return [*shuffled, shuffled[0]] if self.coin() else shuffled

    def case(self, text: str) -> str:
        return text.lower() if self.coin() else text

    def coin(self) -> bool:
        return bool(self.draw(st.booleans()))


@given(POLICIES, st.data())
def test_another_form_of_the_same_policy_is_no_change(
    policy: dict[str, Any], data: st.DataObject
) -> None:
    original, shaped = json.dumps(policy), Reshaping(data.draw).document(policy)
    assert same_policy(original, shaped)
    desired = Role(name="r", trust=original, policy=original)
    observed = Role(name="r", trust=shaped, policy=shaped)
    assert plan([desired], {desired.key: observed}).changes == ()
    repository = EcrRepository(name="r", policy=original)
    assert (
        plan([repository], {repository.key: EcrRepository(name="r", policy=shaped)}).changes == ()
    )


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:  # noqa: ANN401
    """Return the paths of all texts in a policy's statements."""
    if isinstance(value, str):
        return [path]
    items = value.items() if isinstance(value, dict) else enumerate(value)
    return [found for key, item in items for found in leaves(item, (*path, key))]


@given(POLICIES, st.data())
def test_a_changed_text_anywhere_is_a_change(policy: dict[str, Any], data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(leaves(policy["Statement"])))
    changed = copy.deepcopy(policy)
    parent = changed["Statement"]
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = f"{parent[path[-1]]}x"
    assert not same_policy(json.dumps(policy), Reshaping(data.draw).document(changed))


# Without principals, which identity-based policies do not have.
EVALUATED = st.lists(
    st.fixed_dictionaries(
        {
            "Effect": st.sampled_from(["Allow", "Deny"]),
            "Action": lists(ACTIONS[:2]),
            "Resource": lists(RESOURCES),
        },
        optional={
            "Condition": st.dictionaries(
                st.sampled_from(["StringEquals", "StringLikeIfExists"]),
                st.dictionaries(st.just("s3:prefix"), lists(VALUES[:2]), min_size=1),
                max_size=1,
            )
        },
    ),
    max_size=2,
)
REQUESTS = [
    IamRequest(action, resource, context)
    for action in ACTIONS[:2]
    for resource in ("arn:aws:s3:::a/x", "arn:aws:s3:::b/*/x", "arn:aws:s3:::c/x")
    for context in ({}, {"s3:prefix": "in/*"}, {"s3:prefix": "in/x"}, {"s3:prefix": "out"})
]


@given(EVALUATED, EVALUATED, st.data())
def test_equal_policies_decide_alike(one: list[Any], other: list[Any], data: st.DataObject) -> None:
    """No pair that allows different requests is taken for equal."""
    texts = [
        Reshaping(data.draw).document({"Version": "2012-10-17", "Statement": statements})
        for statements in (one or [deny_nothing()], other or [deny_nothing()])
    ]
    decisions = [[bool(policy_of(text).allowing(r)) for r in REQUESTS] for text in texts]
    if decisions[0] != decisions[1]:
        assert not same_policy(*texts)


def deny_nothing() -> dict[str, Any]:
    return {"Effect": "Deny", "Action": ["x:y"], "Resource": ["z"]}


def policy_of(text: str) -> Policy:
    """Return a policy for the evaluator, which reads AWS's names of operators only."""
    spelled = {o.lower(): o for o in OPERATORS}
    statements = json.loads(text)["Statement"]
    found = [statements] if isinstance(statements, dict) else statements
    for statement in found:
        if "Condition" in statement:
            condition = statement["Condition"]
            statement["Condition"] = {spelled[o.lower()]: keys for o, keys in condition.items()}
    return Policy(tuple(found))


def document(*statements: object, version: str = "2012-10-17") -> str:
    return json.dumps({"Version": version, "Statement": list(statements)})


STATEMENT = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ("", "", True),
        ("", document(), False),
        ("{", "{", True),
        ("{", "[", False),
        (document(STATEMENT), document(STATEMENT, version="2008-10-17"), True),
        (
            document({**STATEMENT, "Resource": "a/${*}"}),
            document({**STATEMENT, "Resource": "a/${*}"}, version="2008-10-17"),
            False,
        ),
        (document(STATEMENT), document({**STATEMENT, "Condition": {}}), True),
        (document(STATEMENT), document({**STATEMENT, "NotAction": "s3:GetObject"}), False),
        (
            document({**STATEMENT, "Principal": "*"}),
            document({**STATEMENT, "Principal": {"Service": "*"}}),
            False,
        ),
        (
            document({**STATEMENT, "Condition": {"ArnEquals": {"a:b": "x"}}}),
            document({**STATEMENT, "Condition": {"arnlike": {"A:B": ["x"]}}}),
            True,
        ),
        (
            document({**STATEMENT, "Condition": {"Bool": {"a:b": True}}}),
            document({**STATEMENT, "Condition": {"Bool": {"a:b": ["True"]}}}),
            True,
        ),
        (
            document({**STATEMENT, "Condition": {"NumericLessThan": {"a:b": 10}}}),
            document({**STATEMENT, "Condition": {"NumericLessThan": {"a:b": "10"}}}),
            True,
        ),
        (
            document({**STATEMENT, "Condition": {"StringEquals": {"a:b": "x", "a:c": "y"}}}),
            document({**STATEMENT, "Condition": {"StringEquals": {"a:b": ["x", "y"]}}}),
            False,
        ),
        (document(STATEMENT), json.dumps({"Statement": STATEMENT}), True),
    ],
)
def test_what_counts_and_what_does_not(one: str, other: str, *, equal: bool) -> None:
    assert same_policy(one, other) is equal


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["Statement", "Version", "Action", "Principal", "Condition", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(ANYTHING)
def test_any_json_is_compared_without_an_error(value: object) -> None:
    text = json.dumps(value)
    assert policy_meaning(text) == policy_meaning(json.dumps(value, indent=1))
