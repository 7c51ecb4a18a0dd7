"""The local cloud: AWS's APIs on a loopback port, with functions and jobs that really run.

Start. ``scar local start``, and each command with ``--local``, calls ``control``. It takes the
state folder (``home``), reads the record of a running server from it, and if there is none
starts the background process of ``server``. That process locks the folder, constructs the
services of ``cloud``, writes its own record (process id, port, engine), and serves until
SIGTERM. ``state/`` opens the services' databases, and refuses damaged ones by name.
``processes`` distinguishes a process from a later one with the same id. ``memory`` gives back
what imports have left. ``connect`` makes the command's connection; ``control_app`` answers its
own requests.

Request. One HTTP server (``http/``) accepts it and parses its head. A router selects the
service: by the path for the command line's own requests, the functions' endpoints and the
registry, otherwise by the service in the signature's credential scope. Except for these, each
request must be signed (Signature Version 4) with a key derived from the folder's secret; then the
service gets it:

- ``s3/``: buckets and objects on disk; an event for a notification is stored in the same
  transaction as its object and delivered afterwards.
- ``lambda_/``: Invoke, the asynchronous queue, sandboxes and the Runtime API.
- ``batch/``: jobs with their states, capacity, attempts and timeouts.
- ``sqs/``: messages of queues (``queues`` connects them to S3 and Lambda)
- ``logs/``: log streams and events of CloudWatch Logs.
- ``registry/``: the container registry that emulates ECR's.
- ``endpoints/``: requests to functions over HTTP
- ``file_systems/``: the folders of EFS and S3 Files, and their mount targets.
- ``moto/``: all other calls (IAM, STS, ECR, EC2, the configuration of Lambda, Batch and Logs),
  served by moto. Calls that change something are written to a journal and replayed at start.

Before a deployment, ``emulation`` finds in its functions what ``moto/`` would refuse.

Run. An object is uploaded: S3 delivers its event to Lambda's asynchronous queue; Lambda reads
the function's configuration from moto, resolves its image in the registry, and starts a
sandbox with a container engine (``engines/``: Docker, rootless sandboxes, or plain processes).
``gpus`` finds the GPUs that jobs may use.
The supervisor in the sandbox gets the event from the Runtime API, and reads and writes S3
through the same HTTP server, with credentials from ``access_keys``, whose roles ``caller_roles``
knows; its output goes to the logs. ``destinations`` sends the invocation record of an event that
failed finally to the function's on-failure destination. A job runs in the same way: from SubmitJob
through the queues and compute environments that moto has stored to a sandbox.

Shell. ``scar shell`` starts a command beside a run's script (``shell/``), without the server.

Conditions. Between the router and each service, and around the engine, the log store and the
delivery of events, ``conditions/`` makes the local cloud as unforgiving as AWS: request rates
always, and with ``scar local start --chaos`` everything else, repeatable by a seed.

A new service is a package with an HTTP application, one entry in the router's routes, and one
line in ``cloud``. A new engine is one more adapter of the port in ``engines/``. The services
know each other only through ports, which ``cloud`` connects.
"""
