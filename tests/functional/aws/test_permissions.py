"""Every call that the product makes is allowed by the policy it prints."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from scar.aws.account import Account
from scar.aws.deploy import every_function
from scar.aws.function import Batch, Compute, Function, Input
from scar.aws.listing import list_functions
from scar.aws.policies.person import policy, scope_of
from scar.transfer.get import get
from scar.transfer.place import Place
from scar.transfer.put import put
from tests.fakes.iam import Policy, Request
from tests.fakes.iam_requests import asked
from tests.functional.aws.making import a_function, deploy, remove

if TYPE_CHECKING:
    from pathlib import Path

    from botocore.model import OperationModel

    from scar.aws.connection import Connection
    from tests.functional.aws.conftest import FakeImages

ACCOUNT = Account("123456789012", "eu-west-1")


def recorded(connection: Connection) -> list[Request]:
    """Write down what IAM would be asked, from now on."""
    found: list[Request] = []

    def note(params: dict[str, Any], model: OperationModel, **_: object) -> None:
        found.extend(asked(model.service_model.service_name, model.name, params))

    connection.session.events.register_last("before-parameter-build", note)
    return found


def a_life(connection: Connection, images: FakeImages, before: Function, after: Function) -> None:
    """Deploy, deploy again, change, list, remove."""
    for function in (before, before, after):
        deploy(connection, images, function)
    list_functions(connection)
    remove(connection, *every_function(connection))


def changed(function: Function) -> Function:
    """Change whatever can change without another machine."""
    return replace(
        function,
        memory=1024,
        image="busybox:2",
        retention_days=0,
        retries=1,
        reserved_concurrency=1,
        inputs=(Input(provider="s3", path="photos/elsewhere"),),
    )


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("lambda", ""), ("lambda-batch", "EC2"), ("batch", "FARGATE"), ("batch", "templates")],
)
def test_whoever_has_the_printed_policy_may_do_all_that_scar_does(
    connection: Connection, images: FakeImages, mode: str, kind: str
) -> None:
    before = a_function(mode)
    if before.batch:
        disk = 50 if kind == "templates" else 0
        compute = Compute(type="FARGATE" if kind == "FARGATE" else "EC2", disk_gib=disk)
        before = replace(before, batch=Batch(memory=2048, compute=compute))
    calls = recorded(connection)
    a_life(connection, images, before, changed(before))
    allowed = Policy.of(policy(scope_of([before], ACCOUNT)))
    assert {str(c) for c in calls if not allowed.allowing(c)} == set()


def test_moving_files_is_allowed_too(
    connection: Connection, images: FakeImages, tmp_path: Path
) -> None:
    calls = recorded(connection)
    deploy(connection, images, a_function())
    calls.clear()
    (tmp_path / "a").write_bytes(b"a")
    client, place = connection.client("s3"), Place.parse("photos/elsewhere")
    put(client, place, (tmp_path / "a",), lambda _: None)
    get(client, place, tmp_path / "there", lambda _: None)
    allowed = Policy.of(policy(scope_of([a_function()], ACCOUNT)))
    assert calls
    assert {str(c) for c in calls if not allowed.allowing(c)} == set()


def test_another_function_s_things_are_out_of_reach(
    connection: Connection, images: FakeImages
) -> None:
    calls = recorded(connection)
    a_life(connection, images, a_function("batch"), a_function("batch"))
    other = replace(a_function("batch", name="cut"), inputs=(), outputs=())
    allowed = Policy.of(policy(scope_of([other], ACCOUNT)))
    changes = [
        c
        for c in calls
        if "crop" in c.resource or "photos" in c.resource
        if not c.action.partition(":")[2].startswith(("Get", "List", "Describe"))
    ]
    assert changes
    assert {str(c) for c in changes if allowed.allowing(c)} == set()
