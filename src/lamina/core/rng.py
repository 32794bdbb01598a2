"""Random numbers keyed by what they are for, so that nothing has to be saved and nothing can drift.

Every draw comes from a generator whose seed is a hash of (seed, step, stream, rank). A resumed run
asks for the same key and draws the same numbers.
"""

from functools import lru_cache
from zlib import crc32

import torch

_MASK = (1 << 64) - 1


def _mix(z: int) -> int:
    """SplitMix64's finalizer (Steele, Lea & Flood 2014), a bijection of 64-bit words."""
    z = (z + 0x9E3779B97F4A7C15) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)


@lru_cache(maxsize=256)
def _stream(name: str) -> int:
    return crc32(name.encode())


def key(seed: int, step: int, stream: str, rank: int = 0) -> int:
    """A 63-bit seed for one purpose at one step.

    >>> key(0, 1, "order") == key(0, 1, "order"), key(0, 1, "order") == key(0, 2, "order")
    (True, False)
    """
    mixed = _mix(seed & _MASK)
    for word in (step, _stream(stream), rank):
        mixed = _mix(mixed ^ (word & _MASK))
    return mixed >> 1


def generator(seed: int, step: int, stream: str, rank: int = 0) -> torch.Generator:
    """A CPU generator for one purpose at one step."""
    return torch.Generator().manual_seed(key(seed, step, stream, rank))


def reseed(seed: int, step: int, stream: str, rank: int = 0) -> None:
    """Key torch's default generators, which dropout and initializers draw from."""
    value = key(seed, step, stream, rank)
    torch.default_generator.manual_seed(value)  # torch.manual_seed costs a hundred times more
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed(value)
