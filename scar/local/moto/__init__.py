"""AWS's configuration services, served by moto 5.2 inside the server's own process.

A request arrives at ``service``. ``calls`` parses it with botocore's models into service,
operation and parameters. Three checks follow: ``supported_operations`` refuses services and
operations that the local cloud does not serve, ``fields`` refuses parameters that it would accept
and ignore, and ``validation`` applies AWS's own rules. Handlers of other services come next (ECR's
images, for example). What remains is executed by ``moto_app``, one call at a time; ``compat``
adapts requests and responses where moto differs from AWS, ``recursion_config`` executes two
operations that moto lacks, ``aws_policies`` has AWS's managed policies, ``file_system_configs``
stores what functions mount, and ``vpc_endpoints`` are those of the default VPC. ``error_responses``
renders errors in each protocol. ``endpoints/`` has HTTP APIs and function URLs, without moto.
``loading/`` keeps what moto and its models take of memory small.

moto keeps everything in memory. So every change that moto has accepted is written to the
``journal`` (SQLite) before the client receives the response, together with the seed of its random
numbers, and all changes are replayed at the next start with the same seeds: IDs that moto draws
(subnets, security groups, roles) survive a restart. ``journal_keys`` names the resource that a
change belongs to and the earlier journal rows that it makes redundant, so that the journal grows
with the number of resources, not with the number of changes.

Other parts of the local cloud read moto's state through ``function_records`` (Lambda),
``batch_registry`` (Batch), ``log_groups`` (CloudWatch Logs), ``queue_records`` (SQS) and
``role_policies``.

One more operation needs an entry in ``supported_operations``, a resource parameter and, if it
updates or deletes, an entry in ``journal_keys``, its fields in ``fields`` if it concerns functions
or jobs, and a contract test against moto. ``fields``, ``journal_keys``, ``supported_operations``
and ``validation`` are pure functions without I/O.
"""
