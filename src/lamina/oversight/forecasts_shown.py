"""Forecasts of the test beside what came, and how errors grow with the moments ahead."""

from collections.abc import Mapping
from typing import Any

import torch

from lamina.core.data import Split
from lamina.core.series_drawn import series_svg
from lamina.core.spec import Series
from lamina.oversight.page import Html, figure, section, table, tag
from lamina.oversight.shown import name_of

SHOWN, POINTS = 3, 200  # windows of either kind; numbers of the past


def forecasts(split: Split, spec: Series, said: torch.Tensor, y: torch.Tensor, details: Mapping[str, Any]) -> Html:
    """The usual and the worst windows (said and true (N, K)), and the error of each moment ahead."""
    order = (said - y).square().mean(1).argsort()
    usual, worst = order[len(order) // 2 :][:SHOWN], order.flip(0)[:SHOWN]
    ahead = table(["moments ahead", "rmse"], [[n, f"{value:.4g}"] for n, value in enumerate(details.get("rmse_ahead", ()), 1)])
    return section("Forecasts beside what came", tag("h3", "Usual ones"), *_drawn(split, spec, said, usual),
                   tag("h3", "Worst ones"), *_drawn(split, spec, said, worst), tag("h3", "How errors grow"), ahead)


def _drawn(split: Split, spec: Series, said: torch.Tensor, rows: torch.Tensor) -> list[Html]:
    batch = split.batch(rows)
    return [figure(Html(series_svg(x[-POINTS:, spec.place].tolist(), said[row].tolist(), y.tolist(), spec.asked)), name_of(split, row))
            for x, y, row in zip(batch["x"], batch["y"], rows.tolist(), strict=True)]
