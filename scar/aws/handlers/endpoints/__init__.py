"""HTTP endpoints of functions: HTTP APIs (``http_apis``) and function URLs (``function_urls``).

An API has an id that AWS generates, and its name is not unique: ``api_listing`` finds the APIs of
functions by their tag. ``policy_statements`` reads and sets what an endpoint needs in the
function's resource-based policy, and ``cors`` reads CORS. An API, its integration, route, stage and
permission are one resource: each of them is useless alone, and a change by hand of one of them is a
difference of the whole, which an update corrects.
"""
