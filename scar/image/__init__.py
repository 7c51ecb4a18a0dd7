"""Compose a function's image without a container engine, and push it.

source, archive, docker_store   a base image from an image archive or a Docker image store
blobs                           bytes by digest; the cache that base layers are kept in
document                        manifests and configurations, checked while they are read
layer                           deterministic layers from file trees
compose                         base + supervisor layer + function layer, same digest every time
bundle                          where the supervisor layer lies
registry                        push over the registry's HTTP API
build, demo                     base images from file trees, for the demo and the tests
"""
