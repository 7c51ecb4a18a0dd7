"""AWS Lambda on this machine: runs the functions that moto's configuration describes.

An Invoke request arrives at ``app`` (the URL, the headers and the payload limits). ``service``
looks the function up in the ``function_registry`` and either runs it at once or writes an event to
the ``event_queue`` (SQLite, so that events survive a killed server). The ``async_invoker`` takes
due events from that queue (in the threads of a ``dispatch_loop``, which the pollers of
``event_sources/`` use, too), retries failed ones, and sends an ``invocation_record`` to the
function's destination when an event has succeeded, expired or used up its retries. ``lineage``
counts, in the trace id of each event, how often one chain has started a function: a function that
its own outputs started too often is not started again.

Both paths lease a worker from the ``pool``, which enforces concurrency limits and reuses warm
sandboxes. A ``worker`` starts one sandbox through the container engine with the variables of
``environment``, serves the Runtime API to it (``runtime_api``, on a loopback port of its own from
``port_listener``; ``runtime_access`` rejects everybody else), waits for the response, and writes
Lambda's log lines and error documents (``reports``) and the sandbox's output to its
``log_stream``. ``model`` holds the data types and
the ports to the rest of the local cloud: images, logs, credentials, destinations.

``event_sources/`` invokes functions with the messages of queues.

One more operation of Lambda's API that runs functions starts in ``app`` and ``service``;
operations that only configure functions belong to moto. ``environment``, ``invocation_record``,
``lineage`` and ``reports`` are pure functions without I/O.
"""
