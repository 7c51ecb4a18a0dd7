"""What a function's HTTP endpoint understands besides a request that starts a run and waits.

``front`` answers the requests that start no run in this process, or refuses them: uploads of large
bodies (``bodies``), asynchronous requests (``asynchronous``), events of stores, which the function
sends to itself (``deliveries``), bodies that are too large. All other
requests are runs, whose whole output ``output_spool`` keeps and ``results`` stores if it is too
large for a response. ``services`` are the requests to AWS that all this needs. Functions without an
endpoint import none of it.

The state bucket has the objects ``requests/<function>/<id>`` (bodies) and
``results/<function>/<run id>`` (outputs); they expire by its lifecycle (``connections``).
"""
