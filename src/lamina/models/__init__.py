"""Architectures, one paper a file; each is built as `Model(spec, config)` and gives logits or scaled numbers."""

from lamina.core.registry import Registry

MODELS = Registry("model", {
    "perceptron": "lamina.models.perceptron:Perceptron",
    "mlp": "lamina.models.mlp:MLP",
    "tabular": "lamina.models.tabular:Tabular",
    "lenet": "lamina.models.lenet:LeNet",
    "cnn": "lamina.models.cnn:CNN",
    "bag": "lamina.models.bag:Bag",
    "policy": "lamina.models.policy:Policy",
    "dcgan": "lamina.models.dcgan:DCGAN",
})  # fmt: skip
