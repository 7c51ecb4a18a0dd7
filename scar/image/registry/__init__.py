"""Pull base images from registries and push composed images, over HTTP, without a container engine.

Three levels: ``transport`` sends requests to one repository and is responsible for retries and
errors; ``auth`` gives each request its Authorization header and handles the WWW-Authenticate
challenge of a 401, with the logins that ``credentials`` reads from Docker's configuration.
``repository`` offers the operations of the OCI distribution API: blobs, manifests, mounts.
``pull`` and ``push`` are the two uses.

``pull`` downloads the documents of an image at once and validates them. Its layers become a
``RemoteBlob`` each (``remote_blob``), which is downloaded when it is read. ``push`` uploads a
composed image: the blobs that the repository lacks, several at once, then the manifest. A layer
that only exists in another registry is thus streamed from there to here, in constant memory, with
its digest checked on the way; one in the same registry is mounted. ``upload_progress`` adds up the
bytes of all uploads and cancels them.

Servers may be hostile: ``http_client`` sends single requests and bounds heads, documents and errors
in bytes; ``deadlines`` bounds them and blobs in time, whatever arrives meanwhile.
``connection_errors`` says why there was no response.

Failures are the normal case: an interrupted download continues with a Range request, an interrupted
upload starts again, expired tokens are renewed, HTTP 429 and 5xx are retried, each a limited number
of times. Nothing is visible under a digest or a tag before it is complete, so each operation may be
repeated. Why scar has its own client: decision 4 in docs/decisions.
"""
