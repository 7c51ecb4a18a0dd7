"""A plan is the difference of two states, in an order that can be applied."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scar.aws.model.plan import Create, Delete, FieldChange, Replace, Update, plan
from scar.aws.model.resources import (
    BucketNotification,
    ComputeEnvironment,
    EventInvokeConfig,
    InvokePermission,
    JobDefinition,
    JobQueue,
    LambdaFunction,
    LaunchTemplate,
    LogGroup,
    Resource,
    ResourceKey,
    Role,
)
from scar.aws.model.value_changes import describe_value_change

FUNCTION = LambdaFunction(
    name="crop", role_arn="arn:aws:iam::1:role/scar/crop-role", image="x", memory=512
)
EVERYTHING: tuple[Resource, ...] = (
    BucketNotification(name="photos/scar-crop-1", function_arn="arn:aws:lambda:r:1:function:crop"),
    EventInvokeConfig(name="crop"),
    FUNCTION,
    JobDefinition(name="crop", tags=(("scar:queue", "scar-1"),), job_role="x/crop-role"),
    JobQueue(name="scar-1", environments=("scar-1",)),
    ComputeEnvironment(name="scar-1"),
    Role(name="crop-role"),
    LogGroup(name="/aws/lambda/crop"),
    LogGroup(name="/aws/batch/crop"),
)
states = st.sets(st.sampled_from(EVERYTHING))


def by_key(resources: set[Resource]) -> dict[ResourceKey, Resource]:
    return {r.key: r for r in resources}


@given(states, states)
def test_applying_a_plan_turns_the_observed_state_into_the_desired_one(
    desired: set[Resource], observed: set[Resource]
) -> None:
    state = by_key(observed)
    for change in plan(desired, by_key(observed)).changes:
        match change:
            case Create(resource):
                assert resource.key not in state
                state[resource.key] = resource
            case Update(before, after):
                assert state[after.key] == before
                state[after.key] = after
            case Delete(resource):
                del state[resource.key]
    assert state == by_key(desired)


@given(states, states)
def test_a_change_follows_its_dependencies_and_a_deletion_precedes_them(
    desired: set[Resource], observed: set[Resource]
) -> None:
    changes = plan(desired, by_key(observed)).changes
    position = {change.resource.key: number for number, change in enumerate(changes)}
    for change in changes:
        for dependency in change.resource.depends_on & position.keys():
            other = changes[position[dependency]]
            if isinstance(change, Delete) and isinstance(other, Delete):
                assert position[dependency] > position[change.resource.key]
            if not isinstance(change, Delete) and not isinstance(other, Delete):
                assert position[dependency] < position[change.resource.key]


@given(states)
def test_equal_states_need_no_change(state: set[Resource]) -> None:
    changes = plan(state, by_key(state))
    assert not changes
    assert str(changes) == "Nothing to change."


def test_an_update_names_the_fields_that_differ() -> None:
    bigger = replace(FUNCTION, memory=1024)
    planned = plan([bigger], by_key({FUNCTION}))
    assert str(planned) == "~ function crop\n    memory: 512 -> 1024"
    assert json.loads(planned.to_json())["changes"] == [
        {
            "action": "update",
            "kind": "function",
            "name": "crop",
            "function": "crop",
            "changed": [{"name": "memory", "before": 512, "after": 1024}],
        }
    ]


def test_notes_are_part_of_the_text() -> None:
    planned = plan([], {}, notes=["queue scar-1 is used by cut as well"])
    assert str(planned) == "Nothing to change.\n(queue scar-1 is used by cut as well)"


def test_a_plan_names_variables_and_never_shows_their_values() -> None:
    before = replace(FUNCTION, environment=(("A", "s3cret"), ("B", "kept")))
    after = replace(FUNCTION, environment=(("A", "0ther"), ("B", "kept")))
    created = plan([after], {})
    changed = plan([after], {before.key: before})
    assert "environment: A (values are not shown)" in str(changed)
    for text in (str(created), created.to_json(), str(changed), changed.to_json()):
        assert not any(secret in text for secret in ("s3cret", "0ther", "kept"))


LONG = "arn:aws:iam::123456789012:policy/" + "x" * 80
# Without ", ", which separates the parts of a description.
POLICY = '{"Statement":[' + '{"Action":"s3:GetObject"},' * 9


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        (512, 1024, "512 -> 1024"),
        ("", "x", " -> x"),
        ((), ("a",), "+ a"),
        (("a",), (), "- a"),
        (("a", "b"), ("b", "c"), "- a, + c"),
        (("a", "a"), ("a",), "- a"),
        (("a", "b"), ("b", "a"), "order: a, b -> b, a"),
        ((("k", "1"), ("l", "2")), (("k", "1"), ("l", "3")), "l=2 -> 3"),
        ((("k", "1"),), (("k", "1"), ("l", "")), "+ l="),
        ((("k", "1"), ("l", "2")), (("l", "3"), ("m", "4")), "- k=1, l=2 -> 3, + m=4"),
        ((("k", "1"), ("l", "2")), (("l", "2"), ("k", "1")), "order: k=1, l=2 -> l=2, k=1"),
        (
            ((("on", "x"), ("do", "1")),),
            ((("on", "y"), ("do", "1")),),
            "- (on=x, do=1), + (on=y, do=1)",
        ),
        (LONG + "a", LONG + "b", f"…{'x' * 12}a -> …{'x' * 12}b"),
        ((LONG + "a",), (LONG + "b",), f"- …{'x' * 12}a, + …{'x' * 12}b"),
        ((("p", LONG + "a"),), (("p", LONG + "b"),), f"p=…{'x' * 12}a -> …{'x' * 12}b"),
        ((("p", LONG),), (("p", LONG + "b"),), f"p=…{'x' * 12} -> …{'x' * 12}b"),
    ],
)
def test_a_change_shows_only_what_differs(before: object, after: object, text: str) -> None:
    assert str(FieldChange("tags", before, after)) == f"tags: {text}"


texts = st.one_of(
    st.text("ab", max_size=5),
    st.builds(
        lambda lead, middle, end: LONG[:lead] + middle + POLICY[:end],
        st.integers(0, 100), st.text("ab", max_size=2), st.integers(0, 200),
    ),
)  # fmt: skip
pairs = st.dictionaries(st.text("kl", max_size=2), texts, max_size=4).map(lambda d: (*d.items(),))
values = st.one_of(texts, st.lists(texts, max_size=4).map(tuple), pairs, st.lists(pairs).map(tuple))


@given(values, values)
@example(((("", ""), ("k", "")),), ((("", ""), ("l", "")),))
def test_both_sides_of_a_change_look_different_and_equal_parts_are_left_out(
    before: object, after: object
) -> None:
    if before == after:
        return
    text = describe_value_change(before, after)
    one, arrow, two = text.partition(" -> ")
    assert not arrow or one != two
    if isinstance(before, tuple) and isinstance(after, tuple):
        assert not text.startswith("(")
        parts = re.split(", (?=[-+] )", text)  # items have commas too
        added = [part for part in parts if part.startswith("+ ")]
        removed = [part for part in parts if part.startswith("- ")]
        assert not {part[2:] for part in added} & {part[2:] for part in removed}


def test_the_tags_of_the_plan_are_no_python_tuples() -> None:
    before = replace(FUNCTION, tags=(("scar:buckets-1", "a"), ("scar:mode", "lambda")))
    after = replace(FUNCTION, tags=(("scar:buckets-1", "a"), ("scar:mode", "batch")))
    planned = plan([after], {before.key: before})
    assert str(planned) == "~ function crop\n    tags: scar:mode=lambda -> batch"


def test_added_and_removed_variables_have_a_sign() -> None:
    before = replace(FUNCTION, environment=(("A", "1"), ("B", "2"), ("C", "3")))
    after = replace(FUNCTION, environment=(("A", "0"), ("C", "3"), ("D", "4")))
    text = str(plan([after], {before.key: before}))
    assert "environment: A, - B, + D (values are not shown)" in text


PERMISSION = InvokePermission(name="crop/scar-s3-photos", source_arn="arn:aws:s3:::photos")


@pytest.mark.parametrize(
    ("before", "after", "kind", "action"),
    [
        (PERMISSION, replace(PERMISSION, source_account="1"), Replace, "replace"),
        (
            LaunchTemplate(name="scar-1", disk_gib=30),
            LaunchTemplate(name="scar-1", disk_gib=60),
            Replace,
            "replace",
        ),
        (
            ComputeEnvironment(name="scar-1", max_vcpus=1),
            ComputeEnvironment(name="scar-1", max_vcpus=9),
            Update,
            "update",
        ),
        (FUNCTION, replace(FUNCTION, memory=1024), Update, "update"),
    ],
)
def test_a_change_that_aws_cannot_make_in_place_is_a_replacement(
    before: Resource, after: Resource, kind: type[Update], action: str
) -> None:
    planned = plan([after], {before.key: before})
    assert planned.changes == (kind(before, after),)
    assert str(planned).startswith({"replace": "± ", "update": "~ "}[action])
    assert planned.summary() == f"1 to {action}."
    (change,) = json.loads(planned.to_json())["changes"]
    assert change["action"] == action


def test_json_documents_differ_by_their_members_in_one_line() -> None:
    before = '{\n  "batch": {"queue": "a", "size": 1},\n  "name": "f"\n}\n'
    after = before.replace('"a"', '"b"')
    assert str(FieldChange("text", before, after)) == "text: batch.queue=a -> b"
    assert "\n" not in str(FieldChange("text", "one\ntwo", "one\nthree"))
