"""Architectures, one paper a file; each is built as `Model(spec, config)` and gives logits or scaled numbers."""

from lamina.core.registry import Registry

MODELS = Registry("model", {
    "perceptron": "lamina.models.perceptron:Perceptron",
    "mlp": "lamina.models.mlp:MLP",
    "tabular": "lamina.models.tabular:Tabular",
    "lenet": "lamina.models.lenet:LeNet",
    "cnn": "lamina.models.cnn:CNN",
    "bag": "lamina.models.bag:Bag",
    "compact": "lamina.models.compact:Compact",
    "airbench": "lamina.models.airbench:Airbench",
    "resnet18": "lamina.models.resnet:resnet18",
    "resnet34": "lamina.models.resnet:resnet34",
    "resnet50": "lamina.models.resnet:resnet50",
    "se_resnet": "lamina.models.se_resnet:se_resnet",
    "googlenet": "lamina.models.googlenet:GoogLeNet",
    "vgg11": "lamina.models.vgg:vgg11",
    "vgg16": "lamina.models.vgg:vgg16",
    "alexnet": "lamina.models.alexnet:AlexNet",
    "efficientnet_lite0": "lamina.models.efficientnet_lite:EfficientNetLite0",
    "fcn": "lamina.models.fcn:FCN",
    "unet": "lamina.models.unet:UNet",
    "linknet": "lamina.models.linknet:LinkNet",
    "deeplab": "lamina.models.deeplab:DeepLab",
    "ssd": "lamina.models.ssd:ssd",
    "ssd300": "lamina.models.ssd300:ssd300",
    "fasterrcnn_resnet50_fpn": "lamina.models.fasterrcnn_resnet50_fpn:fasterrcnn_resnet50_fpn",
    "faster_rcnn": "lamina.models.faster_rcnn:faster_rcnn",
    "policy": "lamina.models.policy:Policy",
    "dcgan": "lamina.models.dcgan:DCGAN",
})  # fmt: skip
