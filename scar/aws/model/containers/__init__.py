"""AWS Batch's containerProperties as the user may write them.

``container_fields`` is the table of the fields, ``container_properties`` checks and merges them.
``ulimits`` has the names of resource limits.
"""
