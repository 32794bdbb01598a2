"""What a report shows of boxes and masks: classes one by one, curves, the worst photos with truth and answer side by side."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import torch

from lamina.core.data import Split
from lamina.core.detector import Truth
from lamina.core.drawn import colours, colours_of, with_boxes, with_mask
from lamina.core.spec import Boxes, Mask, Spec
from lamina.metrics.box_matching import match
from lamina.oversight.charts import reliability
from lamina.oversight.page import Html, figure, key, picture, section, table, tag
from lamina.oversight.shown import name_of

WORST, SIDE = 12, 320
WIDE, HIGH, EDGE = 360, 260, 40  # pixels of a drawing


def of_boxes(split: Split, spec: Spec, answers: torch.Tensor, found: Mapping[str, Any], scores: torch.Tensor) -> list[Html]:
    """Of the test's answers (N, M, 6): `found` are the details of its evaluation, `scores` (N,) the F1 of each photo."""
    names, threshold = spec.target.names, found["threshold"]
    rows = [[name, one["count"], _share(one["AP"]), tag("span", f"{100 * one['AP_low']:.0f} to {100 * one['AP_high']:.0f} %"),
             _share(one["AP50"]), _share(one["AR"])] for name, one in zip(names, found["per_class"], strict=False)]  # fmt: skip
    head = ["class", "test boxes", "AP", "95 %", "AP50", "AR"]
    parts = [section("Class by class", table(head, rows)), section("Precision and recall", _curves(found["curves"], names))]
    parts.append(section("Kinds of errors", tag("p", f"Of boxes with a score of {threshold:.2f} and more, as the validation split chose."),
                         table(["", "boxes"], [[kind, count] for kind, count in found["errors"].items()])))
    parts.append(_reliable(found["reliability"], "boxes"))
    about = "Left what is there and whether it was missed, right what was said: white boxes are on nothing."
    return [*parts, section("Worst photos", tag("p", about),
                            *(_box_pair(split, spec, answers[row], row, threshold) for row in _worst(scores)))]


def of_masks(split: Split, spec: Spec, answers: torch.Tensor, found: Mapping[str, Any], scores: torch.Tensor) -> list[Html]:
    """Of the test's classes (N, h, w) bytes: `found` are the details of its evaluation, `scores` (N,) the mean IoU of each photo."""
    assert isinstance(spec.target, Mask), "masks were predicted"
    names = spec.target.names
    rows = [[name, one["pictures"], _share(one["iou"]), tag("span", f"{100 * one['iou_low']:.0f} to {100 * one['iou_high']:.0f} %"),
             _share(one["boundary_f"]), _share(one["recall"]), _share(one["precision"])]
            for name, one in zip(names, found["per_class"], strict=True)]  # fmt: skip
    head = ["class", "test photos", "IoU", "95 %", "edges", "found", "right when said"]
    parts = [section("Class by class", table(head, sorted(rows, key=lambda row: float(str(row[2]).split()[0])))),
             section("What is taken for what", _confusions(found["confusion"], names)), _reliable(found["reliability"], "pixels")]
    worst = [_mask_pair(split, spec.target, answers[row], row, float(scores[row])) for row in _worst(scores)]
    about, inks = tag("p", "Left what is there, right what was said."), key(zip(names, colours_of(spec.target), strict=True))
    return [*parts, section("Worst photos", about, inks, *worst)]


def _reliable(found: Mapping[str, Any], what: str) -> Html:
    """How far scores are to be believed."""
    told = f"On average the score of one of the test's {what} is off by {100 * found['error']:.1f} points from how often such are right."
    caption = f"test split, all {what} that are judged; a dot is a tenth of the scale, its area their share"
    return section("How sure it may be", tag("p", told), figure(reliability(found["bins"]), caption))


def _worst(scores: torch.Tensor) -> list[int]:
    rows: list[int] = scores.argsort(stable=True)[:WORST].tolist()
    return rows


def _box_pair(split: Split, spec: Spec, answer: torch.Tensor, row: int, threshold: float) -> Html:
    assert isinstance(spec.target, Boxes), "boxes were predicted"
    names, inks = spec.target.names, colours_of(spec.target)
    batch = split.batch(torch.tensor([row]))
    photo, truth = _pixels(batch["x"][0]), Truth.of(batch)
    sure = answer[answer[:, 4] >= max(threshold, 1e-6)]
    right, met = _matched(sure, truth)
    there = with_boxes(photo, truth.boxes.tolist(), ["" if hit else "missed" for hit in met.tolist()],
                       [inks[k] for k in truth.classes.tolist()])
    white = (255, 255, 255)
    said = with_boxes(photo, sure[:, :4].tolist(), [f"{names[int(k)]} {s:.2f}" if not hit else "" for (s, k), hit in
                                                    zip(sure[:, 4:].tolist(), right.tolist(), strict=True)],
                      [inks[int(k)] if hit else white for k, hit in zip(sure[:, 5].tolist(), right.tolist(), strict=True)])  # fmt: skip
    missed, false = int((~met).sum()), int((~right).sum())
    return _pair(there, said, f"{name_of(split, row)}: {missed} missed, {false} false")


def _matched(answer: torch.Tensor, truth: Truth) -> tuple[torch.Tensor, torch.Tensor]:
    """Which answers (D, 6) found an object at an overlap of a half, (D,), and which objects were found, (G,); crowds count as found."""
    right, met = torch.zeros(len(answer), dtype=torch.bool), truth.weight <= 0
    for k in answer[:, 5].unique().tolist():
        said, true = (answer[:, 5] == k).nonzero().flatten(), (truth.classes == int(k)).nonzero().flatten()
        boxes, objects = answer[said].double().numpy(), truth.boxes[true].double().numpy()
        partner = torch.from_numpy(match(boxes[:, :4], boxes[:, 4], objects, (truth.weight[true] <= 0).numpy()).partner)
        right[said] = partner >= 0
        met[true[partner[partner >= 0]]] = True
    return right, met


def _mask_pair(split: Split, target: Mask, answer: torch.Tensor, row: int, score: float) -> Html:
    batch = split.batch(torch.tensor([row]))
    inks = colours_of(target)
    photo = _pixels(batch["x"][0])
    there, said = (with_mask(photo, mask.byte().numpy(), inks) for mask in (batch["y"][0], answer))
    return _pair(there, said, f"{name_of(split, row)}: mean IoU {100 * score:.0f} %")


def _pair(left: np.ndarray, right: np.ndarray, caption: str) -> Html:
    gap = np.full((left.shape[0], 4, 3), 255, np.uint8)
    return figure(picture(np.concatenate([left, gap, right], 1), 2 * SIDE), caption)


def _pixels(x: torch.Tensor) -> np.ndarray:
    """(C, H, W) bytes as (H, W, 3)."""
    shown = x.expand(3, -1, -1) if len(x) == 1 else x
    return np.ascontiguousarray(shown.movedim(0, -1).numpy())


def _confusions(matrix: Sequence[Sequence[int]], names: Sequence[str]) -> Html:
    """The largest shares of a class's pixels that are said to be another."""
    found = [(row[j] / max(sum(row), 1), i, j) for i, row in enumerate(matrix) for j in range(len(names)) if i != j and row[j]]
    rows = [[names[i], names[j], _share(share)] for share, i, j in sorted(found, reverse=True)[:15]]
    return table(["is", "was said to be", "of its pixels"], rows)


def _curves(found: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Html:
    """Precision against recall at an IoU of a half, a line a class."""
    inks = colours(len(names))
    across, up = WIDE - 2 * EDGE, HIGH - 2 * EDGE
    lines = "".join(_line(one["recall"], one["precision"], ink, across, up) for one, ink in zip(found, inks, strict=False) if one["recall"])
    keys = "".join(f'<text x="{WIDE - EDGE + 8}" y="{EDGE + 16 * n}" fill="rgb{ink}">{escape(name[:16])}</text>'
                   for n, (name, ink) in enumerate(zip(names[:12], inks, strict=False)))
    frame = f'<path d="M{EDGE},{EDGE} V{HIGH - EDGE} H{WIDE - EDGE}" fill="none" stroke="var(--quiet)"/>'
    words = (f'<text x="{EDGE}" y="{EDGE - 10}">precision</text><text x="{WIDE - EDGE}" y="{HIGH - 10}" text-anchor="end">recall</text>')
    style = 'font-family="system-ui, sans-serif" font-size="12" fill="var(--ink)"'
    size = f'viewBox="0 0 {WIDE + 120} {HIGH}" width="{WIDE + 120}" height="{HIGH}"'
    return figure(Html(f'<svg {size} role="img" {style}>{frame}{words}{lines}{keys}</svg>'), "test split, IoU of a half and more")


def _line(recall: Sequence[float], precision: Sequence[float], ink: tuple[int, int, int], across: int, up: int) -> str:
    points = " ".join(f"{EDGE + x * across:.1f},{HIGH - EDGE - y * up:.1f}" for x, y in zip(recall, precision, strict=True))
    return f'<polyline points="{points}" fill="none" stroke="rgb{ink}" stroke-width="2"/>'


def _share(value: float) -> str:
    return f"{100 * value:.1f} %"
