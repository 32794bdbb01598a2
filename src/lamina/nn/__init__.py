"""Layers, losses and initial weights that torch.nn lacks, and the names of those it has."""

from lamina.core.registry import Registry

ACTIVATIONS = Registry("activation", {
    "identity": "torch.nn:Identity",
    "sigmoid": "torch.nn:Sigmoid",
    "tanh": "torch.nn:Tanh",
    "softplus": "torch.nn:Softplus",
    "relu": "torch.nn:ReLU",
    "leaky_relu": "torch.nn:LeakyReLU",
    "prelu": "torch.nn:PReLU",
    "elu": "torch.nn:ELU",
    "selu": "torch.nn:SELU",
    "gelu": "torch.nn:GELU",
    "silu": "torch.nn:SiLU",
})  # fmt: skip

NORMS = Registry("normalization", {
    "batch": "lamina.nn.norm:batch",
    "batch_renorm": "lamina.nn.norm:batch_renorm",
    "layer": "lamina.nn.norm:layer",
    "weight": "torch.nn.utils.parametrizations:weight_norm",
    "instance": "lamina.nn.norm:instance",
    "group": "lamina.nn.norm:group",
    "rms": "lamina.nn.norm:rms",
    "none": "torch.nn:Identity",
})  # fmt: skip

LOSSES = Registry("loss", {
    "cross_entropy": "lamina.nn.losses:cross_entropy",
    "focal": "lamina.nn.losses:focal",
    "hinge": "lamina.nn.losses:hinge",
    "binary_cross_entropy": "lamina.nn.losses:binary_cross_entropy",
    "mse": "lamina.nn.losses:mse",
    "mae": "lamina.nn.losses:mae",
    "huber": "lamina.nn.losses:huber",
    "word_cross_entropy": "lamina.nn.mask_losses:word_cross_entropy",
    "pixel_cross_entropy": "lamina.nn.mask_losses:pixel_cross_entropy",
    "pixel_focal": "lamina.nn.mask_losses:pixel_focal",
    "dice": "lamina.nn.mask_losses:dice",
    "cross_entropy_dice": "lamina.nn.mask_losses:cross_entropy_dice",
})  # fmt: skip

FITTING_LOSSES = {  # by the kind of the target; the first is the default
    "classes": ("cross_entropy", "focal", "hinge"),
    "labels": ("binary_cross_entropy",),
    "numbers": ("mse", "mae", "huber"),
    "tags": ("word_cross_entropy",),
    "mask": ("pixel_cross_entropy", "pixel_focal", "dice", "cross_entropy_dice"),
}

INITS = Registry("init", {
    "xavier": "lamina.nn.init:xavier",
    "he": "lamina.nn.init:he",
    "orthogonal": "lamina.nn.init:orthogonal",
})  # fmt: skip
