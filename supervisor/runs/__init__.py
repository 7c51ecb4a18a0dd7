"""The record of a run in the state bucket: who executes it, and how it ended.

A run has one folder, ``runs/<function>/<date>/<run id>/``, with one object per fact:
``claim.json``, ``delegated.json`` (the Batch job), ``waiting.json``, ``attempt-<n>.json``,
``event.json``, ``error.json`` and ``done.json``. ``record_format`` derives the run id and the keys,
encodes and decodes the objects, and decides who may take over a claim. ``leases`` computes for how
long a claim is valid. ``waiting`` is the content of ``waiting.json``: the submission of a run that
Batch throttled until the invocation's deadline, or did not answer. ``record_objects`` reads and
writes the objects of one run; every write has a condition (``If-None-Match`` or ``If-Match``), so
of two processes that write at once exactly one succeeds. ``run_record`` claims a run and records
how it continues and ends. ``heartbeat`` renews the claim of a run that has no deadline.
``node_records`` are those that the nodes of a multi-node job exchange; ``node_heartbeats`` renews
them and finds nodes that are lost.

The life of a record: a process claims the run (if it is new, or if the owner of its claim has
failed, or if the lease has expired), executes it, and writes ``done.json`` as the last object.
The state of a run follows from the keys alone. What a crash leaves:

- after ``claim.json``: a claim without ``done.json``; the next delivery of the event, the next
  attempt of the job or ``scar retry`` takes over, at once if the owner is known to have ended,
  else after the lease;
- after throttled or unanswered submissions, with or without ``waiting.json``: a claim of a request
  that ended in an error; Lambda's retry of the request, or the failure handler in its name, submits
  the run, unless a job of that request has claimed it;
- after some uploads: outputs that carry the run's id; the next attempt recognises and keeps them;
- after SubmitJob, before ``delegated.json``: a job that is not recorded; it finds the claim of
  the request that submitted it and takes over;
- after the last upload, before ``done.json``: a second attempt executes the script again, but
  changes no output.

The jobs of clusters are no runs: ``cluster_record`` is the format of their records, and
``cluster_member`` reads and writes one.

``record_format``, ``leases``, ``waiting`` and ``cluster_record`` are pure. To add an object to the
record: its name in ``record_format``, a method in ``run_record``, and the rule for its state in
``scar.runs.states``.
"""
