"""The local cloud's HTTP server: threads and sockets, authentication, dispatch to services.

``server`` accepts connections and serves each in a thread of its own. In that thread,
``connection`` reads a request's head (parsed by ``heads``), wraps the body that follows
(``bodies``; ``deadlines`` bounds the time of each part), and calls the application, an
``HttpApp`` of ``messages``. It sends the response: bytes, a stream, or segments of files
(``files``), which the kernel copies to the socket. A body is a stream in both directions; only
its reader decides how much of it is in memory.

Until a request of a connection is authenticated, its client may be anybody on this machine: it
has little time and memory, and is disconnected first when there are too many connections.

The application of the local cloud is the router of ``router``. It selects the service of a request
and, except for the routes with credentials of their own, has it authenticated by ``auth``:
``secret_keys`` derives the keys, ``sigv4`` parses the authorization and computes the expected
signature, ``aws_chunked`` decodes and verifies S3's signed chunks while they are read,
``spooled_bodies`` receives all other bodies in bounded memory, and ``authentication_errors`` builds
the response to a rejected request in the format of its service, which ``protocol_errors`` knows.
``regions`` knows which Regions exist. If a service fails, for example because the disk is full,
``failures`` builds the response. Before all services have started, ``startup_gate`` does.

Lambda's Runtime API runs the same server, one for each sandbox, without a router. A new service
is one ``Route`` with its application; it needs no code in the server. ``heads``, ``dates``,
``sigv4``, ``protocol_errors`` and ``authentication_errors`` do no I/O.
"""
