"""Lamina on the same jobs: the built-in mlp, and the convnet as the user's own torch layers. PRECISION is f32 or bf16.

`train_s` is all of the verb: measuring the plan, training, validating, and the test figures. `samples_per_s` counts
from the plan to the last step, as the other programs' loops do.
"""

import os
import time

import clock
import nets
import numpy as np
import torch._dynamo

from lamina.core.data import Data
from lamina.core.spec import Classes, Image, Spec
from lamina.data.arrays import ArraySplit
from lamina.verbs.request import Request
from lamina.verbs.train import Watcher, train

job, epochs = clock.words()


def split(pictures, classes):
    return ArraySplit(torch.from_numpy((pictures * 255).round().astype(np.uint8))[:, None], torch.from_numpy(classes))


x, y, xv, yv, xt, yt = clock.data(job)
spec = Spec(input=Image(channels=1, height=28, width=28), target=Classes(names=tuple("0123456789")))
valid = split(xv, yv) if len(xv) else split(x[:1000], y[:1000])  # the loop always validates; here on rows it has seen
data = Data("mnist", spec, split(x, y), valid, split(xt, yt))
words = {
    "epochs": epochs, "batch": clock.SIZES[job][1], "optimizer": "adam", "learning_rate": 1e-3, "schedule": "constant",
    "label_smoothing": 0.0, "shift": 0, "patience": 0, "precision": os.environ.get("PRECISION", "f32"),
}  # fmt: skip
if job == "mlp":
    request = Request(data, model="mlp", words=words | {"hidden": (128,), "dropout": 0.2})
else:
    request = Request(data, net=nets.net(job), words=words)
marks = []
watcher = Watcher(lambda *_: marks.append(time.perf_counter()), lambda event: marks.append(time.perf_counter()))
with clock.Clock() as timed:
    outcome = train(request, watcher)
plan = outcome.plan
told = {"samples_per_s": clock.SIZES[job][0] * epochs / (marks[-1] - marks[0]), "threads": plan.threads}
clock.tell(job, epochs, timed, outcome.test.metrics["accuracy"], **told)
