"""Events that come in and responses that go out. Pure functions; no I/O.

``parser`` turns the JSON of an event into triggers, one per run: S3 notifications (also inside
SQS, SNS and EventBridge envelopes), API Gateway and function URL requests, direct invocations. It
is the only module that URL-decodes object keys. ``failed_event`` parses the invocation record
that Lambda sends to an on-failure destination, and tells why the invocation failed. ``response``
builds the body that the caller of a Lambda function gets, or the error.

To add an event source: a case in ``parser`` that yields ``ObjectEvent`` or ``DirectInvocation``,
and an example in ``tests/events``.
"""
