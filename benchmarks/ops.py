"""Suppression and RoIAlign beside the plain ways to write them, by turns, on one thread, in seconds of the processor.

    python benchmarks/ops.py [--rounds 5]

Suppression of 2,000 boxes: ours (numba, compiled before) and ours without numba, beside a loop in numpy over boxes in the order of
their scores. RoIAlign of 512 regions, 256 channels, 7 x 7 places of 2 x 2 samples, on a map of 50 x 50 of two pictures, forward and
backward: ours beside `grid_sample` of each region's samples. Each round also checks that both ways give the same.
"""

import argparse
import json
import time
from collections.abc import Callable
from statistics import median

import numpy as np
import torch
from torch.nn.functional import avg_pool2d, grid_sample

from lamina.nn import nms as suppression
from lamina.nn.nms import nms
from lamina.nn.roi_align import Grid, roi_align

BOXES, OVERLAP = 2000, 0.5
PICTURES, REGIONS, CHANNELS, SIDE, PLACES, SAMPLES, SCALE = 2, 512, 256, 50, 7, 2, 1 / 16


def seconds(job: Callable[[], torch.Tensor]) -> tuple[float, torch.Tensor]:
    before = time.process_time()
    found = job()
    return time.process_time() - before, found


def in_numpy(boxes: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
    """The loop that most programs have: the best box, and away with what it covers."""
    all_boxes, order = boxes.numpy(), np.argsort(-scores.numpy(), kind="stable")
    area = (all_boxes[:, 2] - all_boxes[:, 0]) * (all_boxes[:, 3] - all_boxes[:, 1])
    kept = []
    while len(order):
        best, order = order[0], order[1:]
        kept.append(best)
        low, high = np.maximum(all_boxes[best, :2], all_boxes[order, :2]), np.minimum(all_boxes[best, 2:], all_boxes[order, 2:])
        both = np.prod(np.clip(high - low, 0, None), 1)
        order = order[both / (area[best] + area[order] - both) <= OVERLAP]
    return torch.tensor(kept)


def without_numba(boxes: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
    order = scores.argsort(descending=True, stable=True)
    return order[suppression._stays(boxes[order], torch.zeros(len(boxes), dtype=torch.int64), OVERLAP)]


def sampled(maps: torch.Tensor, regions: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
    """RoIAlign as one grid of samples a region, then the mean of each place."""
    start, sides = regions[:, :2] * SCALE, ((regions[:, 2:] - regions[:, :2]) * SCALE).clamp(min=1)
    steps = (torch.arange(PLACES * SAMPLES) + 0.5) / (PLACES * SAMPLES)
    x, y = (start[:, axis, None] + sides[:, axis, None] * steps for axis in (0, 1))  # (R, P S)
    at = torch.stack(torch.broadcast_tensors(x[:, None, :], y[:, :, None]), -1)  # (R, P S, P S, 2)
    places = (2 * at + 1) / SIDE - 1
    found = torch.cat([grid_sample(maps[n, None].expand(len(rows), -1, -1, -1), rows, align_corners=False, padding_mode="border")
                       for n in range(PICTURES) if len(rows := places[image == n])])
    return avg_pool2d(found, SAMPLES)


def suppress(random: torch.Generator) -> dict[str, float]:
    corner = torch.rand(BOXES, 2, generator=random) * 300
    boxes, scores = torch.cat([corner, corner + 5 + 60 * torch.rand(BOXES, 2, generator=random)], 1), torch.rand(BOXES, generator=random)
    jobs = {"ours": lambda: nms(boxes, scores, OVERLAP), "without numba": lambda: without_numba(boxes, scores),
            "numpy": lambda: in_numpy(boxes, scores)}  # fmt: skip
    told = {name: seconds(job) for name, job in jobs.items()}
    assert all(torch.equal(found, told["ours"][1]) for _, found in told.values()), "all keep the same boxes"
    return {name: spent for name, (spent, _) in told.items()}


def align(random: torch.Generator) -> dict[str, float]:
    maps = torch.randn(PICTURES, CHANNELS, SIDE, SIDE, generator=random).contiguous(memory_format=torch.channels_last).requires_grad_()
    corner = torch.rand(REGIONS, 2, generator=random) * 500
    regions = torch.cat([corner, corner + 20 + 200 * torch.rand(REGIONS, 2, generator=random)], 1)
    image = torch.arange(REGIONS) * PICTURES // REGIONS
    weights = torch.randn(REGIONS, CHANNELS, PLACES, PLACES, generator=random)

    def gradient(found: torch.Tensor) -> torch.Tensor:
        return torch.autograd.grad(found, maps, weights)[0]

    jobs = {"ours": lambda: gradient(roi_align(maps, regions, image, SCALE, Grid(PLACES, SAMPLES))),
            "grid_sample": lambda: gradient(sampled(maps, regions, image))}  # fmt: skip
    told = {name: seconds(job) for name, job in jobs.items()}
    torch.testing.assert_close(told["ours"][1], told["grid_sample"][1], rtol=1e-3, atol=1e-3)
    return {name: spent for name, (spent, _) in told.items()}


def main() -> None:
    """One line a round, then one JSON line."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--rounds", type=int, default=5)
    asked = words.parse_args()
    torch.set_num_threads(1)
    random = torch.Generator().manual_seed(0)
    suppress(random), align(random)  # compiled, and the memory taken
    rounds = []
    for _ in range(asked.rounds):
        rounds.append({"nms": suppress(random), "roi_align": align(random)})
        print({job: {name: round(1000 * spent, 1) for name, spent in told.items()} for job, told in rounds[-1].items()}, "ms", flush=True)
    ratios = {f"{job}: {name}": round(median(one[job][name] / one[job]["ours"] for one in rounds), 1)
              for job in rounds[0] for name in rounds[0][job] if name != "ours"}  # fmt: skip
    print(json.dumps({"ratios": ratios, "rounds": rounds, "torch": torch.__version__, "threads": torch.get_num_threads()}))


if __name__ == "__main__":
    main()
