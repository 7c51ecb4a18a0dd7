"""Conditional requests, evaluated as S3 does.

Sources: API reference of GetObject, PutObject, CopyObject, DeleteObject; RFC 9110, 13.2.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from scar.local.s3.protocol.errors import (
    S3Error,
    conditional_request_conflict,
    no_such_key,
    not_implemented,
    precondition_failed,
)

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteCondition:
    """The state in which a key must be for a write: absent, or with this ETag (``*``: any)."""

    must_be_absent: bool = False
    etag: str | None = None

    def check(self, key: str, current: str | None, *, existed_before: bool = False) -> None:
        """Raise S3Error if ``current``, the key's ETag or None, does not meet the condition.

        412 for an object in another state, 404 for an absent one. ``existed_before``: the object
        existed when the request arrived; then it was deleted concurrently, which is 409.
        """
        if self.must_be_absent and current is not None:
            raise precondition_failed("If-None-Match")
        if self.etag is None:
            return
        if current is None:
            raise conditional_request_conflict(key) if existed_before else no_such_key(key)
        if self.etag not in ("*", current):
            raise precondition_failed("If-Match")


UNCONDITIONAL = WriteCondition()


def parse_write_condition(headers: Mapping[str, str]) -> WriteCondition:
    """Parse If-None-Match (for writes, S3 supports only ``*``) and If-Match."""
    none_match, match = headers.get("if-none-match"), headers.get("if-match")
    if none_match is not None and none_match.strip() != "*":
        raise not_implemented("If-None-Match with an ETag on writes (nor does S3)")
    if none_match is not None and match is not None:
        raise not_implemented("If-None-Match together with If-Match (nor does S3)")
    return WriteCondition(
        must_be_absent=none_match is not None, etag=None if match is None else _strip_etag(match)
    )


def check_read_conditions(headers: Mapping[str, str], etag: str, modified: float) -> None:
    """Raise S3Error 412 or 304 if a read's conditions are not met.

    ``modified`` is in epoch seconds. If-Match takes precedence over If-Unmodified-Since, and
    If-None-Match over If-Modified-Since.
    """
    match, unmodified = headers.get("if-match"), headers.get("if-unmodified-since")
    if match is not None:
        if not _etag_matches(match, etag):
            raise precondition_failed("If-Match")
    elif unmodified is not None and _is_modified_since(modified, unmodified):
        raise precondition_failed("If-Unmodified-Since")
    none_match, since = headers.get("if-none-match"), headers.get("if-modified-since")
    unchanged = (
        _etag_matches(none_match, etag)
        if none_match is not None
        else since is not None and _is_modified_since(modified, since) is False
    )
    if unchanged:
        raise S3Error(304, "NotModified", "Not Modified", headers={"etag": f'"{etag}"'})


def check_copy_conditions(headers: Mapping[str, str], etag: str, modified: float) -> None:
    """Raise S3Error 412 if the conditions on the source of a copy are not met."""
    prefix = "x-amz-copy-source-"
    own = {n.removeprefix(prefix): v for n, v in headers.items() if n.startswith(prefix)}
    try:
        check_read_conditions(own, etag, modified)
    except S3Error as error:
        if error.status == 304:
            raise precondition_failed("x-amz-copy-source-If-None-Match") from error
        raise


def _strip_etag(etag: str) -> str:
    return etag.strip().removeprefix("W/").strip('"')


def _etag_matches(value: str, etag: str) -> bool:
    return value.strip() == "*" or etag in [_strip_etag(each) for each in value.split(",")]


def _is_modified_since(modified: float, date: str) -> bool | None:
    """Return whether ``modified`` is later than an HTTP date; None if the date is invalid.

    HTTP dates have whole seconds, so fractions of ``modified`` are ignored.
    """
    try:
        return int(modified) > parsedate_to_datetime(date).timestamp()
    except (OverflowError, TypeError, ValueError):
        return None
