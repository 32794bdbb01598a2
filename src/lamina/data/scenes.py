"""Moving pictures with what is marked in them: boxes and masks follow the same draw that their picture follows.

Each picture is seen through one map of its own, an enlarged window of it or a canvas that it covers in part (Liu et al. 2016, SSD,
section 2.2), mirrored or not; four pictures may be laid together first (Bochkovskiy et al. 2020, YOLOv4: mosaic). Places run from -1 to 1
on either side, as `augment.sample` has them: a place p of what is shown is the place `sides` * p + `offset` of the picture.

    B  pictures    N  boxes    H, W  sides in pixels
"""

import math
from dataclasses import dataclass

import torch

from lamina.core import config as knobs
from lamina.core import rng
from lamina.core.batch import Batch
from lamina.core.config import knob
from lamina.core.spec import IGNORED
from lamina.data import augment
from lamina.data.windows import cut

LEAST_SEEN = 0.25  # share of a box that must be seen for it to be kept, beside its middle
MOSAIC_UNTIL = 0.85  # share of the run after which pictures are whole again, as they will be seen (Ge et al. 2021, YOLOX)


class Scenes(knobs.Config):
    """How pictures with boxes or masks are varied."""

    flip: bool = knob(True, "mirror half of the pictures left to right")
    zoom: float = knob(0.6, "least share of a picture's side that is shown, at full size", low=0.1, high=1, search="linear")
    zoom_out: float = knob(1.0, "most times its own side that the canvas is on which a picture is laid", low=1, high=4, search="linear")
    stretch: float = knob(0.15, "share by which one side is stretched against the other", low=0, high=0.9, search="linear")
    colour: float = knob(0.3, "share by which brightness, contrast and saturation are changed", low=0, high=0.95, search="linear")
    mosaic: float = knob(0.0, "share of the pictures that are laid together of four", low=0, high=1, search="linear")


@dataclass(frozen=True)
class Views:
    """What is shown of each picture: `sides` (B, 2), above 1 where the picture is smaller than the canvas, negative across where it is
    mirrored, and `offset` (B, 2)."""

    sides: torch.Tensor
    offset: torch.Tensor

    def of(self, boxes: torch.Tensor, image: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
        """Boxes (N, 4) of the pictures `image` (N,) of `size` (H, W), in pixels, as they come to lie; they may reach out."""
        half = torch.tensor([size[1], size[0]], device=boxes.device) / 2
        sides, offset = self.sides.to(boxes.device)[image, None], self.offset.to(boxes.device)[image, None]  # (N, 1, 2)
        corners = ((boxes.view(-1, 2, 2) / half - 1 - offset) / sides + 1) * half  # (N, 2, 2)
        return torch.cat([corners.amin(1), corners.amax(1)], 1)

    def places(self, length: int, axis: int) -> torch.Tensor:
        """(B, length) float32: the place in pixels, of the picture, of the middle of every pixel of what is shown."""
        middles = (2 * torch.arange(length) + 1) / length - 1
        return ((self.sides[:, axis, None] * middles + self.offset[:, axis, None]) + 1) * length / 2


def moved(batch: Batch, config: Scenes, key: tuple[int, int], progress: float = 0.0, draw: str = "scenes", tile: int = 0) -> None:
    """Change pictures `x` of a batch as the knobs say, and their boxes or masks with them. key: (seed, step); progress: 0 to 1; another
    `draw` of the same key is another one; tile: side of the windows that are cut out first, 0 for whole pictures."""
    random = rng.generator(*key, draw)
    if tile:
        cut(batch, tile, random)
    if config.mosaic and progress < MOSAIC_UNTIL:
        _laid_together(batch, config.mosaic, random)
    if config.zoom < 1 or config.zoom_out > 1 or config.stretch:
        _seen_through(batch, _drawn(len(batch["x"]), config, random))
    elif config.flip:
        _mirrored(batch, torch.rand(len(batch["x"]), generator=random) < 0.5)
    if config.colour:
        batch["x"] = augment.colour(batch["x"], config.colour, random)


def _drawn(count: int, config: Scenes, random: torch.Generator) -> Views:
    """A window or a canvas for each picture, anywhere that the picture allows; sizes even in their logarithm."""
    low, high = math.log(config.zoom), math.log(config.zoom_out)
    size = (low + (high - low) * torch.rand(count, generator=random)).exp()
    ratio = (math.log1p(config.stretch) * (2 * torch.rand(count, generator=random) - 1)).exp().sqrt()
    sides = torch.stack([size * ratio, size / ratio], 1)
    if config.zoom_out == 1:  # nothing beyond the picture is asked for
        sides = sides.clamp(max=1)
    offset = (1 - sides) * (2 * torch.rand(count, 2, generator=random) - 1)
    mirrored = (torch.rand(count, generator=random) < 0.5) & config.flip
    return Views(sides * torch.where(mirrored[:, None], torch.tensor([-1.0, 1.0]), torch.ones(2)), offset)


def _seen_through(batch: Batch, views: Views) -> None:
    x = batch["x"]
    size = (x.shape[2], x.shape[3])
    shown = augment.sample(x, torch.diag_embed(views.sides), views.offset)
    outside = _outside(views, size).to(x.device)
    if outside.any():
        shown = torch.where(outside[:, None], x.float().mean((2, 3), keepdim=True), shown)
    batch["x"] = shown
    if "y" in batch:
        batch["y"] = _mask_through(batch["y"], views)
    if "boxes" in batch:
        _keep(batch, views.of(batch["boxes"], batch["box_image"], size), size)
        batch["scale"] = batch["scale"] * views.sides.prod(1).abs().sqrt().to(x.device)


def _outside(views: Views, size: tuple[int, int]) -> torch.Tensor:
    """(B, H, W) bool: what is shown that is no part of the picture."""
    ys, xs = (views.places(length, axis) for length, axis in ((size[0], 1), (size[1], 0)))
    return ((ys < 0) | (ys >= size[0]))[:, :, None] | ((xs < 0) | (xs >= size[1]))[:, None]


def _mask_through(y: torch.Tensor, views: Views) -> torch.Tensor:
    """Masks (B, H, W): the nearest pixel, IGNORED where there is no picture."""
    height, width = y.shape[1:]
    ys, xs = views.places(height, 1).floor().long(), views.places(width, 0).floor().long()
    places = (ys.clamp(0, height - 1) * width)[:, :, None] + xs.clamp(0, width - 1)[:, None]  # (B, H, W)
    found = y.flatten(1).gather(1, places.flatten(1).to(y.device)).view_as(y)
    return found.masked_fill(_outside(views, (height, width)).to(y.device), IGNORED)


def _keep(batch: Batch, boxes: torch.Tensor, size: tuple[int, int]) -> None:
    """Cut boxes (N, 4) off at the edge, and drop those whose middle is outside or of which too little is seen."""
    edge = torch.tensor([size[1], size[0], size[1], size[0]], device=boxes.device, dtype=boxes.dtype)
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    clipped = torch.minimum(boxes.clamp(min=0), edge)
    seen = (clipped[:, 2:] - clipped[:, :2]).prod(1) / (boxes[:, 2:] - boxes[:, :2]).prod(1)
    keep = ((middle >= 0) & (middle <= edge[:2])).all(1) & (seen >= LEAST_SEEN)
    batch["boxes"] = clipped[keep]
    for name in ("box_image", "box_class", "box_weight"):
        batch[name] = batch[name][keep]


def _mirrored(batch: Batch, which: torch.Tensor) -> None:
    """Mirror the pictures `which` (B,), pixel by pixel."""
    x = batch["x"]
    which = which.to(x.device)
    batch["x"] = torch.where(which[:, None, None, None], x.flip(3), x)
    if "y" in batch:
        batch["y"] = torch.where(which[:, None, None], batch["y"].flip(2), batch["y"])
    if "boxes" in batch:
        boxes = batch["boxes"]
        other = torch.stack([x.shape[3] - boxes[:, 2], boxes[:, 1], x.shape[3] - boxes[:, 0], boxes[:, 3]], 1)
        batch["boxes"] = torch.where(which[batch["box_image"], None], other, boxes)


def _laid_together(batch: Batch, share: float, random: torch.Generator) -> None:
    """Turn a share of the pictures into four at half their size, side by side: itself and three others of the batch."""
    x = batch["x"]
    count, _, height, width = x.shape
    chosen = (torch.rand(count, generator=random) < share).to(x.device)
    others = torch.randint(0, count, (3, count), generator=random)
    sources = torch.cat([torch.arange(count)[None], others]).to(x.device)  # (4, B): upper left, upper right, lower left, lower right
    half = (height + 1) // 2, (width + 1) // 2
    small = augment.resize(x, *half).round().to(x.dtype)
    batch["x"] = torch.where(chosen[:, None, None, None], _tiled(small, sources, height, width), x)
    if "y" in batch:
        ys, xs = (((torch.arange(n, device=x.device) + 0.5) * full / n).long() for n, full in zip(half, (height, width), strict=True))
        batch["y"] = torch.where(chosen[:, None, None], _tiled(batch["y"][:, ys][:, :, xs], sources, height, width), batch["y"])
    if "boxes" in batch:
        _boxes_together(batch, chosen, sources, half)


def _tiled(small: torch.Tensor, sources: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """(B, ..., H, W): the four sources (4, B) of each picture, two above two; of an odd side the last line is cut off."""
    upper, lower = (torch.cat([small[left], small[right]], -1) for left, right in (sources[:2], sources[2:]))
    return torch.cat([upper, lower], -2)[..., :height, :width]


def _boxes_together(batch: Batch, chosen: torch.Tensor, sources: torch.Tensor, half: tuple[int, int]) -> None:
    size = (batch["x"].shape[2], batch["x"].shape[3])
    share = torch.tensor([half[1] / size[1], half[0] / size[0]] * 2, device=chosen.device)
    whole = (~chosen[batch["box_image"]]).nonzero().flatten()
    found = [(batch["box_image"][whole], whole, batch["boxes"][whole])]  # (picture, place before, box) of those that stay
    for quarter, source in enumerate(sources):
        pictures, those = ((source[:, None] == batch["box_image"]) & chosen[:, None]).nonzero(as_tuple=True)  # of (B, N)
        shift = torch.tensor([half[1] * (quarter % 2), half[0] * (quarter // 2)] * 2, device=chosen.device)
        found.append((pictures, those, batch["boxes"][those] * share + shift))
    image, place, boxes = (torch.cat(parts) for parts in zip(*found, strict=True))
    order = image.argsort(stable=True)
    batch["box_image"], place = image[order], place[order]
    batch["box_class"], batch["box_weight"] = batch["box_class"][place], batch["box_weight"][place]
    batch["scale"] = torch.where(chosen, 2 * batch["scale"], batch["scale"])
    _keep(batch, boxes[order], size)
