"""Normalization by name, for linear and convolutional layers alike.

batch (Ioffe & Szegedy 2015), batch_renorm (Ioffe 2017), layer (Ba et al. 2016), weight (Salimans & Kingma
2016), instance (Ulyanov et al. 2016), group (Wu & He 2018), rms (Zhang & Sennrich 2019), none.
"""

from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from lamina.core.errors import unknown
from lamina.nn import NORMS

MOST_GROUPS = 8
SMALLEST_GROUP = 4  # of one channel nothing but the sign of its mean would be left, of two hardly more
SHIFTING = frozenset({"batch", "batch_renorm", "layer", "group"})  # these bring a bias of their own


def layer_with_norm(layer: nn.Linear | nn.Conv2d, name: str) -> list[nn.Module]:
    """The layer followed by its normalization; weight normalization is put on the layer itself."""
    if name not in NORMS:
        raise unknown("normalization", name, NORMS)
    if name == "none":
        return [layer]
    if name == "weight":
        return [weight_norm(layer)]
    spatial = isinstance(layer, nn.Conv2d)
    size = layer.out_channels if isinstance(layer, nn.Conv2d) else layer.out_features
    return [layer, NORMS[name](size, spatial)]


def brings_bias(name: str, spatial: bool) -> bool:
    """Whether the normalization shifts by a learned number, so that the layer before it needs no bias."""
    return name in SHIFTING or (name == "instance" and spatial)


def batch(size: int, spatial: bool) -> nn.Module:
    """Over the batch, per channel."""
    return nn.BatchNorm2d(size) if spatial else nn.BatchNorm1d(size)


def batch_renorm(size: int, spatial: bool) -> nn.Module:
    """Batch normalization that leans on the running statistics, for small batches."""
    from lamina.nn.batch_renorm import BatchRenorm

    return BatchRenorm(size)


def layer(size: int, spatial: bool) -> nn.Module:
    """Over all channels and places of one sample."""
    return nn.GroupNorm(1, size) if spatial else nn.LayerNorm(size)


def instance(size: int, spatial: bool) -> nn.Module:
    """Over the places of one channel of one sample; without places there is nothing to normalize."""
    return nn.InstanceNorm2d(size, affine=True) if spatial else nn.Identity()


def group(size: int, spatial: bool) -> nn.Module:
    """Over groups of channels of one sample."""
    fitting = [g for g in range(1, MOST_GROUPS + 1) if size % g == 0 and size // g >= SMALLEST_GROUP]
    return nn.GroupNorm(max(fitting, default=1), size)


def rms(size: int, spatial: bool) -> nn.Module:
    """By the root mean square over the channels, without centring."""
    from lamina.nn.channel_rms import ChannelRMS

    return ChannelRMS(size) if spatial else nn.RMSNorm(size)
