"""What AWS does not forgive: rates, conflicts, delays, duplicates, losses.

Conditions are a layer between the HTTP router and the services, and hooks where a request alone
is not enough. ``settings`` says which conditions are on. Decisions are pure: from counters, the
clock, and hashes of the seed, so that ``--chaos=SEED`` repeats a run.

Decisions:

- ``table``: every condition of ``--chaos``, its probability, length and source
- ``draws``: decisions by chance that a seed repeats
- ``api_call``: the call that a request makes, as all decisions see it
- ``faults``: what happens to a request, and AWS's throttling errors
- ``request_rates``: AWS's request rates, always enforced
- ``bucket_changes``: concurrent changes of one bucket, always refused
- ``propagation``: changes of IAM, S3 and Lambda that take effect later
- ``pending_states``: functions, environments and queues that are not ready yet
- ``request_conditions``: all of them together, for one call
- ``fates``: what happens to events, invocations, sandboxes and jobs

Where they take effect in the local cloud:

- ``local_services``: the parts that services are built from, with conditions around them
- ``layer`` and ``error_responses``: HTTP requests and the services' error formats
- ``event_delivery``: S3 events that are late or come twice
- ``sandboxes``: sandboxes and hosts that die
- ``batch_registry``: no job starts in an environment that is not VALID
- ``log_delivery``: log lines that are late or lost

The tests' SDK sessions have the same decisions (``tests/fakes/conditions.py``).
"""
