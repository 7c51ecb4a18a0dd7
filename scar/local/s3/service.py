"""The S3 plane: one request, one operation, one response."""

from __future__ import annotations

import errno
import logging
import sqlite3
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from scar.local.http.bodies import BrokenBody
from scar.local.http.messages import Response
from scar.local.s3.api.bucket_api import BucketApi
from scar.local.s3.api.copy_api import CopyApi
from scar.local.s3.api.listing_api import ListingApi
from scar.local.s3.api.multipart_api import MultipartApi
from scar.local.s3.api.object_api import ObjectApi
from scar.local.s3.protocol import xml
from scar.local.s3.protocol.errors import S3Error
from scar.local.s3.protocol.operations import Operation, operation_of
from scar.local.s3.protocol.request import Call, parse_call
from scar.local.s3.storage.body_files import Blobs
from scar.local.s3.storage.body_receiver import Ingest
from scar.local.s3.storage.database import Database
from scar.local.s3.storage.objects import Objects
from scar.local.s3.storage.outbox import Outbox
from scar.local.s3.storage.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from scar.local.http.messages import Request
    from scar.local.s3.storage.outbox import Deliver

log = logging.getLogger(__name__)


class S3Plane:
    """Objects in ``folder``, which is made if it is not there; one process at a time uses it.

    ``deliver(destination_arn, payload)`` gets every event at least once, from one thread, and
    returns only when the receiver holds it durably; if it raises, it is asked again.
    ``destination_exists(arn)`` decides whether a notification configuration may name it.
    ``durable`` makes an acknowledged write survive the loss of power, not only of the process.
    """

    def __init__(
        self,
        folder: Path,
        account_id: str,
        *,
        deliver: Deliver,
        destination_exists: Callable[[str], bool],
        durable: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._database = Database(folder / "meta.db", durable=durable)
        self._outbox = Outbox(self._database, deliver, clock)
        blobs = Blobs(folder / "blobs", durable=durable)
        store = Store(
            database=self._database,
            blobs=blobs,
            ingest=Ingest(blobs),
            objects=Objects(self._database, blobs, self._outbox, clock),
            account_id=account_id,
            clock=clock,
            destination_exists=destination_exists,
        )
        self._folder = folder
        self._account_id = account_id
        self._operations = _operations(store)
        if swept := store.sweep():
            log.info("removed %d files of writes that were never acknowledged", swept)
        self._outbox.start()

    def close(self) -> None:
        """Stop handing out events and close the database; what is owed stays on disk."""
        self._outbox.close()
        self._database.close()

    def handle(self, request: Request) -> Response:
        """Answer one request; every refusal is an S3 error document."""
        call: Call | None = None
        try:
            call = parse_call(request)
            _check_owner(call, self._account_id)
            response = self._operations[operation_of(call)](call)
        except S3Error as error:
            response = _refusal(error, request, call)
        except (BrokenBody, TimeoutError):  # the client is gone: nobody to answer
            raise
        except Exception as error:
            log.exception("%s %s failed", request.method, request.path)
            response = _refusal(_fault(error, self._folder), request, call)
        if call is None:
            return response
        ids = {"x-amz-request-id": call.request_id, "x-amz-id-2": call.host_id}
        return replace(response, headers={**response.headers, **ids, "server": "AmazonS3"})


def _operations(store: Store) -> Mapping[Operation, Callable[[Call], Response]]:
    bucket, listing, single = BucketApi(store), ListingApi(store), ObjectApi(store)
    copy, multipart = CopyApi(store), MultipartApi(store)
    return {
        Operation.LIST_BUCKETS: bucket.list_buckets,
        Operation.CREATE_BUCKET: bucket.create,
        Operation.HEAD_BUCKET: bucket.head,
        Operation.DELETE_BUCKET: bucket.delete,
        Operation.GET_LOCATION: bucket.location,
        Operation.GET_SETTING: bucket.get_setting,
        Operation.PUT_SETTING: bucket.put_setting,
        Operation.DELETE_SETTING: bucket.delete_setting,
        Operation.LIST_OBJECTS: listing.list_objects,
        Operation.LIST_VERSIONS: listing.list_versions,
        Operation.LIST_UPLOADS: multipart.list_uploads,
        Operation.DELETE_OBJECTS: listing.delete_objects,
        Operation.PUT_OBJECT: single.put,
        Operation.GET_OBJECT: single.get,
        Operation.HEAD_OBJECT: single.head,
        Operation.DELETE_OBJECT: single.delete,
        Operation.COPY_OBJECT: copy.copy_object,
        Operation.GET_TAGGING: single.get_tagging,
        Operation.PUT_TAGGING: single.put_tagging,
        Operation.DELETE_TAGGING: single.delete_tagging,
        Operation.GET_ACL: single.get_acl,
        Operation.CREATE_UPLOAD: multipart.create,
        Operation.UPLOAD_PART: multipart.upload_part,
        Operation.UPLOAD_PART_COPY: copy.upload_part_copy,
        Operation.LIST_PARTS: multipart.list_parts,
        Operation.COMPLETE_UPLOAD: multipart.complete,
        Operation.ABORT_UPLOAD: multipart.abort,
    }


def _check_owner(call: Call, account_id: str) -> None:
    for name in ("x-amz-expected-bucket-owner", "x-amz-source-expected-bucket-owner"):
        if call.headers.get(name, account_id) != account_id:
            raise S3Error(403, "AccessDenied", "Access Denied")


def _fault(error: Exception, folder: Path) -> S3Error:
    """Tell a full disk from what is wrong with the local cloud; clients repeat only the latter."""
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    code = getattr(error, "sqlite_errorcode", None)
    if full or code == sqlite3.SQLITE_FULL:
        return S3Error(
            507,
            "InsufficientStorage",
            f"The disk is full: {folder}. Nothing of this request was kept; make room, or give the"
            " local cloud another folder with SCAR_LOCAL_HOME.",
        )
    return S3Error(500, "InternalError", "The local cloud has a fault; its log tells more.")


def _refusal(error: S3Error, request: Request, call: Call | None) -> Response:
    if error.status == 304 or request.method == "HEAD":
        return Response(status=error.status, headers=dict(error.headers))
    details = dict(error.details)
    if call:
        details |= {"RequestId": call.request_id, "HostId": call.host_id}
    return Response(
        status=error.status,
        headers={"content-type": "application/xml", **error.headers},
        body=xml.error_document(error.code, error.message, details),
    )
