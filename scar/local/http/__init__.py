"""One HTTP server for all planes: what a request is, what answers it, and who may ask."""
