"""Selects one image among the members of an archive, in Docker's or in OCI's layout."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.image.errors import ImageError
from scar.image.formats.base_image import (
    ARCHITECTURES,
    BaseImage,
    build_base_image,
    reject_foreign_layer,
)
from scar.image.formats.manifest import (
    INDEX_MEDIA_TYPES,
    JsonObject,
    expect_list,
    expect_object,
    expect_text,
    expect_texts,
    parse_json,
)

if TYPE_CHECKING:
    from scar.image.formats.archive import ArchiveMembers

_NAME_ANNOTATIONS = ("org.opencontainers.image.ref.name", "io.containerd.image.name")


def select_image(members: ArchiveMembers, name: str, architecture: str) -> BaseImage:
    """Return the image with this name for this architecture.

    The name may be empty, or another one, if the archive contains a single image. Raise ImageError
    if no image or several match.
    """
    # Archives of current Docker versions have both layouts; manifest.json has the full names.
    if members.get("manifest.json"):
        return _select_docker_image(members, name, architecture)
    if members.get("index.json"):
        return _select_oci_image(members, name, architecture)
    raise ImageError(
        "The archive contains neither manifest.json nor index.json: it is not a saved image.",
        remedy="Write it with `docker save` (not `docker export`), or as an OCI layout.",
    )


def _select_docker_image(members: ArchiveMembers, name: str, architecture: str) -> BaseImage:
    images = [
        expect_object(item, "manifest.json")
        for item in expect_list(
            parse_json(members.get_document("manifest.json"), "manifest.json"), "manifest.json"
        )
    ]
    named = {
        tag: image for image in images for tag in expect_texts(image.get("RepoTags"), "RepoTags")
    }
    image = _pick_entry(images, named, name)
    config = members.get_document(expect_text(image.get("Config"), "manifest.json"))
    layers = expect_texts(image.get("Layers"), "manifest.json")
    return build_base_image(
        name or next(iter(named), "(unnamed)"),
        config,
        tuple(members.get_layer(layer) for layer in layers),
        architecture,
    )


def _select_oci_image(members: ArchiveMembers, name: str, architecture: str) -> BaseImage:
    index = expect_object(
        parse_json(members.get_document("index.json"), "index.json"), "index.json"
    )
    entries = list_descriptors(index)
    named = {
        expect_text(annotations[key], key): entry
        for entry in entries
        for annotations in [expect_object(entry.get("annotations") or {}, "index.json")]
        for key in _NAME_ANNOTATIONS
        if key in annotations
    }
    # An entry may be a manifest of one platform, or an index of several without a platform itself.
    platforms = [entry for entry in entries if matches_platform(entry, architecture)]
    entry = _pick_entry(platforms if len(platforms) == 1 else entries, named, name)
    manifest = _resolve_manifest(members, entry, architecture)
    config = members.get_document(_blob_path(expect_object(manifest.get("config"), "manifest")))
    name = name or next(iter(named), "(unnamed)")
    descriptors = [
        expect_object(item, "manifest") for item in expect_list(manifest.get("layers"), "manifest")
    ]
    for item in descriptors:
        reject_foreign_layer(name, expect_text(item.get("mediaType"), "manifest"))
    layers = tuple(members.get_layer(_blob_path(item)) for item in descriptors)
    return build_base_image(name, config, layers, architecture)


def _resolve_manifest(
    members: ArchiveMembers, entry: JsonObject, architecture: str, depth: int = 0
) -> JsonObject:
    document = expect_object(
        parse_json(members.get_document(_blob_path(entry)), "manifest"), "manifest"
    )
    media = expect_text(entry.get("mediaType") or document.get("mediaType"), "mediaType")
    if media not in INDEX_MEDIA_TYPES and "manifests" not in document:
        return document
    entries = list_descriptors(document)
    for inner in entries:
        if depth < 4 and matches_platform(inner, architecture):
            return _resolve_manifest(members, inner, architecture, depth + 1)
    platforms = sorted({format_platform(inner) for inner in entries})
    raise ImageError(
        f"The image has no manifest for linux/{architecture}, only for"
        f" {', '.join(platforms) or 'no platform'}.",
        remedy=f"Save it with --platform linux/{architecture}, or choose another image.",
    )


def _pick_entry(images: list[JsonObject], named: dict[str, JsonObject], name: str) -> JsonObject:
    # Tools write the name as the user typed it, or in Docker Hub's long form.
    for candidate in (name, f"{name}:latest", f"docker.io/library/{name}", f"docker.io/{name}"):
        if candidate in named:
            return named[candidate]
    if len(images) == 1:
        return images[0]
    raise ImageError(
        f"The archive contains {len(images)} images ({', '.join(sorted(named)) or 'unnamed'})"
        f"{f', none of them named {name}' if name else ''}.",
        remedy="Set container.image to one of them, or save a single image.",
    )


def list_descriptors(index: JsonObject) -> list[JsonObject]:
    """Return the entries of an index."""
    return [expect_object(item, "index") for item in expect_list(index.get("manifests"), "index")]


def format_platform(entry: JsonObject) -> str:
    """Return the platform of an entry of an index, such as ``linux/arm64``."""
    platform = expect_object(entry.get("platform") or {}, "platform")
    system = expect_text(platform.get("os"), "os")
    return f"{system}/{expect_text(platform.get('architecture'), 'arch')}"


def matches_platform(entry: JsonObject, architecture: str) -> bool:
    """Return whether an entry of an index is for Linux on this architecture."""
    system, _, name = format_platform(entry).partition("/")
    return system == "linux" and ARCHITECTURES.get(name) == architecture


def _blob_path(descriptor: JsonObject) -> str:
    algorithm, _, value = expect_text(descriptor.get("digest"), "digest").partition(":")
    return f"blobs/{algorithm}/{value}"
