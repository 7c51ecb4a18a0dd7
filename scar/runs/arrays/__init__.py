"""Array jobs: the files of a folder as one job of AWS Batch with a child for each.

An array is a folder in the state bucket, ``runs/<function>/arrays/<date>/<array id>/``, beside the
function's run records. It has the manifest (``supervisor.batch.array_manifest``), ``array.json``
(what it is of and who submitted it) and, once Batch has accepted it, an empty object whose name has
the job's id and size. A child that starts is a run like any other, and the name of its attempt's
record has the array's job id and its index. So listings alone show which arrays there are, and
which runs are children of which.

1. **Submit.** ``array_plan`` divides events into arrays and computes an upper bound of the cost;
   ``submission`` writes the manifest and calls SubmitJob.
2. **Read.** ``array_store`` lists and reads arrays, ``array_status`` has Batch's counts of their
   children: two DescribeJobs calls for 200 arrays, whatever their size. ``array_recovery`` finds
   jobs whose submission was not recorded, ``array_search`` the array that a text names.
3. **Combine.** ``child_runs`` says which array a run belongs to; ``array_counts`` corrects the
   states of children and counts those that have no record, in what ``array_reader`` has read.
   ``continued_runs`` finds those that another job continues (``batch.retry``).
4. **Show.** ``array_report`` describes an array and its failed children for ``scar why``;
   ``named_children`` has the state of one child, also without a record.
"""
