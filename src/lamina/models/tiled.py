"""The knobs of networks that see large pictures tile by tile; read by whoever builds one (verbs/setup.py)."""

from lamina.core import config as knobs
from lamina.core.config import knob
from lamina.nn.tiles import Tiles


class Tiled(knobs.Config):
    """How a picture is cut where it is large."""

    tile: int = knob(0, "side in pixels of the tiles by which larger pictures are learned and answered; 0: whole", low=0, high=4096)
    lap: float = knob(0.25, "share of its side that a tile shares with the next, at least: no less than an object", low=0, high=0.9)

    @property
    def tiles(self) -> Tiles:
        """The same, for nn/tiles.py."""
        return Tiles(self.tile, self.lap)
