"""Linear layers with tanh between them, and their gradient written down (Rumelhart, Hinton & Williams 1986).

What policies of small environments are made of. Their arithmetic is so little that autograd's bookkeeping would cost more than it does:
results/acting.md has the times.

    h_k  what layer k sees    (B, D_k), h_0 = x
    z    the last layer's answer    (B, K)
    g    gradient of the loss by z, then by what comes before each tanh    (B, ...)
"""

from collections.abc import Callable, Sequence

import torch
from torch import nn

from lamina.nn.spread import Spread


class TanhLayers:
    """Layers of a module, which keeps its parameters: whatever moves them in place is seen here."""

    def __init__(self, linear: Sequence[nn.Linear], spread: Spread | None) -> None:
        self._layers = [(layer.weight, layer.weight.t(), layer.bias) for layer in linear]
        self._spread = spread
        self._h: list[torch.Tensor] = []

    @staticmethod
    def of(module: nn.Module) -> "TanhLayers | None":
        """The module's layers, or None where it is made of anything else, or where some of it does not learn."""
        layers = list(module) if type(module) is nn.Sequential else []
        last = layers.pop() if layers and isinstance(layers[-1], Spread) else None
        linear = [layer for layer in layers[::2] if type(layer) is nn.Linear and layer.bias is not None]
        made_of_these = len(layers) % 2 == 1 and len(linear) == len(layers[::2]) and all(type(layer) is nn.Tanh for layer in layers[1::2])
        if not made_of_these or not all(p.requires_grad for p in module.parameters()):
            return None
        return TanhLayers(linear, last if isinstance(last, Spread) else None)

    @staticmethod
    def answering(module: nn.Module) -> Callable[[torch.Tensor], torch.Tensor]:
        """The module, or its layers, which say the same in less time."""
        found = TanhLayers.of(module)
        return module if found is None else found.forward

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, D) -> (B, K), (B, 2 K) with deviations; what `backward` needs is remembered."""
        self._h = [x]
        for _, turned, bias in self._layers[:-1]:
            self._h.append(torch.addmm(bias, self._h[-1], turned).tanh_())
        _, turned, bias = self._layers[-1]
        z = torch.addmm(bias, self._h[-1], turned)
        return z if self._spread is None else self._spread(z)

    def backward(self, g: torch.Tensor) -> None:
        """Add to the gradient of each parameter that of a loss whose gradient by the answer of the last `forward` is `g`."""
        if self._spread is not None:
            g, apart = g.chunk(2, -1)
            _add(self._spread.log_std, apart.sum(0))
        for k in reversed(range(len(self._layers))):
            (weight, _, bias), h = self._layers[k], self._h[k]
            if weight.grad is None:
                weight.grad = g.t().mm(h)
            else:
                weight.grad.addmm_(g.t(), h)
            _add(bias, g.sum(0))
            if k:
                g = torch.ops.aten.tanh_backward(g.mm(weight), h)  # (1 - h^2) (g W)


def _add(p: nn.Parameter, gradient: torch.Tensor) -> None:
    if p.grad is None:
        p.grad = gradient
    else:
        p.grad.add_(gradient)
