"""A network for answers alone: every batch normalization that follows a convolution is put into its weights."""

from copy import deepcopy
from typing import Any

import torch
from torch import nn
from torch.nn.utils import fuse_conv_bn_eval


def folded(net: nn.Module) -> nn.Module:
    """A copy in evaluation mode that answers the same, faster; the network itself stays as it is.

    Pairs are found where a `Sequential` has a `Conv2d` before a `BatchNorm2d`.
    """
    training = net.training
    made: Any = deepcopy(net.eval()).requires_grad_(False)
    net.train(training)
    for module in list(made.modules()):
        if isinstance(module, nn.Sequential):
            for i, layer in enumerate(list(module)[:-1]):
                after = module[i + 1]
                if isinstance(layer, nn.Conv2d) and isinstance(after, nn.BatchNorm2d):
                    module[i], module[i + 1] = fuse_conv_bn_eval(layer, after), nn.Identity()
    answers: nn.Module = made.to(memory_format=torch.channels_last)
    return answers
