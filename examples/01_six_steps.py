"""The six steps of the lecture: import, data, layers, training, evaluation, prediction.

Runs without a network in a few seconds. With the data of the lecture it is the same page: write lm.load("mnist")
in step 2, which fetches 11 MB at its first use and keeps them in the cache.
"""

import tempfile
from pathlib import Path

import torch
from PIL import Image
from torch import nn

import lamina as lm  # 1 import

data = lm.load("digits")  # 2 get the data: 1,797 pictures 8x8
model = lm.Model(nn.Sequential(  # 3 stack layers: plain torch, lazy shapes are filled in from the data
    nn.LazyConv2d(32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.5), nn.LazyLinear(10)))  # fmt: skip
model.fit(data, epochs=20)  # 4 train: progress, validation, best weights kept
print(model.summary())
print(model.evaluate(data.test))  # 5 evaluate

with tempfile.TemporaryDirectory() as folder:  # a picture file, as you would draw one
    my_digit = Path(folder) / "my_digit.png"
    example = data.test.batch(torch.tensor([0]))
    Image.fromarray(example["x"][0, 0].numpy()).save(my_digit)
    print(f"true class {example['y'].item()}; the model says {model.predict(my_digit)}")  # 6 predict
