"""The rules of AWS's APIs that botocore does not check: one module per service.

``batch``, ``lambda_``, ``endpoints`` (HTTP APIs, function URLs), ``event_sources`` (with SQS),
``s3`` and ``iam_ecr_logs`` have one function per operation, which yields the violations with AWS's
error code and message. ``constraints`` has the types, and the checks that all services share
(range, length, enumeration, pattern); ``tags`` has the rules of tags. The numbers are from the
table of limits.

The validator maps operations to these functions: a rule for a further operation is a function here
and a line there. Pure functions; no I/O.
"""
