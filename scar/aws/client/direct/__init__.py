"""Requests without the SDK, for commands that send few: it takes longer to import than they run.

``requests`` sends them with static credentials, by the client of the supervisor; ``clients`` are
clients of Lambda, S3 and Batch in which some operations that only read are such requests. All else,
errors included, is left to the SDK: after any response but a success, the SDK's client sends the
request again, waits and raises as it always does. ``session_on_demand`` creates its session when
that is needed, ``notification_xml`` parses what S3 answers in XML.

A further operation is a method of a client; it must return what the SDK's method returns, as far
as callers use it.
"""
