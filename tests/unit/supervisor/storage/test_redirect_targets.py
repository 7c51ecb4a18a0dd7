"""To which addresses a store may redirect."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.aws.errors import InvalidResponse
from supervisor.storage.redirect_targets import check_target, special_kind

LOOPBACK = [
    *("127.0.0.1", "127.9.9.9", "::1", "0.0.0.0", "::", "::ffff:127.0.0.1", "64:ff9b::7f00:1"),  # noqa: S104
    *("localhost", "LOCALHOST.", "a.localhost", "localhost.localdomain"),
]
LINK_LOCAL = [
    *("169.254.169.254", "169.254.170.2", "169.254.170.23", "::ffff:169.254.169.254"),
    *("fe80::1", "fe80::1%eth0", "fd00:ec2::254", "fd00:ec2::23"),
]
ORDINARY = ["pool-7.example.org", "10.0.0.7", "192.0.2.1", "2001:db8::1", "localhost.example.org"]


@pytest.mark.parametrize("host", LOOPBACK)
def test_loopback_is_only_a_target_of_servers_on_loopback(host: str) -> None:
    for own in ("192.0.2.1", "169.254.1.1", "fd00::1"):
        with pytest.raises(InvalidResponse, match="nothing was sent"):
            check_target(host, own=own, server="webdav.lab")
    check_target(host, own="127.0.0.1", server="webdav.lab")


@pytest.mark.parametrize("host", LINK_LOCAL)
def test_link_local_addresses_are_refused(host: str) -> None:
    for own in ("192.0.2.1", "127.0.0.1", "::1"):
        with pytest.raises(InvalidResponse, match="link-local"):
            check_target(host, own=own, server="webdav.lab")


@pytest.mark.parametrize("host", ORDINARY)
def test_other_hosts_are_allowed(host: str) -> None:
    for own in ("192.0.2.1", "127.0.0.1"):
        check_target(host, own=own, server="webdav.lab")


@given(st.ip_addresses())
def test_every_address_has_one_kind(address: object) -> None:
    kind = special_kind(str(address))
    assert kind in ("", "loopback", "link-local")
    if isinstance(address, IPv4Address):
        assert special_kind(f"::ffff:{address}") == kind
