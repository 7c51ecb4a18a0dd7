"""Inbound rules of mount targets decide which security groups reach a file system."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from scar.aws.account.file_systems import FileSystemState, admitted_clients

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import IpPermissionOutputTypeDef


def rule(
    protocol: str = "tcp", ports: tuple[int, int] | None = (2049, 2049), *, by: str = "group"
) -> Any:  # noqa: ANN401 - as in EC2
    """Return a rule of EC2; its source is the group sg-1, or an address."""
    groups = [{"GroupId": "sg-1"}] if by == "group" else []
    described = {"IpProtocol": protocol, "UserIdGroupPairs": groups, by: [{"any": "address"}]}
    return described if ports is None else {**described, "FromPort": ports[0], "ToPort": ports[1]}


@pytest.mark.parametrize(
    ("found", "admitted"),
    [
        (rule(), True),
        (rule(ports=(2000, 3000)), True),
        (rule(ports=(0, 2049)), True),
        (rule(ports=(0, 65535)), True),
        (rule("-1", None), True),
        (rule(ports=(2050, 3000)), False),
        (rule(ports=(0, 2048)), False),
        (rule("udp"), False),
    ],
)
def test_a_rule_admits_nfs_by_protocol_and_ports(
    found: IpPermissionOutputTypeDef, *, admitted: bool
) -> None:
    assert admitted_clients([found]) == (frozenset({"sg-1"} if admitted else ()), False)


@pytest.mark.parametrize("source", ["IpRanges", "Ipv6Ranges", "PrefixListIds"])
def test_rules_with_addresses_are_taken_as_open(source: str) -> None:
    assert admitted_clients([rule(by=source)]) == (frozenset(), True)
    assert admitted_clients([rule(ports=(80, 80), by=source)]) == (frozenset(), False)


def test_one_admitted_group_is_enough() -> None:
    state = FileSystemState(clients=frozenset({"sg-1"}), is_open=False)
    assert state.admits(["sg-2", "sg-1"])
    assert not state.admits(["sg-2"])
    assert FileSystemState(is_open=True).admits(["sg-2"])
