"""Connect to AWS: sessions, clients, and the translation of errors and waits.

``connect`` turns what the user names (``target``) into a connection; ``region_names`` refuses
misspelt Regions. ``sdk`` creates the botocore session, ``connection`` one client per service from
it, with the same timeouts and retries, and reads the caller's account; ``api_gateway`` and
``service_types`` are the types of clients without stubs. The endpoint is AWS's or, with
``scar --local``, that of the local cloud; nothing above this package distinguishes them. Handlers
raise the SDK's errors; their callers wrap calls in ``errors.translate_errors``: ``errors`` adds the
failed step and a remedy. ``foreign_responses`` refuses what proxies and login pages answer in AWS's
place. ``encryption`` requests server-side encryption for objects that scar writes.
``object_listing`` reads the pages of large listings; ``response_parsers`` makes the SDK parse these
and log events quickly; ``parallel_listing`` lists several folders at once. ``waiter`` polls with a
timeout.

``direct/`` sends some requests without the SDK, which takes longer to import than they take.

Every client waits inside its calls (``call_waits``): for the request rate of the account
(``rate_limiter``), for throttling to end (``throttling``), and for races to pass (``races/``:
errors about what was made moments ago, known from ``recent_changes``). These waits are bounded,
reported and cancelled together.

To use a further service, add its name and an overload in ``connection``. Of the other
packages of ``scar.aws``, this one imports only ``model``, for the account's type.
"""
