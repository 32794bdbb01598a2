"""torchvision as the reference of networks that find objects, also beside a torch for CPUs, where its compiled operators are missing.

Its `nms` is then ours, which test_box_ops.py holds to the definition; its RoIAlign is its own, written in Python, not compiled.
"""

import sys
from collections.abc import Iterator
from types import ModuleType

import pytest
import torch

from lamina.nn.nms import nms

SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor", "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)  # fmt: skip


@pytest.fixture(scope="session")
def torchvision() -> Iterator[ModuleType]:
    """The package, with operators that run."""
    library = torch.library.Library("torchvision", "FRAGMENT")
    try:
        found = pytest.importorskip("torchvision", reason="needs torchvision")
    except RuntimeError:
        for schema in SCHEMAS:
            library.define(schema)
        for module in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[module]
        found = pytest.importorskip("torchvision", reason="needs torchvision")
    patch = pytest.MonkeyPatch()
    if not found.extension._has_ops():
        roi_align = sys.modules["torchvision.ops.roi_align"]
        patch.setattr(sys.modules["torchvision.ops.boxes"], "nms", nms)
        patch.setattr(roi_align, "_roi_align", roi_align._roi_align.__wrapped__)
    yield found
    patch.undo()
    del library
