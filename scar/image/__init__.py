"""Compose a function's image without a container engine, and push it.

source                          a base image from wherever it is
archive, layouts, memory        … an image archive
pieces                          files out of what comes piece by piece
docker_store                    … a Docker image store
reference, pull, conversion     … a registry; layers that are not gzip become so
credentials, access             logins as Docker keeps them; passwords and tokens
blobs                           bytes by digest; the cache that base layers are kept in
document                        manifests and configurations, checked while they are read
layer                           deterministic layers from file trees
compose                         base + supervisor layer + function layer, same digest every time
bundle                          where the supervisor layer lies
transport, registry, remote     one repository over HTTP; blobs that are read when needed
push                            what a repository lacks, the manifest last
progress                        how far uploads are; what ends them
inspect                         what an image is, for people
build, demo                     base images from file trees, for the demo and the tests
"""
