"""API requests as data, and the rules that they must satisfy.

``lambda_requests``, ``event_source_requests`` (with SQS), ``batch_requests``,
``endpoint_requests`` (HTTP APIs and function URLs), ``launch_template_requests`` and
``s3_requests`` build the parameters of each request from a resource. Handlers send them;
``creation`` yields, for a resource of any kind, all requests that create it, so that validation
checks exactly what will be sent.
``field_paths`` copies the fields that have the same form in a resource and in a request
(``Resource.request_paths``), and reads them back from AWS's description. ``notification_filters``
encodes the texts in S3's notification filters, ``state_bucket_lifecycle`` has the rules by which
records expire. ``tls_policy`` adds to a bucket policy the statement
that denies plain HTTP.

``validator`` checks a request against AWS's limits and rules: it maps each operation to a function
in ``rules/``. The same validator serves ``scar validate`` and ``scar init``, the tests, and the
local cloud, since botocore checks no maxima. A further rule is a function there and a line in
``validator``. Pure functions; no I/O.
"""
