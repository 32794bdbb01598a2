"""The idx format of MNIST and its kin: two zeros, type 8 (uint8), rank, one big-endian int32 a dimension, then the bytes."""

import numpy as np
import torch

from lamina.data.arrays import ArraySplit


def rows(files: dict[str, bytes], part: str) -> ArraySplit:
    """Pictures (N, 1, H, W) uint8 and classes (N,) of the two idx files of a part, `train` or `t10k`."""
    pictures = from_idx(files[f"{part}-images-idx3-ubyte"])
    classes = from_idx(files[f"{part}-labels-idx1-ubyte"])
    return ArraySplit(torch.from_numpy(pictures)[:, None], torch.from_numpy(classes.astype(np.int64)))


def from_idx(raw: bytes) -> np.ndarray:
    """The array of an idx file of bytes; it can be written to."""
    rank = raw[3]
    shape = np.frombuffer(raw, ">i4", rank, 4)
    return np.frombuffer(bytearray(raw), np.uint8, offset=4 + 4 * rank).reshape(shape)


def to_idx(array: np.ndarray) -> bytes:
    """The inverse of `from_idx`."""
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes()
    return header + array.astype(np.uint8).tobytes()
