"""Registries that break, stall, lie and forget: an image arrives whole or not at all."""

from __future__ import annotations

import io
import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scar.image.blobs import Blob, BlobCache, digest_of
from scar.image.build import build
from scar.image.credentials import Login
from scar.image.errors import ImageError, ImageNotFound, RegistryError
from scar.image.layer import File, ImageLayer
from scar.image.progress import Progress, Watch
from scar.image.pull import Registries
from scar.image.push import push
from scar.image.registry import Repository
from supervisor.model import ImageDefaults
from tests.fakes.registries import Misbehaving, debian_registry, misbehaving
from tests.profiles import examples

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any, BinaryIO

ME = Login("me", "secret")
TREES = [{f"etc/{n}": File(bytes([n]) * 50_000 + bytes(range(256)))} for n in range(3)]
IMAGE = build(TREES, ImageDefaults(entrypoint=("/bin/x",)))


@dataclass(frozen=True)
class Logins:
    """Knows one login for every registry."""

    known: Login | None = None

    def login(self, registry: str) -> Login | None:
        return self.known


@dataclass
class Relay:
    """Two registries and an image that has to go from one to the other."""

    source: Misbehaving
    target: Misbehaving
    cache: BlobCache
    login: Login | None = None
    waits: list[float] = field(default_factory=list)

    def __call__(self) -> None:
        """Pull and push; the layers pass through, nothing is kept."""
        with (
            Registries(Logins(self.login), sleep=self.waits.append) as registries,
            Repository(self.target.endpoint, "b", self.login, sleep=self.waits.append) as target,
        ):
            base = registries.find(f"{self.source.host}/a:1", "amd64", self.cache)
            push(replace(IMAGE, layers=base.layers), target, lambda _: None)


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[Relay]:
    with misbehaving() as source, misbehaving() as target:
        source.keep(IMAGE, "1")
        yield Relay(source, target, BlobCache(tmp_path / "cache"))


def has_whole_image(registry: Misbehaving) -> bool:
    """Say whether the image is there and every byte of it right; nothing of it may be wrong."""
    assert all(digest_of(data) == digest for digest, data in registry.blobs.items())
    there = IMAGE.digest in registry.manifests
    assert not there or all(blob.digest in registry.blobs for blob in IMAGE.blobs)
    return there


_few = st.integers(min_value=0, max_value=4)


@settings(max_examples=examples(30))
@given(
    source=st.fixed_dictionaries(dict.fromkeys(("drops", "busy", "unwell"), _few)),
    target=st.fixed_dictionaries(dict.fromkeys(("cuts", "busy", "unwell", "silent"), _few)),
    uses=st.sampled_from([0, 3, 5]),
    ranges=st.booleans(),
    lies=st.booleans(),
)
def test_whatever_goes_wrong_there_is_a_whole_image_or_an_error_and_none(
    tmp_path_factory: pytest.TempPathFactory,
    source: dict[str, int],
    target: dict[str, int],
    uses: int,
    *,
    ranges: bool,
    lies: bool,
) -> None:
    cache = BlobCache(tmp_path_factory.mktemp("cache"))
    with misbehaving() as here, misbehaving() as there:
        here.keep(IMAGE, "1")
        for how, faults in ((here, source), (there, target)):
            vars(how).update(faults)
            how.uses, how.user = uses, "me"
        here.ranges = ranges
        here.lies = frozenset({IMAGE.layers[1].blob.digest} if lies else ())
        try:
            Relay(here, there, cache, ME)()
        except RegistryError:
            arrived = False
        else:
            arrived = True
        assert has_whole_image(there) == arrived or there.silent < target["silent"]
        assert not (arrived and lies)
        for how in (here, there):  # the next attempt meets a registry that is well again
            how.lies = frozenset()
            vars(how).update(drops=0, cuts=0, busy=0, unwell=0, silent=0, uses=0)
        Relay(here, there, cache, ME)()
        assert has_whole_image(there)


def test_where_downloads_are_redirected_to_is_told_no_login(relay: Relay) -> None:
    with misbehaving() as storage:
        storage.keep(IMAGE)
        relay.source.elsewhere = storage.endpoint
        relay.source.uses, relay.source.user, relay.login = 100, "me", ME
        relay()
        assert has_whole_image(relay.target)
        assert storage.asked["GET blobs"] == len(IMAGE.blobs)
        assert storage.logins == {""}
    assert "" not in relay.source.logins


def test_an_answer_that_is_lost_after_the_manifest_was_stored_costs_another_put(
    relay: Relay,
) -> None:
    relay.target.silent = 2
    relay()
    assert has_whole_image(relay.target)
    assert relay.target.asked["PUT manifests"] == 3


@pytest.mark.parametrize("fault", ["busy", "unwell"])
def test_a_registry_that_never_gets_well_is_left_after_five_attempts(
    relay: Relay, fault: str
) -> None:
    setattr(relay.source, fault, 10**6)
    with pytest.raises(RegistryError, match=r"5 attempts"):
        relay()
    assert relay.source.asked["GET manifests"] == 5
    assert len(relay.waits) == 4
    assert not relay.target.asked


def test_a_registry_that_wants_to_be_left_alone_for_an_hour_is_not_waited_for(
    relay: Relay,
) -> None:
    relay.source.busy, relay.source.patience = 1, "3600"
    with pytest.raises(RegistryError, match=r"429.*1 attempts"):
        relay()
    assert relay.waits == []


def test_a_date_in_retry_after_is_waited_for_as_after_any_fault(relay: Relay) -> None:
    relay.source.busy, relay.source.patience = 1, "Wed, 21 Oct 2026 07:28:00 GMT"
    relay()
    assert relay.waits == [1.0]


def test_what_is_there_is_asked_for_and_not_sent_again(relay: Relay) -> None:
    relay()
    for how in (relay.source, relay.target):
        how.asked.clear()
    relay()
    assert relay.source.asked == {"GET manifests": 1, "GET blobs": 1}  # the configuration
    assert relay.target.asked == {"HEAD blobs": len(IMAGE.blobs), "PUT manifests": 1}


def test_what_is_mounted_is_not_sent_and_what_cannot_be_is_sent_in_the_same_session(
    relay: Relay,
) -> None:
    layer = IMAGE.layers[0].blob
    with Repository(relay.target.endpoint, "b", sleep=relay.waits.append) as target:
        assert target.put_blob(layer, "a")
        assert relay.target.asked == {"POST uploads": 1, "PUT uploads": 1}
        relay.target.mounts = True
        assert not target.put_blob(layer, "a")
        assert relay.target.asked == {"POST uploads": 2, "PUT uploads": 1}


def test_a_wrong_password_is_refused_by_a_real_registry_and_the_error_says_how_to_log_in(
    tmp_path: Path,
) -> None:
    with debian_registry(tmp_path, (ME.user, ME.password)) as endpoint:
        with Repository(endpoint, "a", Login("me", "wrong"), sleep=lambda _: None) as stranger:
            with pytest.raises(RegistryError) as refused:
                push(IMAGE, stranger, lambda _: None)
            assert "401" in refused.value.problem
            assert "docker login" in refused.value.remedy
            assert "wrong" not in str(refused.value)
        with Repository(endpoint, "a", ME) as repository:
            assert not any(repository.has_blob(blob.digest) for blob in IMAGE.blobs)
            push(IMAGE, repository, lambda _: None, tags=("1",))
        name = f"{endpoint.removeprefix('http://')}/a:1"
        cache = BlobCache(tmp_path / "cache")
        with Registries(Logins(Login("me", "wrong")), sleep=lambda _: None) as registries:
            with pytest.raises(ImageNotFound) as hidden:
                registries.find(name, "amd64", cache)
            assert "docker login" in hidden.value.remedy
        with Registries(Logins(ME)) as registries:
            assert registries.find(name, "amd64", cache).layers


def test_uploads_that_start_over_are_counted_once(relay: Relay) -> None:
    relay.target.cuts = 2
    shown: list[str] = []
    progress = Progress(shown.append, clock=iter(range(10**6)).__next__)
    with Repository(relay.target.endpoint, "b", sleep=relay.waits.append) as target:
        push(IMAGE, target, lambda _: None, watch=Watch(progress))
    assert progress.gone == progress.expected == sum(blob.size for blob in IMAGE.blobs)
    assert "100%" in shown[-1]


def test_a_push_that_shall_end_ends_between_two_pieces_and_leaves_no_manifest(
    relay: Relay,
) -> None:
    def check() -> None:
        if relay.target.asked["HEAD blobs"] >= 2:
            raise KeyboardInterrupt

    with (
        Repository(relay.target.endpoint, "b", sleep=relay.waits.append) as target,
        pytest.raises(KeyboardInterrupt),
    ):
        push(IMAGE, target, lambda _: None, watch=Watch(check=check))
    assert relay.target.asked["PUT manifests"] == 0
    assert not relay.waits


def test_one_upload_that_fails_ends_the_others(relay: Relay) -> None:
    """Where the first blob cannot be read, the others are not sent to their end."""
    slow = threading.Event()

    class Broken:
        def open(self) -> BinaryIO:
            slow.set()
            raise RegistryError("broken", remedy="none")

    class Endless(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:  # noqa: ANN401
            slow.wait(30)
            return len(buffer)

    class Long:
        def open(self) -> BinaryIO:
            return io.BufferedReader(Endless())

    def of(data: Broken | Long, mark: str) -> ImageLayer:
        blob = Blob(digest=f"sha256:{mark * 64}", size=1 << 40, data=data)
        return ImageLayer(blob=blob, diff_id=blob.digest)

    image = replace(IMAGE, layers=(of(Long(), "a"), of(Broken(), "b")))
    relay.target.swallows = True
    with IMAGE.config.open() as config:
        relay.target.blobs[IMAGE.config.digest] = config.read()
    with (
        Repository(relay.target.endpoint, "b", sleep=relay.waits.append) as target,
        pytest.raises(RegistryError, match="broken"),
    ):
        push(image, target, lambda _: None)
    assert not relay.target.manifests


def test_errors_of_a_registry_never_hold_its_password(relay: Relay) -> None:
    relay.source.uses, relay.source.user = 1, "me"
    relay.login = Login("me", "tell-nobody")
    relay.source.manifests.clear()
    with pytest.raises(ImageError) as failed:
        relay()
    assert "tell-nobody" not in f"{failed.value} {failed.value.remedy} {failed.value.__cause__!r}"
