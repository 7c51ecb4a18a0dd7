"""Functions that SCAR 4 made: find them, and write an FDL file for each.

SCAR 4 and scar have the same FDL, but their functions have other images, roles and names of
resources, so scar does not change or delete those of SCAR 4. ``functions`` finds them by SCAR's
tag. ``conversion`` converts the configuration that SCAR stored in a function to an FDL file;
``watched_buckets`` finds the buckets that start it, also by its policy; ``package`` unpacks the
script and the payload from its deployment package into an ``output_folder``; ``removal`` lists what
must be removed before ``scar init`` can create the function anew. ``conversion`` is pure,
with ``providers`` for the stores and ``fdl_texts`` for texts that look like variables.

Source: SCAR 4.3 (tag createdby; variables FDL, IMAGE_ID and API_GATEWAY_ID of functions;
``function_config.yaml`` in packages of versions before that variable; Batch resources that have the
function's name).
"""
