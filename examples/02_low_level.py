"""The low-level room of the lecture: activations, losses by hand, backpropagation, descent and its variants, and what holds a network back.

Every part has a name in a registry, and each name is a word of `lamina train`:
    lamina train spiral activation=tanh loss=focal optimizer=muon norm=batch dropout=0.2 patience=5
"""

from typing import Any

import torch

from lamina.core.data import Data
from lamina.nn import ACTIVATIONS, LOSSES
from lamina.optim import OPTIMIZERS
from lamina.verbs.request import Request
from lamina.verbs.setup import load_data
from lamina.verbs.train import Outcome, Watcher, train

RATES = {  # each optimizer has steps of its own length
    "sgd": 0.3, "momentum": 0.1, "nesterov": 0.1, "adagrad": 0.1, "adadelta": 3.0, "rmsprop": 0.01,
    "adam": 0.01, "adamw": 0.01, "nadam": 0.01, "lion": 0.003, "muon": 0.02,
}  # fmt: skip
PLAIN = {"hidden": "32,32", "epochs": 30, "dropout": 0, "weight_decay": 0, "ema": 0, "patience": 0, "threads": 1}


def title(text: str) -> None:
    print(f"\n{text}\n{'-' * len(text)}")


def activations() -> None:
    """What each non-linearity makes of a number, and how much of a gradient it lets through."""
    title("Activations: f(-2), f(2) and the slope at -2, which a gradient is multiplied by")
    for name in ACTIVATIONS:
        x = torch.tensor([-2.0, 2.0], requires_grad=True)
        y = ACTIVATIONS[name]()(x)
        (slope,) = torch.autograd.grad(y.sum(), x)
        print(f"{name:<12}{y[0].item():>8.3f}{y[1].item():>8.3f}{slope[0].item():>8.3f}")


def losses() -> None:
    """The loss of one sample whose right class, the first, gets the logit z; the other two get 0."""
    title("Losses: of the right class's logit z, for z = -2, 0, 4")
    target = torch.tensor([0])
    for name in ("cross_entropy", "focal", "hinge"):
        values = [LOSSES[name](torch.tensor([[z, 0.0, 0.0]]), target).item() for z in (-2.0, 0.0, 4.0)]
        print(f"{name:<16}" + "".join(f"{value:>9.4f}" for value in values))


def backpropagation() -> None:
    """The chain rule by hand through one hidden layer, and the same from autograd."""
    title("Backpropagation: h = tanh(W x), z = V h, loss = -log softmax(z) of the right class")
    random = torch.Generator().manual_seed(0)
    x, w, v = (torch.randn(shape, generator=random).requires_grad_() for shape in ((3,), (4, 3), (2, 4)))
    h = torch.tanh(w @ x)
    z = v @ h
    loss = LOSSES["cross_entropy"](z[None], torch.tensor([1]))[0]
    loss.backward()
    with torch.no_grad():
        dz = z.softmax(0) - torch.tensor([0.0, 1.0])  # d loss / d z: what was said less what is right
        dv = torch.outer(dz, h)
        dw = torch.outer((v.T @ dz) * (1 - h**2), x)  # back through V, then through tanh
    for name, mine, parameter in (("dW", dw, w), ("dV", dv, v)):
        close = parameter.grad is not None and torch.allclose(mine, parameter.grad)
        print(f"{name}: by hand and by autograd {'agree' if close else 'DIFFER'}")


def fitted(data: Data, **words: Any) -> tuple[Outcome, list[float]]:
    """What was reached, and the loss at each validation."""
    losses: list[float] = []
    watcher = Watcher(event=lambda event: losses.append(event.values["loss"]) if event.kind == "valid" else None)
    request = Request(data, model="mlp", words={**PLAIN, "optimizer": "adam", "learning_rate": RATES["adam"], **words}, device="cpu")
    return train(request, watcher), losses


def descent() -> None:
    """Plain gradient descent and everything that was built on it, with the same number of updates each."""
    title("Optimizers: their learning rate, and the accuracy on 96 points of a spiral that were not learned from")
    data = load_data("spiral", {"points": 480, "noise": 0.02}, seed=0)
    for name in OPTIMIZERS:
        outcome, _ = fitted(data, optimizer=name, learning_rate=RATES[name])
        print(f"{name:<12}{RATES[name]:>8}{outcome.test.metrics['accuracy']:>8.3f}")


def holding_back() -> None:
    """A large network, few points, many epochs: the loss on other points falls, and rises again as noise is learned by heart."""
    title("Holding back: 160 noisy points; the lowest validation loss, the last one, and how often it was looked at")
    data = load_data("moons", {"points": 160, "noise": 0.3}, seed=0)
    ways: dict[str, dict[str, Any]] = {
        "nothing": {}, "l1=0.002": {"l1": 0.002}, "l2=0.01": {"l2": 0.01}, "max_norm=1": {"max_norm": 1.0}, "dropout=0.5": {"dropout": 0.5},
        "norm=batch": {"norm": "batch"}, "label_smoothing=0.1": {"label_smoothing": 0.1}, "ema=0.99": {"ema": 0.99},
        "patience=5": {"patience": 5},
    }  # fmt: skip
    for name, words in ways.items():
        _, losses = fitted(data, **{"hidden": "64,64", "epochs": 240, **words})
        print(f"{name:<22}{min(losses):>8.3f}{losses[-1]:>8.3f}{len(losses):>6}")
    print("Whatever the way, the weights of the best validation are kept. `patience` only stops in time (early stopping).")


def main() -> None:
    torch.set_num_threads(1)
    activations()
    losses()
    backpropagation()
    descent()
    holding_back()


if __name__ == "__main__":
    main()
