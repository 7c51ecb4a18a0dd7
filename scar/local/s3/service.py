"""The S3 service: parses a request, calls its operation, returns the response."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from scar.local.http.bodies import BrokenBodyError
from scar.local.http.failures import describe_full_disk
from scar.local.http.messages import Response
from scar.local.s3.api.bucket_api import BucketApi
from scar.local.s3.api.copy_api import CopyApi
from scar.local.s3.api.listing_api import ListingApi
from scar.local.s3.api.multipart_api import MultipartApi
from scar.local.s3.api.object_api import ObjectApi
from scar.local.s3.protocol import xml
from scar.local.s3.protocol.errors import S3Error
from scar.local.s3.protocol.operations import S3Operation, find_operation
from scar.local.s3.protocol.request import S3Request, parse_s3_request
from scar.local.s3.storage.body_files import BodyFiles
from scar.local.s3.storage.body_receiver import BodyReceiver
from scar.local.s3.storage.database import Database
from scar.local.s3.storage.objects import ObjectWriter
from scar.local.s3.storage.outbox import Outbox
from scar.local.s3.storage.store import LocalObjectStore
from scar.local.state.disk_space import is_disk_full
from scar.local.state.folders import create_folder
from scar.local.state.lost_files import LostFiles

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from scar.local.http.messages import Request
    from scar.local.s3.storage.outbox import DeliverEvent

log = logging.getLogger(__name__)


class S3Service:
    """S3 with its objects in ``folder``, which is created; one process at a time may use it.

    ``deliver(destination_arn, payload, trace)`` is called with every event at least once, in one
    thread; ``trace`` is the X-Amzn-Trace-Id of the request that caused it. It returns when the
    receiver has stored the event durably; if it raises, the call is retried.
    ``destination_exists(arn)`` returns whether a notification configuration may contain the ARN.
    ``durable``: an acknowledged write survives a loss of power, not only a crash of the process.
    """

    def __init__(
        self,
        folder: Path,
        account_id: str,
        *,
        deliver: DeliverEvent,
        destination_exists: Callable[[str], bool],
        durable: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        create_folder(folder)
        body_files = BodyFiles(folder / "blobs", durable=durable)
        # Bodies without an index would be taken for garbage.
        self._database = Database(
            folder / "meta.db", durable=durable, is_used=body_files.has_files()
        )
        self._outbox = Outbox(self._database, deliver, clock)
        store = LocalObjectStore(
            database=self._database,
            body_files=body_files,
            receiver=BodyReceiver(body_files),
            objects=ObjectWriter(self._database, body_files, self._outbox, clock),
            account_id=account_id,
            clock=clock,
            destination_exists=destination_exists,
        )
        self._folder = folder
        self._account_id = account_id
        self._operations = _operation_handlers(store)
        # Before the first request: later, a file may belong to a write in progress.
        lost = LostFiles(folder / "lost", clock=clock)
        store.set_unreferenced_files_aside(lost)
        lost.remove_old()
        self._outbox.start()

    def close(self) -> None:
        """Stop the delivery of events and close the database; pending events stay on disk."""
        self._outbox.close()
        self._database.close()

    def handle(self, request: Request) -> Response:
        """Return the response to a request; errors are S3's error documents."""
        s3_request: S3Request | None = None
        try:
            s3_request = parse_s3_request(request)
            _check_expected_owner(s3_request, self._account_id)
            response = self._operations[find_operation(s3_request)](s3_request)
        except S3Error as error:
            response = _error_response(error, request, s3_request)
        except (BrokenBodyError, TimeoutError):  # the connection is lost: no response can be sent
            raise
        except Exception as error:
            log.exception("%s %s failed", request.method, request.path)
            response = _error_response(_internal_error(error, self._folder), request, s3_request)
        if s3_request is None:
            return response
        ids = {"x-amz-request-id": s3_request.request_id, "x-amz-id-2": s3_request.host_id}
        return Response(
            status=response.status,
            headers={**response.headers, **ids, "server": "AmazonS3"},
            body=response.body,
        )


def _operation_handlers(
    store: LocalObjectStore,
) -> Mapping[S3Operation, Callable[[S3Request], Response]]:
    bucket, listing, single = BucketApi(store), ListingApi(store), ObjectApi(store)
    copy, multipart = CopyApi(store), MultipartApi(store)
    return {
        S3Operation.LIST_BUCKETS: bucket.list_buckets,
        S3Operation.CREATE_BUCKET: bucket.create,
        S3Operation.HEAD_BUCKET: bucket.head,
        S3Operation.DELETE_BUCKET: bucket.delete,
        S3Operation.GET_LOCATION: bucket.get_location,
        S3Operation.GET_SETTING: bucket.get_setting,
        S3Operation.PUT_SETTING: bucket.put_setting,
        S3Operation.DELETE_SETTING: bucket.delete_setting,
        S3Operation.LIST_OBJECTS: listing.list_objects,
        S3Operation.LIST_VERSIONS: listing.list_versions,
        S3Operation.LIST_UPLOADS: multipart.list_uploads,
        S3Operation.DELETE_OBJECTS: listing.delete_objects,
        S3Operation.PUT_OBJECT: single.put,
        S3Operation.GET_OBJECT: single.get,
        S3Operation.HEAD_OBJECT: single.head,
        S3Operation.DELETE_OBJECT: single.delete,
        S3Operation.COPY_OBJECT: copy.copy_object,
        S3Operation.GET_TAGGING: single.get_tagging,
        S3Operation.PUT_TAGGING: single.put_tagging,
        S3Operation.DELETE_TAGGING: single.delete_tagging,
        S3Operation.GET_ACL: single.get_acl,
        S3Operation.CREATE_UPLOAD: multipart.create,
        S3Operation.UPLOAD_PART: multipart.upload_part,
        S3Operation.UPLOAD_PART_COPY: copy.upload_part_copy,
        S3Operation.LIST_PARTS: multipart.list_parts,
        S3Operation.COMPLETE_UPLOAD: multipart.complete,
        S3Operation.ABORT_UPLOAD: multipart.abort,
    }


def _check_expected_owner(request: S3Request, account_id: str) -> None:
    for name in ("x-amz-expected-bucket-owner", "x-amz-source-expected-bucket-owner"):
        if request.headers.get(name, account_id) != account_id:
            raise S3Error(403, "AccessDenied", "Access Denied")


def _internal_error(error: Exception, folder: Path) -> S3Error:
    """Return 507 if the disk is full, which clients do not retry, else 500, which they do."""
    if is_disk_full(error):
        return S3Error(507, "InsufficientStorage", describe_full_disk(folder))
    return S3Error(500, "InternalError", "Internal error in the local cloud; see its log.")


def _error_response(error: S3Error, request: Request, s3_request: S3Request | None) -> Response:
    if error.status == 304 or request.method == "HEAD":  # these have no body
        return Response(status=error.status, headers=dict(error.headers))
    details = dict(error.details)
    if s3_request:
        details |= {"RequestId": s3_request.request_id, "HostId": s3_request.host_id}
    return Response(
        status=error.status,
        headers={"content-type": "application/xml", **error.headers},
        body=xml.encode_error_document(error.code, error.message, details),
    )
