"""The supervisor's own AWS client, small because its import is part of every cold start.

A request goes through these modules: ``endpoints`` chooses the host; ``request`` describes what
is sent and computes checksums; ``credentials`` finds the keys (environment, container endpoint,
IMDSv2) and refreshes them before they expire, with the HTTP requests of ``metadata``; ``sigv4``
signs; ``connection_pool`` sends over connections of ``supervisor.http`` that it keeps open, with
the trusted certificates of ``tls``; ``client`` combines them for one service in one Region and
repeats requests as ``retry`` allows. ``errors`` are AWS's error responses and network failures as
exceptions; the callers, storage and batch, translate them into the supervisor's own.

``endpoints``, ``sigv4`` and ``request`` are pure, except that ``request`` reads file slices.
The module ssl is imported with the first connection that needs it, not before. Not supported:
shared configuration files (``~/.aws``), SSO and proxies, which neither Lambda nor Batch has.

``secrets`` reads the values of secrets, which ``secret_references`` parses, in functions that have
any, and ``function_secrets`` all those of a function together. ``presign`` signs a URL that others
may use, and ``function_invoker`` queues events for a function of Lambda; only functions with
an HTTP endpoint need them.

To add a service: an ``AwsClient`` with its name, and a module that builds the requests, as
``batch/submitter.py`` does.
"""
