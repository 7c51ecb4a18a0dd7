"""S3's operations: one class for each group, one method for each operation.

A method gets a parsed request and returns the response; it raises ``S3Error`` for one that S3
rejects. The groups: ``bucket_api`` for buckets and their settings, ``listing_api`` for lists of
objects and deletion of many, ``object_api`` for single objects, ``copy_api`` for copies,
``multipart_api`` for multipart uploads, with their XML in ``multipart_documents``.

All of them write in the same order: check the request, check the state, receive the body, then
check the state again and store in one transaction. Until that is committed, the received file is
removed if anything fails.
"""
