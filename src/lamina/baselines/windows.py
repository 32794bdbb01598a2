"""What boxes would be without a network: the same boxes for every picture, and a linear model that looks at windows of them one by one
(Viola & Jones 2001; Dalal & Triggs 2005), by colour and edges.

Windows have the sizes that objects of each class mostly have, a quarter of a size apart. Each is cut into parts, and a part is
described by its mean colour and by its edges by orientation; sums over rectangles come from running sums (Crow 1984). The model is
logistic regression over the classes and the ground; of windows that overlap, the best stays.

    B  pictures    C  channels    H, W  sides    K  classes    N  boxes    M  answers a picture    D  numbers that describe a window
"""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from lamina.core import rng
from lamina.core.data import Split, batches
from lamina.core.detector import ANSWER, Truth
from lamina.data.hog import ORIENTATIONS, oriented
from lamina.nn.boxes import iou
from lamina.nn.nms import batched_nms

MOST = 100  # answers a picture
MOST_BOXES = 20_000  # that a rival learns from
AT_ONCE = 10  # pictures
GROUND = 20  # windows of each picture that hold nothing
SIZES = 3  # of windows, for each class
MOST_CLASSES = 30  # whose sizes are looked for; beyond, the sizes of all together
APART = 0.25  # of a window's side, between two windows
LEAST_SIDE = 4.0  # pixels
PARTS = 4  # a side
GOOD, BAD, OVERLAP = 0.5, 0.3, 0.3  # overlaps: to be on an object, to be on none, and above which the worse of two answers goes
CANDIDATES = 400  # same boxes that are tried
MOST_TRIED = 6_000  # windows of a picture
MOST_WINDOWS = 1_000  # of a picture, before those that overlap go
LEAST_SCORE = 0.01


class SameBoxes:
    """The same answers (M, 6) for every picture, as a `Predictor` gives them: (B, C, H, W) -> (B, M, 6)."""

    def __init__(self, answers: torch.Tensor) -> None:
        self.answers = answers

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """The rival's output for a batch."""
        return self.answers.expand(len(x), -1, -1)


class Windows:
    """A linear model of windows (N, 4), asked of each picture: (B, C, H, W) -> (B, M, 6). `model` gives probabilities, the ground last."""

    def __init__(self, model: Any, windows: torch.Tensor, classes: int) -> None:
        self._model, self._windows, self._classes = model, windows, classes

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """The rival's output for a batch."""
        return torch.stack([self._one(running_sums(picture[None])[0]) for picture in x.cpu()])

    def _one(self, sums: torch.Tensor) -> torch.Tensor:
        if not len(self._windows):
            return _filled(torch.zeros(0, ANSWER))
        probabilities = np.zeros((len(self._windows), self._classes + 1), np.float32)
        probabilities[:, self._model.classes_] = self._model.predict_proba(described(sums, self._windows).numpy())
        scores = torch.from_numpy(probabilities[:, :-1])  # (N, K)
        best, places = scores.flatten().topk(min(MOST_WINDOWS, scores.numel()))
        places, best = places[best > LEAST_SCORE], best[best > LEAST_SCORE]
        windows, classes = self._windows[places // self._classes], places % self._classes
        kept = batched_nms(windows, best, classes, OVERLAP)[:MOST]
        return _filled(torch.cat([windows[kept], best[kept, None], classes[kept, None].float()], 1))


def same_boxes(train: Split, classes: int) -> SameBoxes:
    """Boxes of the training pictures, each scored by the share of those pictures in which it is on an object of its class."""
    truth, pictures = _objects(train)
    answers = []
    for k in range(classes):
        mine = (truth.classes == k) & (truth.weight > 0)
        boxes, image = truth.boxes[mine], truth.image[mine]
        tried = boxes[:: max(1, -(-len(boxes) // CANDIDATES))]
        on = iou(tried, boxes) >= GOOD  # (n, N)
        hits = torch.zeros(len(tried), pictures).index_add_(1, image, on.float()) > 0
        scores = hits.float().mean(1)
        kept = batched_nms(tried, scores, torch.zeros(len(tried), dtype=torch.int64), GOOD)
        answers.append(torch.cat([tried[kept], scores[kept, None], torch.full((len(kept), 1), float(k))], 1))
    joined = torch.cat(answers)
    return SameBoxes(_filled(joined[joined[:, 4].argsort(descending=True, stable=True)][:MOST]))


def windows_by_colour_and_edges(train: Split, classes: int, seed: int = 0) -> Windows:
    """Logistic regression on the objects of the training pictures and on windows beside them."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    truth, _ = _objects(train)
    height, width = train.batch(torch.arange(1))["x"].shape[2:]
    windows = windows_of(sizes_of(truth, classes), height, width)
    rows, answers = _examples(train, windows, classes, rng.generator(seed, 0, "windows"))
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=200, tol=1e-3))
    if len(answers.unique()) < 2:
        return Windows(model, windows[:0], classes)
    return Windows(model.fit(rows.numpy(), answers.numpy()), windows, classes)


def sizes_of(truth: Truth, classes: int) -> torch.Tensor:
    """Widths and heights (S, 2) that objects mostly have, of each class, or of all together where there are many classes."""
    from sklearn.cluster import KMeans

    counted = truth.weight > 0
    groups = [counted & (truth.classes == k) for k in range(classes)] if classes <= MOST_CLASSES else [counted]
    found = []
    for mine in groups:
        boxes = truth.boxes[mine]
        sizes = (boxes[:, 2:] - boxes[:, :2]).clamp_min(LEAST_SIDE).log().unique(dim=0).numpy()
        if len(sizes):
            centres = KMeans(min(SIZES, len(sizes)), n_init=3, random_state=0).fit(sizes).cluster_centers_
            found.append(torch.from_numpy(centres).float().exp())
    return torch.cat(found) if found else torch.zeros(0, 2)


def windows_of(sizes: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Boxes (N, 4) of these sizes all over the picture; further apart where they would be too many."""
    apart = APART
    while True:
        found = [_grid(w, h, height, width, apart) for w, h in sizes.tolist()]
        if sum(map(len, found)) <= MOST_TRIED:
            return torch.cat([torch.zeros(0, 4), *found])
        apart *= 1.5


def _grid(w: float, h: float, height: int, width: int, apart: float) -> torch.Tensor:
    w, h = min(w, width), min(h, height)
    counts = (int((width - w) / (apart * w)) + 1, int((height - h) / (apart * h)) + 1)
    across, down = (torch.linspace(0, rest, n) for rest, n in zip((width - w, height - h), counts, strict=True))
    corners = torch.cartesian_prod(across, down).view(-1, 2)
    return torch.cat([corners, corners + torch.tensor([w, h])], 1)


def running_sums(x: torch.Tensor) -> torch.Tensor:
    """Of colour and of edges by orientation, over all that is above and to the left: (B, C, H, W) bytes -> (B, C + 9, H + 1, W + 1)."""
    each = torch.cat([x.float(), oriented(x)], 1).double() / 255
    return F.pad(each.cumsum(2).cumsum(3), (1, 0, 1, 0))


def described(sums: torch.Tensor, windows: torch.Tensor) -> torch.Tensor:
    """The mean colour and the edges of every part of windows (N, 4) of one picture, edges as shares of their length: (N, D) float32."""
    bounds = torch.tensor([sums.shape[2] - 1, sums.shape[1] - 1])
    share = torch.linspace(0, 1, PARTS + 1)
    lines = windows[:, None, :2] + share[:, None] * (windows[:, None, 2:] - windows[:, None, :2])  # (N, PARTS + 1, 2)
    xs, ys = torch.minimum(lines.round().long().clamp(min=0), bounds).unbind(2)
    corners = sums[:, ys[:, :, None], xs[:, None, :]]  # (C + 9, N, PARTS + 1, PARTS + 1)
    parts = corners.diff(dim=2).diff(dim=3) / (ys.diff(dim=1)[:, :, None] * xs.diff(dim=1)[:, None]).clamp_min(1)
    rows = parts.movedim(0, -1).flatten(1, 2).float()  # (N, PARTS^2, C + 9)
    edges = F.normalize(rows[..., -ORIENTATIONS:].flatten(1), dim=1, eps=0.05)
    return torch.cat([rows[..., :-ORIENTATIONS].flatten(1), edges], 1)


def _objects(train: Split) -> tuple[Truth, int]:
    """The objects of the training pictures, at most MOST_BOXES of them, and how many pictures those are of."""
    parts, pictures, boxes = [], 0, 0
    for batch in batches(train, AT_ONCE):
        truth = Truth.of(batch)
        parts.append(Truth(truth.boxes, truth.image + pictures, truth.classes, truth.weight))
        pictures, boxes = pictures + len(batch["x"]), boxes + len(truth.boxes)
        if boxes > MOST_BOXES:
            break
    sides = zip(*((part.boxes, part.image, part.classes, part.weight) for part in parts), strict=True)
    return Truth(*(torch.cat(side) for side in sides)), pictures


def _examples(train: Split, windows: torch.Tensor, classes: int, random: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Descriptions (N, D) and classes (N,): objects, the windows that are most on them, and windows on the ground, which is class K."""
    rows, answers, boxes = [], [], 0
    for batch in batches(train, AT_ONCE):
        truth = Truth.of(batch)
        for n, sums in enumerate(running_sums(batch["x"])):
            mine = truth.of_picture(n)
            on = iou(windows, mine.boxes)  # (N, objects)
            free = (on.amax(1) < BAD if len(mine.boxes) else torch.ones(len(windows), dtype=torch.bool)).nonzero().flatten()
            ground = windows[free[torch.randperm(len(free), generator=random)[:GROUND]]]
            counted = mine.weight > 0
            best, which = on[:, counted].max(0) if len(windows) else (torch.zeros(0), torch.zeros(0, dtype=torch.int64))
            near = best >= GOOD
            shown = torch.cat([mine.boxes[counted], windows[which[near]], ground])
            said = mine.classes[counted]
            rows.append(described(sums, shown))
            answers.append(torch.cat([said, said[near], torch.full((len(ground),), classes)]))
        boxes += len(truth.boxes)
        if boxes > MOST_BOXES:
            break
    return torch.cat(rows), torch.cat(answers)


def _filled(rows: torch.Tensor) -> torch.Tensor:
    """Answers as (MOST, 6), filled up with rows of score 0."""
    return F.pad(rows[:MOST], (0, 0, 0, max(0, MOST - len(rows)))).view(MOST, ANSWER)
