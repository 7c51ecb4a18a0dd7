"""Read, create, update and delete the AWS resources of functions, one handler per kind.

``aws_resources`` is what the pipeline calls: it passes each resource to the handler of its kind,
reads many in parallel, and translates the SDK's errors into scar's. ``base`` is the interface of
the handlers, and says what they promise: every call may be repeated, and a resource that was
created reads back as equal to the desired one.

The handlers, by service:

- Lambda: ``functions`` (with event invoke configs; ``function_state`` decides whether a function is
  ready for the next change, ``recursion`` reads and sets its recursion configuration),
  ``invoke_permissions``, ``event_sources`` (event source mappings of queues)
- API Gateway, and function URLs of Lambda: ``endpoints/``
- SQS: ``event_queues`` (where the events of functions are gathered)
- Batch: ``batch/`` (compute environments, job queues, job definitions), ``launch_templates``
- S3: ``s3`` (users' buckets), ``state_bucket``, ``notifications`` (``notification_rules`` of a
  bucket, ``notification_targets``: whose target S3 rejects), ``batch_target`` (the record that the
  failure handler reads)
- ``ecr`` (repositories, images), ``iam`` (roles, instance profiles), ``logs`` (log groups),
  ``parameters`` (secrets of stores)

``image_store`` is the interface to the builder of images, which pushes them.

A new kind of resource costs its class in the model, its requests as data, a handler here, and a
line in ``aws_resources``. Handlers send the requests that the requests package builds, and contain
what each service needs: waits for eventual consistency, the order of deletions, retries.
"""
