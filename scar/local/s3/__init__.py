"""The S3 service: objects on disk that survive a crash, together with their undelivered events.

``service`` parses a request (``protocol/``), calls the method of its operation (``api/``), which
reads and writes the store (``storage/``), and returns the response or S3's error document.

A write first checks its preconditions, then receives the body: up to 64 KiB in memory, more into
a file, counted and hashed on the way. One SQLite transaction then checks the preconditions again,
stores the row of the object, and stores one outbox row for each matching notification rule.
After its commit the write is acknowledged. A thread delivers the events from the outbox and
retries until the receiver has stored them. Bodies of up to 64 KiB are in the database, larger
ones are files; a multipart object is the list of its parts' files, which are not copied. Files
that no row references are removed at the next start.

A new operation needs a member of ``S3Operation``, its method and query in the tables beside it,
a method in ``api/``, and its entry in ``service``. The contract tests in ``tests/conformance``
run against this service and against moto.
"""
