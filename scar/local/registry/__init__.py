"""The container registry that stands for ECR's: the OCI distribution API over a folder.

store     blobs, manifests and tags as files; every file appears whole and verified
uploads   blobs on their way in
plane     the HTTP API that docker, skopeo and ``scar.image.registry.repository`` use
ecr       what ECR's own API says of the images
images    what the container engines read: an image by its URI
"""
