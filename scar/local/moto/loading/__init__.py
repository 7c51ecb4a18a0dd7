"""What moto loads at once and keeps for ever, loaded when it is asked for.

``resource_files`` replaces moto's lists of instance types and images, ``region_lists`` its lists of
Regions, ``service_models`` its models of services: half of the memory of an idle local cloud.
``start`` imports moto itself.
"""
