"""Conditional requests as S3 decides them. Pure.

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
    """``absent``: no object may be there; ``etag``: this state must be (``*``: any)."""

    must_be_absent: bool = False
    etag: str | None = None

    def check(self, key: str, current: str | None, *, existed_before: bool = False) -> None:
        """Raise 412, 404, or 409 if the object was ``seen`` and went away since then."""
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
    """Read If-None-Match (only ``*`` is there for writes) and If-Match."""
    none_match, match = headers.get("if-none-match"), headers.get("if-match")
    if none_match is not None and none_match.strip() != "*":
        raise not_implemented("If-None-Match with an ETag on writes (S3 does not either)")
    if none_match is not None and match is not None:
        raise not_implemented("If-None-Match together with If-Match (S3 does not either)")
    return WriteCondition(
        must_be_absent=none_match is not None, etag=None if match is None else _strip_etag(match)
    )


def check_read_conditions(headers: Mapping[str, str], etag: str, modified: float) -> None:
    """Raise 412, or 304 with the headers it needs."""
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
    """The same for the source of a copy, where everything that fails is a 412."""
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
    """Whether ``modified`` is after a date in whole seconds; None if it is no date."""
    try:
        return int(modified) > parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError):
        return None
