"""Single jobs of AWS Batch, also those that are no runs: lists, details, search and end.

``model`` is a job as AWS Batch describes it, ``listing`` lists the newest jobs of scar's queues,
``search`` finds a job by its id, the start of it, or its name, and ``ending`` terminates jobs.
``model`` has pure functions; the others take a client of Batch. All raise ``ScarError``.
"""
