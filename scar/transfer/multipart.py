"""Uploads a large file in concurrent parts, which become one object at the end."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from scar.aws.client import errors
from scar.aws.client.direct.object_client import ObjectCall, read_document
from scar.errors import ScarError
from scar.transfer.client import PART_SIZE, PART_THREADS, count_workers
from scar.transfer.errors import TransferError
from scar.transfer.pool import map_unordered
from supervisor.aws.errors import ResponseNotReceived, parse_xml_fields
from supervisor.aws.request import FileSlice
from supervisor.storage.s3_protocol import build_completion_xml, part_size

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scar.aws.client.direct.object_client import ObjectClient
    from scar.transfer.upload_file import UploadFile
    from supervisor.aws.connection_pool import StreamedResponse

_CRC32 = "x-amz-checksum-crc32"


def upload_in_parts(
    client: ObjectClient, bucket: str, key: str, file: UploadFile, on_sent: Callable[[int], None]
) -> None:
    """Upload the file; after an error or Ctrl-C the parts are deleted.

    Memory does not grow with the size of the file or of its parts. Raise the errors of the SDK,
    RequestBodyUnreadable for the file, and TransferError.
    """
    upload = _PartUpload(client, bucket, key, file, on_sent)
    upload.create()
    try:
        upload.complete(upload.send_parts())
    except BaseException:
        # Invisible parts cost money. The first error says more than one of this request.
        with contextlib.suppress(*errors.SDK_ERRORS, ScarError):
            upload.abort()
        raise


class _PartUpload:
    def __init__(
        self,
        client: ObjectClient,
        bucket: str,
        key: str,
        file: UploadFile,
        on_sent: Callable[[int], None],
    ) -> None:
        self.client = client
        self.bucket = bucket
        self.key = key
        self.file = file
        self.on_sent = on_sent
        self.part_size = part_size(file.size, PART_SIZE)
        self.id = ""

    def create(self) -> None:
        sends_checksums = self.client.configuration.sends_checksums
        headers = {"x-amz-checksum-algorithm": "CRC32"} if sends_checksums else {}
        call = self._call("CreateMultipartUpload", "POST", ("uploads", ""), headers=headers)
        self.id = parse_xml_fields(self.client.send(call)[1]).get("UploadId", "")
        if not self.id:
            raise self._invalid("CreateMultipartUpload", "UploadId")

    def send_parts(self) -> list[tuple[str, str]]:
        """Return the ETag and the checksum of each part."""
        numbers = range(1, -(-self.file.size // self.part_size) + 1)
        sent = sorted(
            map_unordered(
                numbers,
                self._send_part,
                workers=count_workers(PART_THREADS),
                ahead=1,
                on_cancel=self.file.cancel,
            )
        )
        return [(etag, crc) for _, etag, crc in sent]

    def _send_part(self, number: int) -> tuple[int, str, str]:
        offset = (number - 1) * self.part_size
        call = ObjectCall(
            name="UploadPart",
            method="PUT",
            bucket=self.bucket,
            key=self.key,
            query=(("partNumber", str(number)), ("uploadId", self.id)),
            body=FileSlice(self.file, offset, min(self.part_size, self.file.size - offset)),
            has_checksum=True,
            on_sent=self.on_sent,
        )
        headers, _ = self.client.send(call)
        etag = headers.get("etag", "")
        if not etag:
            raise self._invalid("UploadPart", "ETag")
        return number, etag, headers.get(_CRC32, "")

    def complete(self, parts: list[tuple[str, str]]) -> None:
        # A store without checksums of parts does not expect them here.
        body = build_completion_xml(parts, with_crc32=all(crc for _, crc in parts))
        call = self._call("CompleteMultipartUpload", "POST", ("uploadId", self.id), body=body)
        self.client.receive(call, _read_completion)

    def abort(self) -> None:
        self.client.send(self._call("AbortMultipartUpload", "DELETE", ("uploadId", self.id)))

    def _call(
        self,
        name: str,
        method: str,
        query: tuple[str, str],
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> ObjectCall:
        return ObjectCall(
            name=name,
            method=method,
            bucket=self.bucket,
            key=self.key,
            query=(query,),
            headers=headers,
            body=body,
        )

    def _invalid(self, operation: str, missing: str) -> TransferError:
        return TransferError(
            f"Cannot upload {self.file.name} to s3://{self.bucket}/{self.key}: the response to"
            f" {operation} has no {missing}.",
            remedy="Check the endpoint (AWS_ENDPOINT_URL, --endpoint-url): its responses are not"
            " those of S3.",
        )


def _read_completion(reply: StreamedResponse) -> None:
    """Raise ResponseNotReceived for a part of a response: the upload may not be completed."""
    body = read_document(reply).strip()
    if body and not parse_xml_fields(body):
        raise ResponseNotReceived("The response to CompleteMultipartUpload is incomplete.")
