"""S3's protocol: parsing of requests, encoding of responses, AWS's rules; no files, no database.

``request`` parses an HTTP request into bucket, key, query and body, ``operations`` selects its
operation. ``body`` parses what the headers declare about the body and verifies it with the
``checksums``; ``metadata`` parses the headers that are stored with an object. ``bucket_policy``
denies writes without the encryption that a bucket policy requires. ``conditions`` and ``ranges``
evaluate conditional and range requests, ``names`` checks names of buckets and keys.
``notifications`` parses, validates and matches a bucket's notification configuration,
``event_messages`` builds the messages for its destinations. ``xml`` parses and encodes documents,
``errors`` contains S3's error responses.

Apart from reading the body of a request and generating ids, these are pure functions.
"""
