"""AWS Batch: jobs that wait for capacity, really run, are retried and remembered.

    model        a job, its specification and attempts; plain data
    request      SubmitJob's parameters + a job definition → a job, or AWS's refusal (pure)
    retry        whether a failed attempt is tried again (pure)
    placement    which waiting job starts where (pure)
    store        jobs on disk
    board        the states of all jobs: every change is one transaction
    environment  the variables AWS sets in a job's container (pure)
    attempt      one attempt in a sandbox
    service      the scheduler's thread and the running attempts
    description  jobs as DescribeJobs and ListJobs show them (pure)
    guards       what AWS refuses about queues and environments in use
    plane        the HTTP calls about jobs

A job that was starting or running when the local cloud was killed counts as lost with its
host, as on AWS; its retry strategy decides whether it is tried again.
"""
