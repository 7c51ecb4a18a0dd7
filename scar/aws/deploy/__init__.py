"""The pipeline of ``scar init`` and ``scar rm``: read, plan, lock, read again, apply, undo.

``deploy`` has the entry points of the command line, and deploys in these stages:

1. Check the FDL's functions (names, loops, overlapping inputs) without any request.
2. In parallel: read what exists (``planner``), inspect the account, build the images. Then
   compile the desired resources, and check them and the account (``desired``). If the same state
   was applied completely before (``applied`` has its digest), only a part of it is read
   (``quick_look``).
3. Plan (``planner``): compare desired with observed resources; add the deletion of resources that
   an earlier version had, and of shared ones (job queues, compute environments, launch templates,
   images) that no function uses any more. ``queues_with_events`` keeps queues until they are empty.
4. Record that the functions change (``applied_record``, written by ``recorded_changes`` and
   ``deployment_digests``), and, unless only their own resources are updated (``exclusion``),
   acquire the lock (``lock``; ``lock_record`` is its content). Its state was read before
   everything else; if another process held it since, stages 2 and 3 are repeated, because whatever
   was checked before a wait may be false after it.
5. Apply the plan (``apply``): steps in dependency order, independent ones in parallel. If one
   fails, or on Ctrl-C, all started steps are undone in reverse order.
6. Delete unused images: this cannot be undone and therefore comes last.

``remove`` is the same with an empty desired state: what submits jobs is deleted first, then the
jobs are listed again, then the rest is deleted. It is not undone; the command can be repeated.
``removal_parts`` has what it says about jobs, and what it leaves to Lambda.

A stage reads everything it needs, and may be repeated. A new kind of resource needs no change here
unless it is shared, deleted when unused, or submits jobs: see the tuples at the top of ``planner``
and ``remove``.
"""
