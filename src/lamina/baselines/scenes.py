"""Stub."""
from typing import Any


def of_masks(data: Any, judge: Any) -> dict: return {}
def of_boxes(data: Any, judge: Any) -> dict: return {}
