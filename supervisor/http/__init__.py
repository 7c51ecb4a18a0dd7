"""HTTP/1.1 over one connection, small because its import is part of every cold start.

``heads`` writes the head of a request and parses that of a response: pure, and strict about all
that decides where a response ends. ``bounded_socket`` reads with a deadline that only real progress
extends. ``bodies`` reads the body of a response: of a length, in chunks, or until the end of the
connection. ``connection`` combines them: it connects, sends one request, in one packet if it is
small, and reads its response. ``dates`` parses dates in headers.

``aws/connection_pool`` keeps connections open, and ``runtime`` uses one for Lambda's Runtime API.
``http.client`` of the standard library does more than is needed, most of it in the package email:
two thirds of the CPU time of a small request, and 30 modules to import.

All functions raise OSError for failures of the connection, and HttpFormatError for what is not
HTTP. Nothing of a response is trusted: the size of its head, of a line of a chunk and of trailers
has a limit, and so has the time.
"""
