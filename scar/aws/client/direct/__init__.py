"""Send requests without the SDK: for commands that send many, or that must start quickly.

``configuration`` is what a request depends on. ``plain_configuration`` reads it from the
environment and the profile's files where that is simple, with the endpoints of
``bucket_endpoints``; ``session_configuration`` asks the SDK for it in all other cases (SSO, roles,
dual stack, FIPS…), so that no setting is ignored. ``trusted_certificates``, ``connections``
and ``proxies`` make connections as the SDK would.

``object_client`` sends the operations of S3, and follows a bucket to its Region. ``checksums``
verifies what is downloaded, ``listing`` reads the pages of a listing. ``identity`` reads the
caller's account. ``repetition`` repeats what may pass, with the waits of ``call_waits``. What fails
for good is raised as the error that the SDK would raise (``sdk_errors``).

``clients`` are clients of Lambda, S3 and Batch in which some operations that only read are sent by
``requests``, with static credentials. All else, errors included, is left to the SDK: after any
response but a success, the SDK's client sends the request again, waits and raises as it always
does. A further operation is a method of a client; it must return what the SDK's method returns, as
far as callers use it. ``session_on_demand`` creates the SDK's session when that is needed,
``notification_xml`` parses what S3 answers in XML.

All requests are signed and sent by ``supervisor.aws``: the same client as in functions and jobs.
"""
