"""Keras 3 on the backend that KERAS_BACKEND names: the TensorFlow quickstart's MLP, Keras's simple MNIST convnet."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import clock
import keras
from keras import layers

job, epochs = clock.words()
x, y, xv, yv, xt, yt = clock.data(job)
if job == "mlp":
    stack = [layers.Input((28, 28)), layers.Flatten(), layers.Dense(128, activation="relu"), layers.Dropout(0.2), layers.Dense(10)]
else:
    x, xv, xt = x[..., None], xv[..., None], xt[..., None]
    stack = [
        layers.Input((28, 28, 1)), layers.Conv2D(32, 3, activation="relu"), layers.MaxPooling2D(2),
        layers.Conv2D(64, 3, activation="relu"), layers.MaxPooling2D(2), layers.Flatten(), layers.Dropout(0.5), layers.Dense(10),
    ]  # fmt: skip
model = keras.Sequential(stack)
model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
with clock.Clock() as timed:
    held = {"validation_data": (xv, yv)} if len(xv) else {}
    model.fit(x, y, batch_size=clock.SIZES[job][1], epochs=epochs, verbose=0, **held)
clock.tell(job, epochs, timed, model.evaluate(xt, yt, verbose=0)[1])
