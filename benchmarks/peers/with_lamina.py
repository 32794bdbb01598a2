"""Lamina on the same jobs: the built-in mlp, and the convnet as the user's own torch layers. PRECISION is f32 or bf16."""

import os

import clock
import nets
import numpy as np

import lamina as lm
from lamina.core.data import Data
from lamina.core.spec import Classes, Image, Spec
from lamina.data.arrays import ArraySplit

job, epochs = clock.words()
import torch._dynamo  # noqa: E402, F401  the first torch optimizer imports it; plain_torch.py makes its own before its clock starts


def split(pictures, classes):
    import torch

    return ArraySplit(torch.from_numpy((pictures * 255).round().astype(np.uint8))[:, None], torch.from_numpy(classes))


x, y, xv, yv, xt, yt = clock.data(job)
spec = Spec(input=Image(channels=1, height=28, width=28), target=Classes(names=tuple("0123456789")))
test = split(xt, yt)
valid = split(xv, yv) if len(xv) else split(x[:1000], y[:1000])  # the loop always validates; here on rows it has seen
data = Data("mnist", spec, split(x, y), valid, test)
same = {
    "epochs": epochs, "batch": clock.SIZES[job][1], "optimizer": "adam", "learning_rate": 1e-3, "schedule": "constant",
    "label_smoothing": 0.0, "shift": 0, "patience": 0, "precision": os.environ.get("PRECISION", "f32"),
}  # fmt: skip
model = lm.Model("mlp", hidden=(128,), dropout=0.2, **same) if job == "mlp" else lm.Model(nets.net(job), **same)
with clock.Clock() as timed:
    model.fit(data, quiet=True)
clock.tell(job, epochs, timed, model.evaluate(test)["accuracy"])
