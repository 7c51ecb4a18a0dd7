"""The program that runs the user's script inside AWS Lambda and AWS Batch.

It is the entrypoint of every function image, in Lambda and in Batch. Standard library only: the
package is part of every function image, and its import time is part of every cold start. It
imports nothing of the scar package, which imports this package for the format of
``function.json`` (``config``) and of the run records.

The flow of one event. ``__main__`` reads ``function.json`` (``config``) and chooses by the
environment: the Lambda runtime loop, one Batch job, or one event from standard input
(``runtime/``). Each of them builds an ``Invocation`` (``invocation``) and calls
``Supervisor.handle`` in ``execution/``, which

1. parses the event into triggers, one per run (``events/``);
2. claims each run with a conditional write of its record in the state bucket (``runs/``);
3. in batch mode submits the run as a Batch job (``batch/``) and ends here;
4. downloads the input, runs the script in a fresh folder, and uploads the outputs, each by one
   conditional write (``execution/``, ``storage/``);
5. in mode ``lambda-batch``, if Lambda's time, memory or disk was not enough, submits the run as a
   Batch job instead;
6. writes ``done.json`` or ``error.json``.

A request of the function's HTTP endpoint is an event like others; ``endpoint/`` answers those that
start no run (uploads of large bodies, asynchronous requests) and returns outputs of any size.

What comes out is an ``InvocationResult``: the response of a Lambda invocation (``events/``) or
the exit status of a job (``runtime/``). If Lambda ends the sandbox itself, none of this code can
react; the failure handler function does, which runs this program too (``batch/``).

A crash may happen between any two calls. So each step may be repeated: a claim has a lease after
which another attempt takes over, and an output that exists for this run is not written again.

Shared by all: ``model`` (configuration and objects), ``job_model`` (Batch jobs), ``connections`` (a
function's HTTP endpoint, and its other stores), ``invocation`` (triggers, owners), ``trace_ids``
(of AWS X-Ray), ``results`` (how runs ended), ``errors``, ``script_status`` (what exit statuses
mean), ``ports`` (the interfaces of object store, job submitter and script runner), ``logs`` (JSON
lines), ``descriptors`` (files and folders that a script cannot replace), ``folders`` (removing
folder trees), ``signals`` (resending of signals), ``sentences`` (joining messages). ``aws/`` is
AWS's client that ``storage/`` and ``batch/`` use, over the connections of ``http/``. ``bundle/``
builds the self-contained Python and is not part of the image.

Pure, no I/O: ``model``, ``job_model``, ``invocation``, ``trace_ids``, ``results``, ``config``,
``events/``, and single modules of the other packages, named in their docstrings.

To add a storage provider: one module in ``storage/`` that implements ``ports.ObjectStore``. To
add an event source: one function in ``events/``. To add a place to run jobs: one module in
``batch/`` that implements ``ports.JobSubmitter``. The conformance tests run against every
implementation.
"""
