"""Which waiting jobs start next, and where: queues, shares and capacity.

``placement`` decides which jobs start in which compute environment, in the order of ``fair_share``.
``queue_snapshot`` answers GetJobQueueSnapshot with the front of a queue. ``queue_guard`` has AWS's
rules for the environments, policies and shares of queues, which moto does not check. ``placement``
and ``fair_share`` are pure functions without I/O.
"""
