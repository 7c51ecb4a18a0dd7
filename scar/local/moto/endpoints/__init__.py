"""The configuration of HTTP endpoints: HTTP APIs of API Gateway, and function URLs of Lambda.

moto's own versions accept what AWS refuses and lose part of what they accept, so they are not
used. ``configuration`` executes the calls: those of ``http_apis`` on the documents in
``api_store``, those of ``function_urls`` on moto's functions, whose URL is deleted with them.
Both check parameters with ``rules`` first; ``allowed_fields`` names what is implemented at all.
Both render responses with ``responses``. ``permissions`` completes the statements of resource
policies that moto stores without their conditions for function URLs, and ``records`` has what
requests to endpoints need, as types.

The changes are in the same journal as moto's, and IDs are drawn from moto's random numbers: an
endpoint has the same address after a restart. ``allowed_fields`` and ``rules`` do no I/O.
"""
