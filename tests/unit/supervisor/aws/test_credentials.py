"""Credentials are renewed in time, by one thread, and used until they expire."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import pytest

from supervisor.aws.credentials import (
    REFRESH_BEFORE_EXPIRY,
    RefreshableCredentials,
    StaticCredentials,
    find_credentials,
)
from supervisor.aws.errors import NoCredentials
from supervisor.aws.metadata import container_provider
from supervisor.aws.sigv4 import Credentials
from supervisor.errors import ConfigError

HOUR = 3600.0


@dataclass
class HourlyRole:
    """A clock, and a role whose keys are valid for an hour."""

    now: float = 0.0
    fetched: int = 0
    broken: bool = False
    slow: threading.Event | None = None
    waiting: threading.Event = field(default_factory=threading.Event)

    def clock(self) -> float:
        return self.now

    def fetch(self) -> Credentials:
        if self.slow:
            self.waiting.set()
            assert self.slow.wait(10)
        if self.broken:
            raise NoCredentials("The endpoint is down.")
        self.fetched += 1
        key = f"AK{self.fetched}"
        return Credentials(access_key=key, secret_key="s", expires=self.now + HOUR)


def test_nothing_is_fetched_before_it_is_needed_nor_twice() -> None:
    role = HourlyRole()
    renewed = RefreshableCredentials(role.fetch, role.clock)
    assert role.fetched == 0
    assert renewed.get_credentials() is renewed.get_credentials()
    assert role.fetched == 1


def test_a_job_of_three_days_never_signs_with_old_keys() -> None:
    role = HourlyRole()
    renewed = RefreshableCredentials(role.fetch, role.clock)
    for minute in range(3 * 24 * 60):
        role.now = minute * 60.0
        assert renewed.get_credentials().expires - role.now >= REFRESH_BEFORE_EXPIRY - 60
    assert role.fetched < 3 * 24 * 60 / 45


def test_old_keys_are_used_until_they_expire_if_the_endpoint_is_down() -> None:
    role = HourlyRole()
    renewed = RefreshableCredentials(role.fetch, role.clock)
    renewed.get_credentials()
    role.broken = True
    role.now = HOUR - 1
    assert renewed.get_credentials().access_key == "AK1"
    role.now = HOUR
    with pytest.raises(NoCredentials, match="down"):
        renewed.get_credentials()
    role.broken = False
    assert renewed.get_credentials().access_key == "AK2"


def test_a_failed_renewal_is_tried_again_only_after_a_minute() -> None:
    role = HourlyRole()
    calls = []

    def fetch() -> Credentials:
        calls.append(role.now)
        return role.fetch()

    renewed = RefreshableCredentials(fetch, role.clock)
    renewed.get_credentials()
    role.broken = True
    for second in range(120):
        role.now = HOUR - REFRESH_BEFORE_EXPIRY + second
        renewed.get_credentials()
    assert len(calls) == 1 + 2


def test_other_threads_use_the_old_keys_while_one_renews_them() -> None:
    role = HourlyRole()
    renewed = RefreshableCredentials(role.fetch, role.clock)
    renewed.get_credentials()
    role.now = HOUR - 60
    role.slow = threading.Event()
    one = threading.Thread(target=renewed.get_credentials)
    one.start()
    assert role.waiting.wait(10)
    assert renewed.get_credentials().access_key == "AK1"
    role.slow.set()
    one.join()
    assert renewed.get_credentials().access_key == "AK2"
    assert role.fetched == 2


def test_many_threads_that_start_together_fetch_once() -> None:
    role = HourlyRole()
    renewed = RefreshableCredentials(role.fetch, role.clock)
    role.slow = threading.Event()
    threads = [threading.Thread(target=renewed.get_credentials) for _ in range(8)]
    for thread in threads:
        thread.start()
    role.slow.set()
    for thread in threads:
        thread.join()
    assert role.fetched == 1


def test_the_environment_comes_first() -> None:
    environ = {
        "AWS_ACCESS_KEY_ID": "AK",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "token",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/x",
    }
    found = find_credentials(environ)
    assert isinstance(found, StaticCredentials)
    assert found.get_credentials() == Credentials(
        access_key="AK", secret_key="secret", token="token"
    )


def test_half_a_key_pair_is_an_error() -> None:
    with pytest.raises(NoCredentials, match="AWS_SECRET_ACCESS_KEY is not set"):
        find_credentials({"AWS_ACCESS_KEY_ID": "AK"})


def test_no_source_at_all_is_an_error_with_a_remedy() -> None:
    with pytest.raises(NoCredentials) as caught:
        find_credentials({"AWS_EC2_METADATA_DISABLED": "true"})
    assert "role" in caught.value.remedy


@pytest.mark.parametrize(
    "url",
    [
        "http://evil.example/creds",
        "http://169.254.169.254/latest",
        "http://127.0.0.1.evil.example/x",
        "http://10.0.0.1/x",
        "ftp://127.0.0.1/x",
    ],
)
def test_the_token_is_sent_unencrypted_only_to_known_hosts(url: str) -> None:
    with pytest.raises(ConfigError, match="AWS_CONTAINER_CREDENTIALS_FULL_URI"):
        container_provider({"AWS_CONTAINER_CREDENTIALS_FULL_URI": url})


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://creds.example/x", "https://creds.example"),
        ("http://127.0.0.1:80/x", "http://127.0.0.1"),
        ("http://[::1]:8080/x", "http://[::1]:8080"),
        ("http://169.254.170.23/v1/credentials", "http://169.254.170.23"),
    ],
)
def test_container_endpoints_are_allowed(url: str, origin: str) -> None:
    found = container_provider({"AWS_CONTAINER_CREDENTIALS_FULL_URI": url})
    assert found is not None
    assert str(found.client.origin) == origin


def test_a_token_with_line_breaks_is_rejected_without_being_shown() -> None:
    found = container_provider(
        {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:9/x",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": "geheim\r\nx: y",
        }
    )
    assert found is not None
    with pytest.raises(NoCredentials) as caught:
        found.fetch()
    assert "geheim" not in str(caught.value)
    assert "geheim" not in repr(found)


def test_rejected_credentials_are_fetched_again_at_once_and_by_one_thread() -> None:
    role = HourlyRole()
    renewed = RefreshableCredentials(role.fetch, role.clock)
    first = renewed.get_credentials()
    threads = [threading.Thread(target=renewed.replace_rejected, args=(first,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert role.fetched == 2
    assert renewed.get_credentials().access_key == "AK2"
    assert renewed.replace_rejected(first)
    assert renewed.replace_rejected(renewed.get_credentials())
    assert role.fetched == 3


@pytest.mark.parametrize("broken", [False, True], ids=["the same again", "endpoint down"])
def test_credentials_are_fetched_in_vain_at_most_once_a_minute(*, broken: bool) -> None:
    role = HourlyRole()
    calls = []
    only = Credentials(access_key="AK", secret_key="s", expires=HOUR)

    def fetch() -> Credentials:
        calls.append(role.now)
        if broken and len(calls) > 1:
            raise NoCredentials("The endpoint is down.")
        return only

    renewed = RefreshableCredentials(fetch, role.clock)
    assert renewed.get_credentials() == only
    for second in range(120):
        role.now = float(second)
        assert not renewed.replace_rejected(only)
        assert renewed.get_credentials() == only
    assert calls == [0.0, 0.0, 60.0]


def test_credentials_of_the_environment_have_no_replacement() -> None:
    keys = Credentials(access_key="AK", secret_key="s")
    assert not StaticCredentials(keys).replace_rejected(keys)
