"""Parse the SDK's responses of many small items without walking its model for each of them.

The result is the one of the SDK's parsers: they still read everything but the items, and the items
too if these are not in the form that AWS sends. CPU for an item, in µs: an object of a listing
3 instead of 86, a log event 1.3 instead of 4.
"""

from __future__ import annotations

import contextlib
import json
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore import handlers
from botocore.model import StructureShape
from botocore.parsers import JSONParser, ResponseParserFactory, RestXMLParser
from botocore.utils import parse_timestamp

from scar.aws.client.object_listing import split_objects

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from botocore.model import OperationModel, Shape
    from botocore.parsers import ResponseParser
    from mypy_boto3_s3 import S3Client

    from scar.aws.client.object_listing import SplitObjects

_ISO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", re.ASCII)
_OBJECTS = "scar_objects"  # in the SDK's dictionary of a response
_LOG_SHAPES = ("FilterLogEventsResponse", "GetLogEventsResponse")


def parse_time(value: str | float) -> datetime:
    """Return the time of a response as botocore does, for ISO 8601 in UTC without dateutil."""
    if isinstance(value, str) and _ISO_TIME.fullmatch(value):
        with contextlib.suppress(ValueError):  # such as month 13: botocore's error says more
            return datetime.fromisoformat(value)
    return parse_timestamp(value)  # type: ignore[arg-type] # it takes numbers too


class FastParserFactory(ResponseParserFactory):
    """Creates the parsers of a session's clients."""

    def create_parser(self, protocol_name: str) -> ResponseParser:
        """Return the parser of this module for the protocol, else botocore's."""
        if protocol_name == "rest-xml":
            return _ListingParser(timestamp_parser=parse_time)
        if protocol_name == "json":
            return _LogEventParser(timestamp_parser=parse_time)
        self.set_parser_defaults(timestamp_parser=parse_time)
        return super().create_parser(protocol_name)


class _ListingParser(RestXMLParser):
    """Reads the objects of ListObjectsV2 by a regular expression."""

    def parse(self, response: Mapping[str, Any], shape: Shape) -> Any:  # noqa: ANN401
        """Return what botocore's parser returns."""
        if getattr(shape, "name", "") != "ListObjectsV2Output" or response["status_code"] >= 300:
            return super().parse(response, shape)
        objects: SplitObjects | None = response.get(_OBJECTS) or _split_objects(response["body"])
        if objects is None:
            return super().parse(response, shape)
        try:
            contents = list(_read_entries(objects))
        except ValueError:  # of an invalid time: botocore's error says more
            return super().parse(response, shape)
        rest = super().parse({**response, "body": objects.rest}, shape)
        if "Contents" in rest:  # objects of another form, before, between or after these
            return super().parse(response, shape)
        return {**rest, "Contents": contents} if contents else rest


def _split_objects(body: bytes) -> SplitObjects | None:
    try:
        return split_objects(body)
    except ValueError:  # of what is not UTF-8: botocore's error says more
        return None


def parse_listings_once(client: S3Client) -> None:
    """Make the client look for an error in a listing of status 200 in the rest of the page only.

    botocore parses each XML response of S3 twice: first to see whether it is an error.
    """
    find_error = getattr(handlers, "_handle_200_error", None)
    if find_error is None:  # another version
        return

    def find_error_in_rest(
        operation_model: OperationModel, response_dict: dict[str, Any], **others: object
    ) -> None:
        is_listing = operation_model.name == "ListObjectsV2" and response_dict["status_code"] == 200
        objects = _split_objects(response_dict["body"]) if is_listing else None
        rest = response_dict | ({"body": objects.rest} if objects else {})
        find_error(operation_model=operation_model, response_dict=rest, **others)
        response_dict.update(status_code=rest["status_code"])
        response_dict.update({_OBJECTS: objects} if objects else {})

    client.meta.events.unregister("before-parse.s3.*", find_error)
    client.meta.events.register_first("before-parse.s3.*", find_error_in_rest)


def _read_entries(objects: SplitObjects) -> Iterator[dict[str, object]]:
    for key, time, etag, size, algorithm, checksum_type, storage_class in zip(
        objects.keys,
        map(datetime.fromisoformat, objects.times),
        objects.etags,
        map(int, objects.sizes),
        objects.algorithms,
        objects.checksum_types,
        objects.storage_classes,
        strict=True,
    ):
        entry: dict[str, object] = {"Key": key, "LastModified": time, "ETag": etag, "Size": size}
        if algorithm is not None:
            entry["ChecksumAlgorithm"] = [algorithm]
        if checksum_type is not None:
            entry["ChecksumType"] = checksum_type
        if storage_class is not None:
            entry["StorageClass"] = storage_class
        yield entry


class _LogEventParser(JSONParser):
    """Takes log events as they are in the JSON: their fields are texts and integers."""

    def parse(self, response: Mapping[str, Any], shape: Shape) -> Any:  # noqa: ANN401
        """Return what botocore's parser returns."""
        if not isinstance(shape, StructureShape) or shape.name not in _LOG_SHAPES:
            return super().parse(response, shape)
        if response["status_code"] >= 300:
            return super().parse(response, shape)
        try:
            rest = json.loads(response["body"].decode())
        except ValueError:
            return super().parse(response, shape)
        events = rest.pop("events", None) if isinstance(rest, dict) else None
        fields = shape.members["events"].member.members  # type: ignore[attr-defined]
        has_nulls = b"null" in response["body"]
        if not isinstance(events, list) or not _are_plain(events, fields, has_nulls=has_nulls):
            return super().parse(response, shape)
        parsed = super().parse({**response, "body": json.dumps(rest).encode()}, shape)
        return {**parsed, "events": events}


def _are_plain(events: list[Any], fields: Mapping[str, Shape], *, has_nulls: bool) -> bool:
    """Return whether the model has nothing to drop or convert.

    Without ``has_nulls``, the values are not looked at. No step is made in Python for an event.
    """
    if not set(map(type, events)) <= {dict} or not set().union(*events) <= fields.keys():
        return False
    return not (has_nulls and any(None in event.values() for event in events))
