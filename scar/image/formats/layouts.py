"""Find one image among the files of an archive, in either form that archives have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.image.errors import ImageError
from scar.image.formats.base_image import ARCHITECTURES, BaseImage, base_image, refuse_foreign
from scar.image.formats.manifest import INDEXES, Object, a_list, a_text, an_object, parse, texts

if TYPE_CHECKING:
    from scar.image.formats.archive import Members

_NAMES = ("org.opencontainers.image.ref.name", "io.containerd.image.name")


def choose(members: Members, name: str, architecture: str) -> BaseImage:
    """Return the image called ``name``, or the only one, for this architecture.

    ``name`` may be empty. Raise ImageError if there is none or several.
    """
    if members.get("manifest.json"):
        return _docker(members, name, architecture)
    if members.get("index.json"):
        return _oci(members, name, architecture)
    raise ImageError(
        "The archive holds neither manifest.json nor index.json: it is not a saved image.",
        remedy="Write it with `docker save` (not `docker export`), or as an OCI layout.",
    )


def _docker(members: Members, name: str, architecture: str) -> BaseImage:
    images = [
        an_object(item, "manifest.json")
        for item in a_list(
            parse(members.document("manifest.json"), "manifest.json"), "manifest.json"
        )
    ]
    named = {tag: image for image in images for tag in texts(image.get("RepoTags"), "RepoTags")}
    image = _pick(images, named, name)
    config = members.document(a_text(image.get("Config"), "manifest.json"))
    layers = texts(image.get("Layers"), "manifest.json")
    return base_image(
        name or next(iter(named), "(unnamed)"),
        config,
        tuple(members.layer(layer) for layer in layers),
        architecture,
    )


def _oci(members: Members, name: str, architecture: str) -> BaseImage:
    index = an_object(parse(members.document("index.json"), "index.json"), "index.json")
    entries = descriptors(index)
    named = {
        a_text(annotations[key], key): entry
        for entry in entries
        for annotations in [an_object(entry.get("annotations") or {}, "index.json")]
        for key in _NAMES
        if key in annotations
    }
    platforms = [entry for entry in entries if runs_on(entry, architecture)]
    entry = _pick(platforms if len(platforms) == 1 else entries, named, name)
    manifest = _manifest(members, entry, architecture)
    config = members.document(_path(an_object(manifest.get("config"), "manifest")))
    name = name or next(iter(named), "(unnamed)")
    listed = [an_object(item, "manifest") for item in a_list(manifest.get("layers"), "manifest")]
    for item in listed:
        refuse_foreign(name, a_text(item.get("mediaType"), "manifest"))
    layers = tuple(members.layer(_path(item)) for item in listed)
    return base_image(name, config, layers, architecture)


def _manifest(members: Members, entry: Object, architecture: str, depth: int = 0) -> Object:
    document = an_object(parse(members.document(_path(entry)), "manifest"), "manifest")
    media = a_text(entry.get("mediaType") or document.get("mediaType"), "mediaType")
    if media not in INDEXES and "manifests" not in document:
        return document
    entries = descriptors(document)
    for inner in entries:
        if depth < 4 and runs_on(inner, architecture):
            return _manifest(members, inner, architecture, depth + 1)
    offered = sorted({platform_of(inner) for inner in entries})
    raise ImageError(
        f"The image has nothing for linux/{architecture}, only {', '.join(offered) or 'nothing'}.",
        remedy=f"Save it with --platform linux/{architecture}, or choose another image.",
    )


def _pick(images: list[Object], named: dict[str, Object], name: str) -> Object:
    for candidate in (name, f"{name}:latest", f"docker.io/library/{name}", f"docker.io/{name}"):
        if candidate in named:
            return named[candidate]
    if len(images) == 1:
        return images[0]
    raise ImageError(
        f"The archive holds {len(images)} images ({', '.join(sorted(named)) or 'without names'})"
        f"{f', none called {name}' if name else ''}.",
        remedy="Name one of them in container.image, or save one image alone.",
    )


def descriptors(index: Object) -> list[Object]:
    """Return what an index lists."""
    return [an_object(item, "index") for item in a_list(index.get("manifests"), "index")]


def platform_of(entry: Object) -> str:
    """Say for what an entry of an index is, such as ``linux/arm64``."""
    platform = an_object(entry.get("platform") or {}, "platform")
    return f"{a_text(platform.get('os'), 'os')}/{a_text(platform.get('architecture'), 'arch')}"


def runs_on(entry: Object, architecture: str) -> bool:
    """Tell whether an entry of an index is for Linux on this architecture."""
    system, _, found = platform_of(entry).partition("/")
    return system == "linux" and ARCHITECTURES.get(found) == architecture


def _path(descriptor: Object) -> str:
    algorithm, _, value = a_text(descriptor.get("digest"), "digest").partition(":")
    return f"blobs/{algorithm}/{value}"
