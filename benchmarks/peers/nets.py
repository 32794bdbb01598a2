"""The two networks as torch modules: the TensorFlow quickstart's MLP and Keras's simple MNIST convnet."""

from torch import nn


def net(job):
    """Logits of ten classes from (B, 1, 28, 28) pictures in 0..1."""
    if job == "mlp":
        return nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Dropout(0.2), nn.Linear(128, 10))
    return nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Dropout(0.5), nn.Linear(1600, 10),
    )  # fmt: skip
