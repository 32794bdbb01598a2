"""Where data come from, and how they are split and fetched."""

from lamina.core.registry import Registry

DATASETS = Registry("data set", {
    "mnist": "lamina.data.catalog.mnist:mnist",
    "fashion_mnist": "lamina.data.catalog.fashion_mnist:fashion_mnist",
    "cifar10": "lamina.data.catalog.cifar10:cifar10",
    "digits": "lamina.data.catalog.embedded:digits",
    "iris": "lamina.data.catalog.embedded:iris",
    "wine": "lamina.data.catalog.embedded:wine",
    "breast_cancer": "lamina.data.catalog.embedded:breast_cancer",
    "diabetes": "lamina.data.catalog.embedded:diabetes",
    "trees": "lamina.data.catalog.trees:trees",
    "cars": "lamina.data.catalog.archived:cars",
    "penguins": "lamina.data.catalog.archived:penguins",
    "weather": "lamina.data.catalog.archived:weather",
    "digit_scenes": "lamina.data.catalog.digit_scenes:digit_scenes",
    "digit_captions": "lamina.data.catalog.digit_captions:digit_captions",
    "docstrings": "lamina.data.catalog.docstrings:docstrings",
    "copy_task": "lamina.data.catalog.copy_task:copy_task",
    "dates": "lamina.data.catalog.dates:dates",
    "circles": "lamina.data.catalog.plane:circles",
    "moons": "lamina.data.catalog.plane:moons",
    "spiral": "lamina.data.catalog.plane:spiral",
    "xor": "lamina.data.catalog.plane:xor",
    "gauss": "lamina.data.catalog.plane:gauss",
})  # fmt: skip
