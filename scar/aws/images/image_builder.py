"""Build the images of functions from the FDL's image and script, and push them to ECR."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scar.aws.account import network
from scar.aws.client.errors import SDK_ERRORS
from scar.aws.compile.function_config import function_config
from scar.aws.images.prebuilt_images import require_reachable, verify_prebuilt_image
from scar.aws.images.registry_logins import parse_authorization_token
from scar.aws.model import limits
from scar.aws.model.names import image_tag
from scar.errors import ConfigurationError
from scar.image.compose.function_image import compose_image
from scar.image.compose.image_changes import describe_image_changes
from scar.image.compose.payload import MAX_PAYLOAD_SIZE, read_payload
from scar.image.errors import ImageError, NotAnImageError
from scar.image.formats.base_image import empty_base_image
from scar.image.formats.image_file import open_regular_file
from scar.image.formats.manifest import expect_object, expect_text, parse_json
from scar.image.formats.resolver import find_base_image
from scar.image.registry.pull import ImagePull
from scar.image.registry.push import KnownBlobs, push_image
from scar.image.registry.repository import RepositoryClient
from scar.image.registry.upload_progress import UploadMonitor, never_cancel, upload_meter
from scar.meter import Meter
from supervisor.config import config_to_json

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from scar.aws.client.connection import AwsConnection
    from scar.aws.model.function import Function
    from scar.image.formats.base_image import BaseImage
    from scar.image.formats.blobs import BlobCache
    from scar.image.formats.composed_image import ComposedImage
    from scar.image.formats.resolver import ImageSource
    from scar.image.registry.credentials import Login
    from supervisor.model import FunctionConfig, ImageDefaults

BLOB_MOUNTING = "BLOB_MOUNTING"
"""The account setting of ECR that allows to mount layers from another repository."""


@dataclass(slots=True, kw_only=True)
class FunctionImageBuilder:
    """Composes images and holds them until they are pushed; implements ``ImageBuilder``.

    ``find_bundle`` returns the supervisor's archive for an architecture. ``image_stores`` are
    searched, in this order, for images that are not files. ``show_progress`` is called with a line
    ten times a second while images are read and pushed.
    """

    connection: AwsConnection
    find_bundle: Callable[[str], Path]
    cache: BlobCache
    image_stores: Sequence[ImageSource]
    report: Callable[[str], None]
    show_progress: Callable[[str], None] | None = None
    _bases: dict[tuple[str, Path | None, str], BaseImage] = field(default_factory=dict, init=False)
    _composed: dict[str, ComposedImage] = field(default_factory=dict, init=False)
    _login: Login | None = field(default=None, init=False)
    _endpoint: str = field(default="", init=False)
    _known_blobs: KnownBlobs = field(init=False)
    _meter: Meter = field(init=False)

    def __post_init__(self) -> None:
        self._meter = upload_meter(self._show_line)
        self._known_blobs = KnownBlobs(lambda: can_mount_blobs(self.connection))

    def compose(
        self, function: Function, configure: Callable[[ImageDefaults], FunctionConfig]
    ) -> str:
        """Compose the function's image and return its digest; same input, same digest.

        The image of a function without one in its FDL is the supervisor alone. With
        ``create_image: false``, the prebuilt image is verified instead. Raise ScarError.
        """
        if not function.lambda_.container.create_image:
            require_reachable(function, self.connection)
            with self._open_repository(function.repository) as client:
                return verify_prebuilt_image(function, client, configure, self.cache)
        base, spec = self._open_base_image(function), function.lambda_
        image = compose_image(
            base,
            self.find_bundle(spec.architecture),
            config_to_json(configure(base.defaults)),
            _read_script(spec.init_script) if spec.init_script else None,
            read_payload(spec.extra_payload) if spec.extra_payload else None,
        )
        _check_size(function.image_name, image)
        self._composed[image.digest] = image
        return image.digest

    def composed_image(self, digest: str) -> ComposedImage:
        """Return an image that ``compose`` composed; its layers may still be in a registry."""
        return self._composed[digest]

    def _open_base_image(self, function: Function) -> BaseImage:
        """Open the user's image, once for all functions that use it."""
        if not function.image_name:
            return empty_base_image(function.lambda_.architecture)
        container, architecture = function.lambda_.container, function.lambda_.architecture
        key = (container.image, container.image_file, architecture)
        if key not in self._bases:
            self._bases[key] = find_base_image(
                container.image,
                container.image_file,
                architecture=architecture,
                cache=self.cache,
                sources=self.image_stores,
                meter=Meter("Reading the image", show=self._show_line),
            )
        return self._bases[key]

    def holds(self, repository: str, digest: str) -> bool:
        """Return whether the repository has this manifest."""
        with self._open_repository(repository) as client:
            return client.has_manifest(image_tag(digest))

    def push(self, repository: str, digest: str, check: Callable[[], None] = never_cancel) -> None:
        """Push the composed image with this digest; ``check`` may raise to cancel the upload."""
        monitor = UploadMonitor(self._meter, check)
        with self._open_repository(repository, monitor.sleep) as client:
            tags = (image_tag(digest),)
            push_image(
                self._composed[digest], client, self.report, tags, self._known_blobs, monitor
            )

    def describe_changes(self, repository: str, old: str, new: str) -> tuple[str, ...]:
        """Return what differs between a deployed image and one that ``compose`` composed.

        Both by digest. At most three requests: the old manifest, configuration and function layer.
        Empty for an image that was not composed here. Raise ImageError if the old one is not
        readable.
        """
        if new not in self._composed:
            return ()
        image = self._composed[new]
        with image.config.open() as file:
            config = expect_object(parse_json(file.read(), "image"), "image")
        architecture = expect_text(config.get("architecture"), "image")
        with self._open_repository(repository) as client:
            deployed = ImagePull(client, repository, architecture, self.cache).read_image(old)
            return describe_image_changes(deployed.layers, image.layers)

    def _show_line(self, line: str) -> None:
        if self.show_progress is not None:
            self.show_progress(line)

    def _open_repository(
        self, repository: str, sleep: Callable[[float], None] = time.sleep
    ) -> RepositoryClient:
        if self._login is None:
            response = self.connection.client("ecr").get_authorization_token()
            data = response["authorizationData"][0]
            # Set before the login: another thread uses both as soon as it sees a login.
            self._endpoint = data["proxyEndpoint"]
            self._login = parse_authorization_token(data["authorizationToken"])
        return RepositoryClient(self._endpoint, repository, self._login, sleep=sleep)


def _read_script(script: Path) -> bytes:
    remedy = "Correct init_script; its path is relative to the FDL file."
    try:
        with open_regular_file(script) as file:  # a FIFO would block, /dev/zero has no end
            data = file.read(MAX_PAYLOAD_SIZE + 1)
    except OSError as error:
        raise ConfigurationError(
            f"The script {script} cannot be read: {error.strerror}.", remedy=remedy
        ) from error
    except NotAnImageError as error:
        raise ConfigurationError(f"The script {error.problem}", remedy=remedy) from error
    if len(data) > MAX_PAYLOAD_SIZE:
        raise ConfigurationError(
            f"The script {script} is larger than {MAX_PAYLOAD_SIZE >> 20} MiB.",
            remedy="Put large data into the image, or into a bucket.",
        )
    return data


def _check_size(name: str, image: ComposedImage) -> None:
    """Raise ImageError if the compressed layers exceed Lambda's limit for uncompressed ones."""
    size, limit = sum(item.blob.size for item in image.layers), limits.LAMBDA_IMAGE.maximum or 0
    if size > limit:
        raise ImageError(
            f"The image of {name} has {size / 1e9:.1f} GB compressed; Lambda allows"
            f" {limit / 1e9:.1f} GB uncompressed.",
            remedy="Use a smaller image; the script can read large data from a bucket instead.",
        )


def compose_function_image(
    function: Function, connection: AwsConnection, images: FunctionImageBuilder
) -> ComposedImage:
    """Compose and return the function's image, for `scar image compose`; raise ScarError.

    Requests to AWS are made only for the account's id and, with Batch, for the network.
    """
    account, vpc_network = connection.account, None
    if function.batch is not None:
        compute = function.batch.compute_resources
        ec2 = connection.client("ec2")
        vpc_network = network.find_network(ec2, compute.subnets, compute.security_group_ids)
    digest = images.compose(
        function, lambda image: function_config(function, account, image, vpc_network)
    )
    return images.composed_image(digest)


def can_mount_blobs(connection: AwsConnection) -> bool:
    """Return whether ECR mounts layers between repositories; False if the setting is not readable.

    Without mounting, layers are uploaded, which always works.
    """
    try:
        setting = connection.client("ecr").get_account_setting(name=BLOB_MOUNTING)
    except SDK_ERRORS:
        return False
    return setting.get("value") == "ENABLED"
