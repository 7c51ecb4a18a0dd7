"""Events that come in and responses that go out. Pure functions; no I/O.

``parser`` turns the JSON of an event into triggers, one per run. It parses S3 notifications, also
inside SQS, SNS and EventBridge envelopes, and is the only module that URL-decodes object keys; it
leaves requests of API Gateway and function URLs to ``api_request``, which keeps credentials from
scripts and records with ``http_headers``, and direct calls to ``direct_invocation``. All
read the document with ``json_values``, and what callers request of a job with ``job_options``.
``other_stores`` recognises the events of OneData, dCache and Rucio, which are refused, and opens
events that another system has delegated. ``event_stores`` assigns the objects of events to the
function's stores, and ``request_events`` says which events in the bodies of requests are delivered.
``queue_messages`` parses the messages of an SQS event one by one, ``folder_markers`` recognises the
objects that mark folders. ``failed_event`` parses the invocation record that Lambda sends to
an on-failure destination, and returns why the invocation failed. ``response`` builds the body that
the caller of a Lambda function gets, or the error; for HTTP requests ``http_response`` chooses
status, headers and text. ``response_body`` has what both need.

To add an event source: a case in ``parser`` that yields ``ObjectEvent`` or ``DirectInvocation``,
and an example in ``tests/events/``.
"""
