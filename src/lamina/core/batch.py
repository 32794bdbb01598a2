"""A mini-batch: a dict of tensors under a fixed vocabulary of keys."""

import torch

KEYS = frozenset({
    "x", "y", "mask", "weight", "support", "query",  # inputs, targets, and what counts of them
    "boxes", "box_image", "box_class", "box_weight", "scale",  # detection
    "action", "log_prob", "advantage", "returns", "value", "reward", "after", "ended", "power", "place",  # play
    "noise", "lam", "partner", "other",  # generation, mixing; pictures without answers
})  # fmt: skip


class Batch(dict[str, torch.Tensor]):
    """A dict of tensors; unknown keys are a mistake of ours and refused.

    >>> Batch(x=torch.zeros(2, 3)).size
    2
    """

    def __init__(self, **tensors: torch.Tensor) -> None:
        assert KEYS.issuperset(tensors), f"unknown batch keys {set(tensors) - KEYS}"
        super().__init__(**tensors)

    @property
    def size(self) -> int:
        """How many samples the batch holds."""
        return len(next(iter(self.values())))

    def to(self, device: torch.device) -> "Batch":
        """The same batch on `device` (itself when it is there already)."""
        if all(t.device == device for t in self.values()):
            return self
        return Batch(**{k: t.to(device, non_blocking=True) for k, t in self.items()})
