"""Which places of a picture speak for an answer (Selvaraju et al. 2017, Grad-CAM: visual explanations from deep networks).

    A^k  map k of the last convolution (h, w)    y^c  the answer's logit    alpha_k  how much map k speaks for it

        alpha_k = mean over places of dy^c / dA^k           # eq. (1)
        L = relu(sum_k alpha_k A^k)                         # eq. (2)

Networks with parts (core/backbone.py) give their last maps; of a user's module the output of the last Conv2d that ran is taken.
"""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from lamina.core.backbone import Backbone
from lamina.core.predictions import Picture

LEAST_SIDE = 224  # pixels of the overlay
GLOW, STRENGTH = (255.0, 96.0, 0.0), 0.65  # the colour that marks places, and how much of it the strongest gets


def saliency(model: nn.Module, x: torch.Tensor, said: int) -> torch.Tensor | None:
    """L (h, w) for the output `said` of one picture (C, H, W) bytes; None where the model has no convolution.

    model: with its scale as `input` and its network as `net` (nn/scaled.py), in evaluation mode.
    """
    found = _maps(model, x[None])
    if found is None:
        return None
    a, y = found
    (slope,) = torch.autograd.grad(y[0, said], a, allow_unused=True)
    if slope is None:
        return torch.zeros(a.shape[2:], device=a.device)
    alpha = slope.mean((2, 3), keepdim=True)  # eq. (1)  (1, K, 1, 1)
    return (alpha * a).sum(1).relu()[0].detach()  # eq. (2)


def _maps(model: Any, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor] | None:
    """The last maps (1, K, h, w) as a leaf, and the logits that follow from them (1, C)."""
    with torch.enable_grad():
        if isinstance(model.net, Backbone):
            a = model.net.maps(model.input(x)).detach().requires_grad_()
            return a, model.net.head(model.net.pool(a))
        last = _last_convolution(model, x)
        if last is None:
            return None
        leaves: list[torch.Tensor] = []

        def cut(module: nn.Module, inputs: Any, output: torch.Tensor) -> torch.Tensor:
            leaves[:] = [output.detach().requires_grad_()]
            return leaves[0].clone()  # what follows may work in place

        hook = last.register_forward_hook(cut)
        try:
            y = model(x)
        finally:
            hook.remove()
        return leaves[0], y


def _last_convolution(model: nn.Module, x: torch.Tensor) -> nn.Module | None:
    ran: list[nn.Module] = []
    hooks = [m.register_forward_hook(lambda m, i, o: ran.append(m)) for m in model.modules() if isinstance(m, nn.Conv2d)]
    try:
        with torch.no_grad():
            model(x)
    finally:
        for hook in hooks:
            hook.remove()
    return ran[-1] if ran else None


def overlay(x: torch.Tensor, found: torch.Tensor) -> Picture:
    """The picture (C, H, W) with its telling places glowing, large enough to see."""
    times = max(1, -(-LEAST_SIDE // max(x.shape[1:])))
    pixels = x.expand(3, -1, -1).repeat_interleave(times, 1).repeat_interleave(times, 2).float()
    share = F.interpolate((found / found.amax())[None, None], pixels.shape[1:], mode="bilinear")[0]  # (1, H, W)
    mixed = pixels + STRENGTH * share * (torch.tensor(GLOW)[:, None, None] - pixels)
    return Picture(np.ascontiguousarray(mixed.round().clamp(0, 255).byte().movedim(0, -1).numpy()))
