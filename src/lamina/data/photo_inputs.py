"""The photos of a folder or an archive alone, without any answer: what `predict` answers."""

from collections.abc import Sequence

import torch

from lamina.core.data import Account
from lamina.core.say import say
from lamina.core.spec import Image, Spec
from lamina.data.decode import in_memory
from lamina.data.files import Entry, Files


def inputs(files: Files, pictures: Sequence[Entry], allow_refused: float, name: str, spec: Spec) -> tuple[list[str], torch.Tensor]:
    """The names of the pictures that can be read, and these (N, C, H, W) in the terms of the spec; refusals are said. name: of all."""
    assert isinstance(spec.input, Image), "photos are pictures"
    x, places, refused = in_memory(files, pictures, spec.input)
    account = Account(len(places), (*files.listing.refused, *refused)).check(allow_refused, name)
    for line in account.lines():
        say(line)
    return [pictures[place].name for place in places], x
