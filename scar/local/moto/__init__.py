"""AWS's configuration services, served by moto 5.2 inside the server's own process.

    calls         what a request asks for: service, operation, parameters (botocore's models)
    offer         which services and operations are served, and what is refused with a sentence
    fields        which fields of requests are implemented; the rest is refused (pure)
    faults        refusals in each protocol's own error shape
    judgement     what AWS itself would refuse (scar.aws.requests.validator)
    footprint     which resource a call changes, which earlier calls it makes superfluous (pure)
    journal       successful changes on disk, in order; replayed at start
    upstream      moto itself: one call at a time, its random numbers seeded per call
    bridge        where moto is stricter than AWS, or forgets what it was told
    functions     what the Lambda executor reads: function configurations
    batch         what the Batch executor reads: queues, environments, definitions
    groups        what the log store reads: log groups
    plane         all of it behind the HTTP server

moto keeps everything in memory, so every call that changed something is written to the journal
before it is acknowledged, and replayed at the next start with the same random numbers: ids
that moto draws (subnets, security groups, roles) survive a restart.
"""
