"""Call a function through its HTTP endpoint.

``http`` sends single requests, signed if the endpoint demands it, with time-outs and a bounded
number of retries where nothing has run. ``calls`` is one call of any size: it uploads a body that
is too large for Lambda, and follows the response to a stored result, in constant memory.
``repetition`` and ``stored_bodies`` are for `scar retry`, which sends a recorded request again
with a body of its own.
"""
