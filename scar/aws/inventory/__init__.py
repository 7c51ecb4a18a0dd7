"""Find out what is deployed, without an FDL file.

``deployed_resources`` takes a snapshot of all resources of some functions: those with known names
are read by name, the rest is found by IAM path, tag and notification rule Id, many in parallel and
each once; ``listings`` has what is listed once for all functions. ``tagged_resources`` are those
that a function's tags or its policy name. ``endpoints`` reads the addresses of HTTP endpoints.
``batch_infrastructure`` lists the job queues, compute environments and launch templates that
functions share, and the job definitions that use them; ``unusable_queues`` says why Batch cannot
start the jobs of a queue; ``unused`` finds those without a user, and empty buckets, which a
deployment or removal then deletes. ``functions`` lists functions for ``scar ls`` and
``scar rm --all``, and ``function_resources`` the resources of one for ``scar show``.
``job_options`` reads what a function's jobs may be, for ``scar run``, and ``queue_front`` which
jobs are at the front of a job queue. ``connected_functions`` follows outputs through notifications
to the deployed functions that they start, to find loops. ``event_queues`` counts events that wait
in queues. ``endpoint_address`` finds the address of a function's HTTP endpoint.
``stored_secrets`` lists the parameters with secrets of other stores. ``scar4/`` finds the functions
that SCAR 4 made, and converts them to FDL files.

All of it only reads. Resources of the same name that scar did not create are never part of a
snapshot: a desired one raises an error, any other is ignored. A further kind of resource that
belongs to one function is one of ``candidates``.
"""
