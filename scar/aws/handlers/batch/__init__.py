"""Handle what AWS Batch runs jobs with: environments, queues, their policies, job definitions.

``compute_environments`` and ``job_queues`` poll the status of what they change until it is valid.
``statuses`` and ``descriptions`` read status and settings from Batch's responses; ``repair`` makes
invalid ones valid, and repeats calls that Batch refuses because something was made moments ago.
``scheduling_policies`` has the weights of shares, ``job_definitions`` registers revisions."""
