"""Registries that fail, stall and return wrong data: an image arrives complete or not at all."""

from __future__ import annotations

import io
import itertools
import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scar.image.compose.tree_images import build_image
from scar.image.errors import ImageError, ImageNotFoundError, RegistryError
from scar.image.formats.blobs import Blob, BlobCache, digest_of
from scar.image.formats.layer import ImageLayer, LayerFile
from scar.image.registry.credentials import Login
from scar.image.registry.pull import RegistryImageSource
from scar.image.registry.push import push_image
from scar.image.registry.repository import RepositoryClient
from scar.image.registry.upload_progress import UploadMonitor
from scar.meter import Meter
from supervisor.model import ImageDefaults
from tests.fakes.registries import FaultyRegistry, debian_registry, faulty_registry
from tests.profiles import examples

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any, BinaryIO

ME = Login("me", "secret")
TREES = [{f"etc/{n}": LayerFile(bytes([n]) * 50_000 + bytes(range(256)))} for n in range(3)]
IMAGE = build_image(TREES, ImageDefaults(entrypoint=("/bin/x",)))


@dataclass(frozen=True)
class Logins:
    """The same login for every registry."""

    known: Login | None = None

    def login(self, registry: str) -> Login | None:
        return self.known


@dataclass
class Relay:
    """Two registries, and an image to copy from one to the other."""

    source: FaultyRegistry
    target: FaultyRegistry
    cache: BlobCache
    login: Login | None = None
    waits: list[float] = field(default_factory=list)

    def __call__(self) -> None:
        """Pull and push; the layers are streamed and not stored."""
        with (
            RegistryImageSource(Logins(self.login), sleep=self.waits.append) as registries,
            RepositoryClient(
                self.target.endpoint, "b", self.login, sleep=self.waits.append
            ) as target,
        ):
            base = registries.find(f"{self.source.host}/a:1", "amd64", self.cache)
            push_image(replace(IMAGE, layers=base.layers), target, lambda _: None)


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[Relay]:
    with faulty_registry() as source, faulty_registry() as target:
        source.add_image(IMAGE, "1")
        yield Relay(source, target, BlobCache(tmp_path / "cache"))


def has_whole_image(registry: FaultyRegistry) -> bool:
    """Return whether the registry has the image; assert that it has no incomplete or wrong data."""
    assert all(digest_of(data) == digest for digest, data in registry.blobs.items())
    stored = IMAGE.digest in registry.manifests
    assert not stored or all(blob.digest in registry.blobs for blob in IMAGE.blobs)
    return stored


_few = st.integers(min_value=0, max_value=4)


@settings(max_examples=examples(30))
@given(
    source=st.fixed_dictionaries(
        dict.fromkeys(("broken_downloads", "throttled", "bad_gateways"), _few)
    ),
    target=st.fixed_dictionaries(
        dict.fromkeys(("broken_uploads", "throttled", "bad_gateways", "lost_responses"), _few)
    ),
    uses=st.sampled_from([0, 3, 5]),
    ranges=st.booleans(),
    corrupt=st.booleans(),
)
def test_with_any_failures_there_is_a_complete_image_or_an_error_and_none(
    tmp_path_factory: pytest.TempPathFactory,
    source: dict[str, int],
    target: dict[str, int],
    uses: int,
    *,
    ranges: bool,
    corrupt: bool,
) -> None:
    cache = BlobCache(tmp_path_factory.mktemp("cache"))
    with faulty_registry() as origin, faulty_registry() as destination:
        origin.add_image(IMAGE, "1")
        for registry, faults in ((origin, source), (destination, target)):
            vars(registry).update(faults)
            registry.token_uses, registry.user = uses, "me"
        origin.ranges = ranges
        origin.corrupt_digests = frozenset({IMAGE.layers[1].blob.digest} if corrupt else ())
        try:
            Relay(origin, destination, cache, ME)()
        except RegistryError:
            arrived = False
        else:
            arrived = True
        # The image may be complete despite an error if the response to the last PUT was lost.
        assert (
            has_whole_image(destination) == arrived
            or destination.lost_responses < target["lost_responses"]
        )
        assert not (arrived and corrupt)
        for registry in (origin, destination):  # without failures, the next attempt succeeds
            registry.corrupt_digests = frozenset()
            counts = ("throttled", "bad_gateways", "broken_downloads", "broken_uploads")
            vars(registry).update(dict.fromkeys((*counts, "lost_responses", "token_uses"), 0))
        Relay(origin, destination, cache, ME)()
        assert has_whole_image(destination)


def test_the_host_to_which_downloads_are_redirected_gets_no_login(relay: Relay) -> None:
    with faulty_registry() as storage:
        storage.add_image(IMAGE)
        relay.source.redirect_to = storage.endpoint
        relay.source.token_uses, relay.source.user, relay.login = 100, "me", ME
        relay()
        assert has_whole_image(relay.target)
        assert storage.request_counts["GET blobs"] == len(IMAGE.blobs)
        assert storage.logins == {""}
    assert "" not in relay.source.logins


def test_a_response_that_is_lost_after_the_manifest_was_stored_costs_another_put(
    relay: Relay,
) -> None:
    relay.target.lost_responses = 2
    relay()
    assert has_whole_image(relay.target)
    assert relay.target.request_counts["PUT manifests"] == 3


@pytest.mark.parametrize("fault", ["throttled", "bad_gateways"])
def test_requests_to_a_failing_registry_end_after_five_attempts(relay: Relay, fault: str) -> None:
    setattr(relay.source, fault, 10**6)
    with pytest.raises(RegistryError, match=r"5 attempts"):
        relay()
    assert relay.source.request_counts["GET manifests"] == 5
    assert len(relay.waits) == 4
    assert not relay.target.request_counts


def test_a_retry_after_of_an_hour_is_an_error(
    relay: Relay,
) -> None:
    relay.source.throttled, relay.source.retry_after = 1, "3600"
    with pytest.raises(RegistryError, match=r"429.*1 attempts"):
        relay()
    assert relay.waits == []


def test_a_date_in_retry_after_causes_the_usual_backoff(relay: Relay) -> None:
    relay.source.throttled, relay.source.retry_after = 1, "Wed, 21 Oct 2026 07:28:00 GMT"
    relay()
    assert relay.waits == [1.0]


def test_blobs_that_the_target_has_are_not_sent_again(relay: Relay) -> None:
    relay()
    for registry in (relay.source, relay.target):
        registry.request_counts.clear()
    relay()
    assert relay.source.request_counts == {"GET manifests": 1, "GET blobs": 1}  # the configuration
    assert relay.target.request_counts == {"HEAD blobs": len(IMAGE.blobs), "PUT manifests": 1}


def test_a_mounted_blob_is_not_sent_and_another_is_sent_in_the_same_session(
    relay: Relay,
) -> None:
    layer = IMAGE.layers[0].blob
    with RepositoryClient(relay.target.endpoint, "b", sleep=relay.waits.append) as target:
        assert target.put_blob(layer, "a")
        assert relay.target.request_counts == {"POST uploads": 1, "PUT uploads": 1}
        relay.target.supports_mounts = True
        assert not target.put_blob(layer, "a")
        assert relay.target.request_counts == {"POST uploads": 2, "PUT uploads": 1}


def test_the_error_for_a_wrong_password_explains_how_to_log_in(
    tmp_path: Path,
) -> None:
    with debian_registry(tmp_path, (ME.user, ME.password)) as endpoint:
        with RepositoryClient(
            endpoint, "a", Login("me", "wrong"), sleep=lambda _: None
        ) as stranger:
            with pytest.raises(RegistryError) as refused:
                push_image(IMAGE, stranger, lambda _: None)
            assert "401" in refused.value.problem
            assert "docker login" in refused.value.remedy
            assert "wrong" not in str(refused.value)
        with RepositoryClient(endpoint, "a", ME) as repository:
            assert not any(repository.has_blob(blob.digest) for blob in IMAGE.blobs)
            push_image(IMAGE, repository, lambda _: None, tags=("1",))
        name = f"{endpoint.removeprefix('http://')}/a:1"
        cache = BlobCache(tmp_path / "cache")
        with RegistryImageSource(Logins(Login("me", "wrong")), sleep=lambda _: None) as registries:
            with pytest.raises(ImageNotFoundError) as hidden:
                registries.find(name, "amd64", cache)
            assert "docker login" in hidden.value.remedy
        with RegistryImageSource(Logins(ME)) as registries:
            assert registries.find(name, "amd64", cache).layers


def test_uploads_that_start_again_are_counted_once(relay: Relay) -> None:
    relay.target.broken_uploads = 2
    shown: list[str] = []
    times = itertools.count().__next__
    meter = Meter("Uploading", "layer", shown.append, clock=times)
    with RepositoryClient(relay.target.endpoint, "b", sleep=relay.waits.append) as target:
        push_image(IMAGE, target, lambda _: None, monitor=UploadMonitor(meter))
    counts = meter.counts
    assert counts.size == counts.total_size == sum(blob.size for blob in IMAGE.blobs)
    assert counts.items == counts.total_items == len(IMAGE.blobs)
    assert "100 %" in shown[-1]


def test_a_cancelled_push_ends_between_two_chunks_and_leaves_no_manifest(
    relay: Relay,
) -> None:
    def check() -> None:
        if relay.target.request_counts["HEAD blobs"] >= 2:
            raise KeyboardInterrupt

    with (
        RepositoryClient(relay.target.endpoint, "b", sleep=relay.waits.append) as target,
        pytest.raises(KeyboardInterrupt),
    ):
        push_image(IMAGE, target, lambda _: None, monitor=UploadMonitor(check_cancelled=check))
    assert relay.target.request_counts["PUT manifests"] == 0
    assert not relay.waits


def test_one_upload_that_fails_cancels_the_others(relay: Relay) -> None:
    """The upload of an endless blob ends when another blob cannot be read."""
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
    relay.target.discard_uploads = True
    with IMAGE.config.open() as config:
        relay.target.blobs[IMAGE.config.digest] = config.read()
    with (
        RepositoryClient(relay.target.endpoint, "b", sleep=relay.waits.append) as target,
        pytest.raises(RegistryError, match="broken"),
    ):
        push_image(image, target, lambda _: None)
    assert not relay.target.manifests


def test_errors_of_a_registry_never_hold_its_password(relay: Relay) -> None:
    relay.source.token_uses, relay.source.user = 1, "me"
    relay.login = Login("me", "s3cr3t-word")
    relay.source.manifests.clear()
    with pytest.raises(ImageError) as failed:
        relay()
    assert "s3cr3t-word" not in f"{failed.value} {failed.value.remedy} {failed.value.__cause__!r}"
