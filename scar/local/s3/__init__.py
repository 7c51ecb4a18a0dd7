"""S3 on disk: objects that survive a crash, with the events they owe.

    plane                          the Plane: one request to one operation to one response
    call, operations, names        what is asked: bucket and key, which operation, valid names
    bucket_api, listing_api, object_api, copy_api, multipart_api    the operations
    database, schema, blobs        one SQLite file (WAL) and one folder of body files
    buckets, objects, uploads      the rows, each written in one transaction with its events
    ingest, checksums              bodies streamed to disk, counted, hashed, compared
    conditions, ranges, listing    AWS's rules about them, pure
    notifications, events, outbox  who is told what, durably, by the pump
    xml, errors                    how S3 says things

A write is acknowledged after one transaction that holds its precondition check, its row and
one outbox row per event. Bodies up to 64 KiB are in the database, larger ones are files; a
multipart object is the list of its parts' files. Files that no row names are swept at start.
"""
