"""Runs: their state, their history, and the commands that act on them.

A run is one execution of a function on one file, or one direct invocation. The supervisor
records each run as JSON objects in the state bucket, under ``runs/<function>/<date>/<run id>/``
(``supervisor.runs.record_format``). This package reads these records and merges in what AWS Batch
and CloudWatch Logs report; it writes only what ``scar retry`` and ``scar cancel`` do.

1. **Read.** ``ledger`` lists and reads records. A listing gives the names and times of the
   records, and ``states`` derives each run's state from them, without reading an object: the
   cost of a status does not depend on the size of the records. Only of runs in Lambda that look
   lost the claim is read (``history.claim_leases``). ``lookup`` finds runs by run id, by input
   file and by output file.
2. **Correct.** Records alone cannot show that a Batch job was killed or is being retried.
   ``unfinished_jobs`` lists the jobs of whole queues, for many runs; ``batch_job`` describes the
   job of one run. Both correct the state of the runs. Jobs are always listed *before* records,
   so that a job that ends in between has its last record in the listing.
3. **Summarize.** ``status`` counts runs by state, in constant memory, for ``scar status`` and
   ``scar wait`` alike. ``input_files`` compares runs with the objects in the input folders,
   ``rate`` computes how fast runs end, ``progress`` turns both into "done 28 of 200 files".
   ``run_details`` reads what a list of runs shows beyond their states.
4. **Explain.** ``run_history`` collects everything about one run: records, job, end of the log,
   upstream and downstream runs. ``report`` turns that into sentences with a cause and a remedy;
   ``diagnosis`` is the table of AWS's reasons and exit codes, ``left_out`` describes what a run
   did not upload. One more reason is one more entry in that table. ``history/`` has the order of
   records, the log streams, and what jobs requested.
5. **Act.** ``retry`` sends the recorded event of a run to its function again; ``cancel``
   terminates its Batch job, or makes its waiting event start nothing. ``exits`` lists how each
   state ends.

``arrays`` has the array jobs of Batch: submission, counts of their children, reports.

Beside runs, ``endpoints/`` calls a function through its HTTP endpoint, ``jobs/`` lists, shows and
ends single jobs of Batch, ``invoke`` invokes a function and builds the events for that, and
``logs`` reads the logs of functions and runs from CloudWatch Logs (``log_groups/``), with
``filter_patterns``. ``shell/`` starts commands in the container of a running job.

``states``, ``diagnosis`` and ``report`` are pure functions; no I/O. The others take a client or
an ``AwsConnection`` as an argument. All raise ``ScarError``.
"""
