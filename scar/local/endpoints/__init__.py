"""Functions over HTTP: requests to HTTP APIs (``/_api/<id>/``) and function URLs (``/_url/<id>/``).

``app`` serves a request in AWS's order. It finds the endpoint in moto's records, answers CORS
preflight requests (``cors``), authenticates the caller and checks the function's resource policy
(``authorization``), applies the rate of the stage (``throttling``), builds the event of payload
format 2.0 (``events``), runs the function within the time of the integration (``invocations``),
and makes its result a response (``results``). ``errors`` has the responses of both services to
requests that do not reach the function, or whose function fails; ``browsers`` refuses what web
pages of other sites send to open endpoints, which on a loopback address are not public.
``delays`` is the interface to the conditions of ``--chaos``.

``browsers``, ``cors``, ``errors``, ``events`` and ``results`` are pure functions without I/O.
"""
