"""Windows of large pictures to learn from, with what is marked in them: other ones in every step, half of them on an object.

    B  pictures    N  boxes    H, W  a picture's sides, h, w  a window's, in pixels
"""

import torch

from lamina.core.batch import Batch

ON_OBJECTS = 0.5  # share of the windows that are laid over an object, where there are any
LEAST_SEEN = 0.5  # share of an object that must be inside to be learned; of one that is seen less nothing is asked


def cut(batch: Batch, side: int, random: torch.Generator) -> None:
    """Put one window of `side` x `side` in the place of each picture `x` (B, C, H, W), with its masks or boxes."""
    x = batch["x"]
    height, width = x.shape[2:]
    size = min(side, height), min(side, width)
    corners = (torch.rand(len(x), 2, generator=random) * torch.tensor([height - size[0] + 1, width - size[1] + 1])).long()
    if "boxes" in batch:
        _over_objects(batch, corners, size, random)
    places = corners.tolist()
    batch["x"] = torch.stack([one[:, top : top + size[0], left : left + size[1]] for one, (top, left) in zip(x, places, strict=True)])
    if "y" in batch:
        batch["y"] = torch.stack([one[top : top + size[0], left : left + size[1]] for one, (top, left) in
                                  zip(batch["y"], places, strict=True)])  # fmt: skip
    if "boxes" in batch:
        _boxes_within(batch, corners.flip(1), size)


def _over_objects(batch: Batch, corners: torch.Tensor, size: tuple[int, int], random: torch.Generator) -> None:
    """Move some of the corners (B, 2), in place, so that the window holds the middle of an object of its picture."""
    middles = ((batch["boxes"][:, :2] + batch["boxes"][:, 2:]) / 2).flip(1).cpu()  # (N, 2): down, across
    most = torch.tensor(batch["x"].shape[2:]) - torch.tensor(size)
    for n in range(len(corners)):
        mine = (batch["box_image"].cpu() == n).nonzero().flatten()
        chance, which, offset = torch.rand(3, generator=random), torch.rand((), generator=random), torch.rand(2, generator=random)
        if len(mine) and chance[0] < ON_OBJECTS:
            middle = middles[mine[int(which * len(mine))]]
            corners[n] = (middle - offset * torch.tensor(size)).long().clamp(min=0).minimum(most)


def _boxes_within(batch: Batch, offset: torch.Tensor, size: tuple[int, int]) -> None:
    """Boxes in the pixels of their windows, cut off at the edges; those of which too little is seen weigh nothing."""
    shifted = batch["boxes"] - offset.repeat(1, 2).to(batch["boxes"])[batch["box_image"]]
    inside = torch.minimum(shifted.clamp(min=0), torch.tensor([size[1], size[0]] * 2).to(shifted))
    sides = (inside[:, 2:] - inside[:, :2]).clamp(min=0)
    seen = sides.prod(1) / (shifted[:, 2:] - shifted[:, :2]).prod(1)
    kept = (sides >= 1).all(1)
    batch["boxes"] = inside[kept]
    batch["box_weight"] = batch["box_weight"][kept] * (seen[kept] >= LEAST_SEEN)
    for name in ("box_image", "box_class"):
        batch[name] = batch[name][kept]
