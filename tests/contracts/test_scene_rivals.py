"""What the rivals of boxes and masks promise: answers of the right shape on any data, chance where there is nothing to see, and more where
there is."""

from typing import Any

import numpy as np
import pytest
import torch

from lamina.baselines import pixels, windows
from lamina.baselines.scenes import of_boxes, of_masks
from lamina.core.batch import Batch
from lamina.core.data import Data, Split
from lamina.core.detector import Truth
from lamina.core.spec import IGNORED, Boxes, Image, Mask, Spec
from lamina.core.task import Evaluation
from lamina.data.arrays import ArraySplit
from lamina.metrics.boxes import Detections
from lamina.metrics.masks import Masks

H, W, K = 30, 44, 3


class Scenes:
    """Pictures `x` with boxes (N, 4) of the pictures `image` (N,), classes and weights (N,)."""

    def __init__(self, x: torch.Tensor, boxes: torch.Tensor, image: torch.Tensor, classes: torch.Tensor, weight: torch.Tensor) -> None:
        self.x, self.boxes, self.image, self.classes, self.weight = x, boxes, image, classes, weight

    def __len__(self) -> int:
        return len(self.x)

    def batch(self, indices: torch.Tensor) -> Batch:
        place, image = (self.image[:, None] == indices).nonzero(as_tuple=True)
        return Batch(x=self.x[indices], boxes=self.boxes[place], box_image=image, box_class=self.classes[place],
                     box_weight=self.weight[place], scale=torch.ones(len(indices)))

    def order(self, seed: int, epoch: int) -> torch.Tensor:
        return torch.arange(len(self))


def squares(pictures: int, seed: int, channels: int = 3, seen: bool = True) -> Scenes:
    """Squares of two classes on a dark ground, one bright, one striped; or noise, where nothing of them is `seen`."""
    random = np.random.default_rng(seed)
    x = random.integers(0, 60, (pictures, channels, H, W)).astype(np.uint8)
    boxes, image, classes = [], [], []
    for n in range(pictures):
        for k in (0, 1):
            top, left, side = random.integers(0, H - 14), random.integers(0, W // 2 - 14) + k * W // 2, 10 + 2 * k
            boxes.append([left, top, left + side, top + side])
            image.append(n)
            classes.append(k)
            if seen:
                x[n, :, top : top + side : 1 + k, left : left + side] = 220
    sides = (torch.tensor(boxes).float(), torch.tensor(image), torch.tensor(classes))
    return Scenes(torch.from_numpy(x), *sides, torch.ones(len(boxes)))


def stripes(pictures: int, seed: int) -> ArraySplit:
    """Class 0 above, 1 below, and class 2 wherever it is bright; some pixels are ignored."""
    random = torch.Generator().manual_seed(seed)
    y = torch.arange(H).ge(H // 2).byte()[:, None].expand(H, W).repeat(pictures, 1, 1)
    bright = torch.nn.functional.interpolate((torch.rand(pictures, 1, 5, 7, generator=random) < 0.2).float(), (H, W))[:, 0].bool()
    y[bright] = 2
    x = torch.randint(0, 60, (pictures, 1, H, W), generator=random).byte() + 150 * bright[:, None].byte()
    y[:, 0] = IGNORED
    return ArraySplit(x, y)


def data_of(train: Split, test: Split, target: Any, channels: int) -> Data:
    return Data("made", Spec(input=Image(channels=channels, height=H, width=W), target=target), train, test, test)


def judge_masks(rival: Any, split: Split) -> Evaluation:
    batch = split.batch(torch.arange(len(split)))
    found, answers = Masks(K), rival(batch["x"])
    assert answers.shape == (len(split), K, H, W)
    found.update(answers, batch["y"])
    return Evaluation(found.value())


def judge_boxes(rival: Any, split: Split) -> Evaluation:
    batch = split.batch(torch.arange(len(split)))
    found, answers = Detections(2), rival(batch["x"])
    assert answers.shape == (len(split), windows.MOST, 6)
    assert (answers[:, :-1, 4] >= answers[:, 1:, 4]).all()
    found.update(answers, Truth.of(batch), batch["scale"])
    return Evaluation(found.value())


def test_rivals_of_masks_see_more_and_more() -> None:
    found = of_masks(data_of(stripes(20, 0), stripes(8, 1), Mask(names=("above", "below", "bright")), 1), judge_masks)
    assert list(found) == ["most frequent", "by place", "colour and place"]
    frequent, place, colour = (one.metrics["mean_iou"] for one in found.values())
    assert frequent < 0.25
    assert 0.4 < place < 0.7
    assert colour > 0.95
    assert all(one.seconds > 0 for one in found.values())


def test_the_most_frequent_class_is_said_everywhere() -> None:
    train = stripes(20, 0)
    shares = torch.bincount(train.y[train.y != IGNORED].long(), minlength=K) / (train.y != IGNORED).sum()
    answer = pixels.most_frequent(train, K)(train.x[:2])
    torch.testing.assert_close(answer.softmax(1)[1, :, 3, 5], shares)
    by_place = pixels.by_place(train, K)(train.x[:2]).softmax(1)[0]
    torch.testing.assert_close(by_place.sum(0), torch.ones(H, W))
    torch.testing.assert_close(by_place[:, 0, 0], shares, msg="where nothing is labelled, the share of all places")
    torch.testing.assert_close(by_place[:, 3, 5], ((train.y[:, 3, 5, None] == torch.arange(K)).sum(0) + shares) / 21)


@pytest.mark.parametrize("y", [torch.full((3, H, W), IGNORED), torch.ones(3, H, W)])
def test_masks_without_labels_or_of_one_class_are_answered(y: torch.Tensor) -> None:
    split = ArraySplit(torch.zeros(3, 3, H, W, dtype=torch.uint8), y.byte())
    for learn in (pixels.most_frequent, pixels.by_place, pixels.by_colour_and_place):
        answer = learn(split, K)(split.x)
        assert answer.shape == (3, K, H, W)
        assert answer.isfinite().all()
        assert y[0, 0, 0] == IGNORED or (answer.argmax(1) == 1).all()


def test_pictures_of_another_size_are_answered_at_theirs() -> None:
    train = stripes(20, 0)
    x = torch.nn.functional.interpolate(train.x[:2], (2 * H + 1, W - 3))
    for learn in (pixels.most_frequent, pixels.by_place, pixels.by_colour_and_place):
        assert learn(train, K)(x).shape == (2, K, 2 * H + 1, W - 3)


def test_neighbourhoods_are_means_of_squares_cut_off_at_the_border() -> None:
    x = torch.rand(2, 3, 9, 12)
    for side in (3, 5, 15):
        found, far = pixels._around(x, side), side // 2
        for row, column in ((0, 0), (4, 6), (8, 11), (2, 10)):
            square = x[..., max(0, row - far) : row + far + 1, max(0, column - far) : column + far + 1]
            torch.testing.assert_close(found[..., row, column], square.mean((2, 3)))


def test_of_many_pictures_some_are_learned_from(monkeypatch: pytest.MonkeyPatch) -> None:
    """Evenly spread, and as many pixels in all."""
    monkeypatch.setattr(pixels, "MOST_PIXELS", 40)
    monkeypatch.setattr(pixels, "MOST_PICTURES", 4)
    x = torch.arange(10).view(10, 1, 1, 1).expand(10, 3, H, W).byte()
    rows, answers = pixels._pixels(ArraySplit(x, torch.zeros(10, H, W, dtype=torch.uint8)), torch.Generator())
    assert len(rows) == len(answers) == 40
    assert np.unique(rows[:, 0] * 255).round().tolist() == [0, 3, 6, 9]


@pytest.mark.parametrize("channels", [1, 3])
def test_windows_find_what_can_be_seen(channels: int) -> None:
    found = of_boxes(data_of(squares(20, 0, channels), squares(8, 1, channels), Boxes(names=("a", "b")), channels), judge_boxes)
    assert list(found) == ["same boxes", "windows"]
    same, seen = (one.metrics["AP50"] for one in found.values())
    assert seen > 0.8
    assert same < seen - 0.4


def test_windows_find_no_more_than_chance_in_noise() -> None:
    found = of_boxes(data_of(squares(20, 0, seen=False), squares(8, 1, seen=False), Boxes(names=("a", "b")), 3), judge_boxes)
    assert found["windows"].metrics["AP50"] < 0.3  # the classes still have their halves of the picture, but places are not seen


def test_the_same_boxes_are_those_that_were_there_most_often() -> None:
    train = squares(20, 0)
    train.boxes[train.classes == 0] = torch.tensor([3.0, 4, 15, 16])
    answers = windows.same_boxes(train, 2).answers
    torch.testing.assert_close(answers[0], torch.tensor([3.0, 4, 15, 16, 1, 0]))
    scores = answers[:, 4]
    assert (answers[1:, 4] < 1).all()
    assert (scores[:-1] >= scores[1:]).all()
    train.weight[:] = 0
    assert windows.same_boxes(train, 2).answers.abs().sum() == 0, "what is ignored is not learned"


def test_no_object_at_all_is_no_failure() -> None:
    empty = squares(4, 0)
    empty = Scenes(empty.x, empty.boxes[:0], empty.image[:0], empty.classes[:0], empty.weight[:0])
    for learn in (windows.same_boxes, windows.windows_by_colour_and_edges):
        assert learn(empty, 2)(empty.x).abs().sum() == 0


def test_windows_lie_in_the_picture_and_are_not_too_many() -> None:
    found = windows.windows_of(torch.tensor([[10.0, 8], [100, 5], [4, 4]]), H, W)
    assert (found >= 0).all()
    assert (found[:, 2:] <= torch.tensor([W, H])).all()
    assert (found[:, 2:] > found[:, :2]).all()
    assert 0 < len(windows.windows_of(torch.tensor([[4.0, 4]] * 3), 640, 640)) <= windows.MOST_TRIED


def test_running_sums_are_means_of_rectangles() -> None:
    x = torch.randint(0, 256, (1, 3, 16, 24), generator=torch.Generator().manual_seed(0)).byte()
    rows = windows.described(windows.running_sums(x)[0], torch.tensor([[4.0, 0, 12, 16]]))[0]
    parts = x[0, :, :, 4:12].float().view(3, 4, 4, 4, 2).mean((2, 4)) / 255  # (C, down, across)
    torch.testing.assert_close(rows[:48], parts.flatten(1).T.flatten())
