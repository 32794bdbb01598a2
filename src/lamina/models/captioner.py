"""A network of pictures gives maps, and a decoder says what is in them, looking at a place of the maps for each word.

Show, attend and tell: Xu, Ba, Kiros, Cho, Courville, Salakhutdinov, Zemel & Bengio 2015, the soft form (section 4.2). Where we depart:
the decoder may look after a step (Luong, Pham & Manning 2015) as well as before it (`attention=bahdanau`, the paper's); places carry their
coordinates (Liu et al. 2018, CoordConv), so that it can say what lies above what; and no penalty asks that all places be looked at.

B pictures, T tokens said, S = h w places, C channels of the maps, D embedding, V tokens:
x       (B, C, H, W)        scaled pictures
said    (B, T)      int32   tokens said so far, the first is BEGIN
maps    (B, C, h, w)        of the backbone
s       (B, S, H)           places, row by row
"""

import torch
from torch import nn

from lamina.core.backbone import Backbone, pictures
from lamina.core.config import knob
from lamina.core.errors import UsageError
from lamina.core.speaker import State
from lamina.core.spec import Spec, Tokens
from lamina.models import decoder
from lamina.models.decoder import Decoder, Says
from lamina.models.maps import pyramid


class Config(decoder.Config):
    """The network of pictures, and the decoder on it."""

    backbone: str = knob("compact", "network of pictures below: see `lamina list models`", search="choice")
    stride: int = knob(8, "pixels between the places that are looked at", low=1, high=64)
    still: bool = knob(False, "the backbone keeps its weights, as those that were learned from many photos")


class Captioner(Says):
    """Show, attend and tell (Xu et al. 2015): pictures -> tokens said (core/speaker.py)."""

    def __init__(self, spec: Spec, config: Config) -> None:
        super().__init__()
        if not isinstance(spec.target, Tokens):
            raise UsageError("pictures with texts for the model `captioner`", f"`{spec.input.kind}` and `{spec.target.kind}`",
                             "Choose another model: `lamina list models`.")
        pictures(spec, "captioner", config.stride)
        self.pyramid, self.stride, self.still = pyramid(spec, config.backbone, (config.stride,)), config.stride, config.still
        self.place = nn.Linear(self.pyramid.channels[config.stride] + 2, config.hidden)
        self.decoder = Decoder(spec.target.size, config.hidden, config.hidden, config)
        self.head = self.decoder.tied_head()
        self.pyramid.requires_grad_(not config.still)

    @property
    def backbone(self) -> Backbone:
        """The network of the zoo below, for published weights."""
        return self.pyramid.net

    def train(self, mode: bool = True) -> "Captioner":
        """What keeps its weights keeps its averages too."""
        super().train(mode)
        if self.still:
            self.pyramid.eval()
        return self

    def hear(self, x: torch.Tensor) -> tuple[State, State]:
        """(memory, state) of what was seen."""
        maps = with_coordinates(self.pyramid(x)[self.stride])
        s = torch.relu(self.place(maps.flatten(2).transpose(1, 2)))  # (B, S, H)
        held = torch.ones(s.shape[:2], dtype=torch.bool, device=s.device)
        return {"places": s, "held": held}, self.decoder.begin(s.mean(1))


def with_coordinates(maps: torch.Tensor) -> torch.Tensor:
    """Maps (B, C, h, w) with two channels more, the row and the column of each place from -1 to 1: (B, C + 2, h, w)."""
    B, _, h, w = maps.shape
    down = torch.linspace(-1, 1, h, device=maps.device, dtype=maps.dtype)[:, None].expand(h, w)
    across = torch.linspace(-1, 1, w, device=maps.device, dtype=maps.dtype)[None].expand(h, w)
    return torch.cat([maps, torch.stack([down, across]).expand(B, 2, h, w)], 1)
