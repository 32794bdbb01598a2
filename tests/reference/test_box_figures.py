"""Figures of found objects against COCO's own programs, pycocotools and faster-coco-eval; skipped where they are absent.

Scenes are made with coarse coordinates and few scores, so that overlaps and scores tie, at the thresholds too.
"""

import contextlib
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lamina.core.detector import Truth
from lamina.metrics import boxes
from lamina.metrics.boxes import Detections

PLACES = {"AP": 0, "AP50": 1, "AP75": 2, "AP_small": 3, "AP_medium": 4, "AP_large": 5, "AR": 8}  # in COCO's twelve figures
PEERS = {"pycocotools": ("pycocotools.coco", "pycocotools.cocoeval", "COCOeval"), "faster_coco_eval": (
    "faster_coco_eval", "faster_coco_eval", "COCOeval_faster")}  # fmt: skip


Answers = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass
class Scenes:
    """Pictures with their objects and answers: boxes x0, y0, x1, y1 (n, 4) with a class, and a crowd flag or a score."""

    objects: list[tuple[np.ndarray, np.ndarray, np.ndarray]]
    answers: list[Answers]
    classes: int


def drawn(seed: int, pictures: int = 6, classes: int = 3, most: int = 12, step: float = 8.0) -> Scenes:
    """Scenes in which many answers lie near an object; some pictures are empty, the last class has no object at all."""
    random = np.random.default_rng(seed)
    objects, answers = [], []
    for _ in range(pictures):
        g, extra = random.integers(0, most), random.integers(0, most)
        true = boxes_at(random, g, step)
        near = (true[random.integers(0, g, 2 * g)] if g else true[:0]) + step / 2 * random.integers(-1, 2, (2 * g if g else 0, 4))
        said = np.concatenate([near, boxes_at(random, extra, step)])
        said[:, 2:] = np.maximum(said[:, 2:], said[:, :2] + 1)
        objects.append((true, random.integers(0, max(classes - 1, 1), g), random.random(g) < 0.2))
        answers.append((said, random.integers(0, classes, len(said)), random.integers(1, 9, len(said)) / 8))
    return Scenes(objects, answers, classes)


def boxes_at(random: np.random.Generator, count: int, step: float) -> np.ndarray:
    corner = random.integers(0, 20, (count, 2)) * step
    return np.concatenate([corner, corner + random.integers(1, 16, (count, 2)) * step], 1)


def gathered(scenes: Scenes, scale: float = 1.0) -> Detections:
    """Ours, in batches of unequal length; boxes come as the network sees them, `scale` times smaller."""
    found, parts = Detections(scenes.classes), np.array_split(np.arange(len(scenes.objects)), 3)
    for part in parts:
        rows = max((len(scenes.answers[n][0]) for n in part), default=0)
        answers = torch.zeros(len(part), rows + 2, 6, dtype=torch.float64)
        for b, n in enumerate(part):
            said, classes, scores = (torch.from_numpy(side) for side in scenes.answers[n])
            order = torch.argsort(-scores, stable=True)
            answers[b, : len(said)] = torch.cat([said / scale, scores[:, None], classes[:, None]], 1)[order]
        sides = [np.concatenate([scenes.objects[n][i] for n in part]) if len(part) else np.zeros((0, 4)[: 2 - (i > 0)]) for i in range(3)]
        image = np.repeat(np.arange(len(part)), [len(scenes.objects[n][0]) for n in part])
        truth = Truth(torch.from_numpy(sides[0] / scale).view(-1, 4), torch.from_numpy(image), torch.from_numpy(sides[1]).long(),
                      torch.from_numpy(1.0 - sides[2]))
        found.update(answers, truth, torch.full((len(part),), scale))
    return found


def peers(scenes: Scenes, peer: str, most: int = boxes.MOST) -> dict[str, float]:
    """COCO's figures by a program of theirs, of at most so many answers a class and picture; nothing where there is nothing to judge.

    Of another `most` than COCO's it is AP, AP50 and AP75 alone, which those programs print for 100 only.
    """
    coco_module, eval_module, name = PEERS[peer]
    coco = pytest.importorskip(coco_module, reason=f"needs {peer}").COCO
    made: list[dict[str, Any]] = []
    for n, (true, classes, crowd) in enumerate(scenes.objects):
        for box, k, ignored in zip(true, classes, crowd, strict=True):
            size = box[2:] - box[:2]
            made.append({"id": len(made) + 1, "image_id": n, "category_id": int(k), "bbox": [*box[:2].tolist(), *size.tolist()],
                         "area": float(size.prod()), "iscrowd": int(ignored)})
    said = [
        {"image_id": n, "category_id": int(k), "bbox": [*box[:2].tolist(), *(box[2:] - box[:2]).tolist()], "score": float(score)}
        for n, (found, classes, scores) in enumerate(scenes.answers) for box, k, score in zip(found, classes, scores, strict=True)
    ]  # fmt: skip
    truth = coco()
    truth.dataset = {"images": [{"id": n, "width": 500, "height": 500} for n in range(len(scenes.objects))], "annotations": made,
                     "categories": [{"id": k, "name": str(k)} for k in range(scenes.classes)], "info": {}}
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        judge = getattr(pytest.importorskip(eval_module), name)(truth, truth.loadRes(said), "bbox")
        judge.params.maxDets = [1, 10, most]
        judge.evaluate()
        judge.accumulate()
        if most != boxes.MOST:
            precision = np.asarray(judge.eval["precision"])[..., 0, -1]  # thresholds, recalls, classes
            at = {"AP": slice(None), "AP50": 0, "AP75": 5}
            return {name: float(precision[place][precision[place] > -1].mean()) for name, place in at.items()}
        judge.summarize()
    return {name: float(judge.stats[place]) for name, place in PLACES.items() if judge.stats[place] >= 0}


def differ(mine: dict[str, float], theirs: dict[str, float]) -> bool:
    return mine.keys() != theirs.keys() or any(abs(mine[name] - theirs[name]) > 1e-6 for name in theirs)


@pytest.mark.parametrize("peer", PEERS)
@given(seed=st.integers(0, 10_000), pictures=st.integers(3, 7), classes=st.integers(1, 4))
@settings(max_examples=15)
def test_figures_are_cocos(peer: str, seed: int, pictures: int, classes: int) -> None:
    scenes = drawn(seed, pictures, classes)
    if not any((~crowd).any() for _, _, crowd in scenes.objects) or not any(len(said) for said, _, _ in scenes.answers):
        return  # their programs refuse answers of nothing
    assert not differ(gathered(scenes).value(), peers(scenes, peer))


@pytest.mark.parametrize("peer", PEERS)
def test_figures_are_cocos_in_crowded_pictures(peer: str) -> None:
    """More answers of a class than are judged, coordinates that are not whole, and photos larger than what the network sees."""
    scenes = drawn(0, 3, 2, boxes.MOST, step=np.pi)
    assert max(np.bincount(classes).max() for _, classes, _ in scenes.answers) > boxes.MOST
    assert not differ(gathered(scenes, 4.0).value(), peers(scenes, peer))


@pytest.mark.parametrize("peer", PEERS)
def test_of_more_objects_than_cocos_limit_as_many_answers_are_judged(peer: str) -> None:
    scenes = drawn(0, 3, 2, 240, step=np.pi)
    assert max(len(true) for true, _, _ in scenes.objects) > boxes.MOST
    counts = [np.bincount(true, minlength=2) for _, true, _ in scenes.objects]
    judged = [among_the_first(*said, count) for said, count in zip(scenes.answers, counts, strict=True)]
    theirs = peers(Scenes(scenes.objects, judged, 2), peer, most=1000)
    mine = gathered(scenes).value()
    assert not differ({name: mine[name] for name in theirs}, theirs)
    assert differ({name: mine[name] for name in theirs}, {name: peers(scenes, peer)[name] for name in theirs}), "negative control"


def among_the_first(said: np.ndarray, classes: np.ndarray, scores: np.ndarray, objects: np.ndarray) -> Answers:
    """The best answers of each class, 100 or as many as there are objects of it."""
    order = np.argsort(-scores, kind="stable")
    kept = np.concatenate([order[classes[order] == k][: max(boxes.MOST, objects[k])] for k in range(len(objects))])
    return said[kept], classes[kept], scores[kept]


@pytest.mark.parametrize("peer", PEERS)
def test_negative_control_what_is_judged_otherwise_is_seen(peer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    scenes = drawn(3, 6, 3)
    theirs = peers(scenes, peer)
    assert not differ(gathered(scenes).value(), theirs)
    without = Scenes([(true, k, np.zeros_like(crowd)) for true, k, crowd in scenes.objects], scenes.answers, 3)
    assert differ(gathered(without).value(), theirs), "crowds that count"
    later = Scenes(scenes.objects, [(said, k, np.round(score)) for said, k, score in scenes.answers], 3)
    assert differ(gathered(later).value(), theirs), "scores of two steps"
    monkeypatch.setattr(boxes, "MOST", 2)
    assert differ(gathered(scenes).value(), theirs), "two answers a class and picture"


# -- what is not COCO's -------------------------------------------------------------------------------

GROUND = Truth(torch.zeros(0, 4), torch.zeros(0).long(), torch.zeros(0).long(), torch.zeros(0))


def of(answers: list[list[float]], objects: list[list[float]], crowds: tuple[int, ...] = (), classes: int = 2) -> Detections:
    """One picture: answers x0, y0, x1, y1, score, class; objects x0, y0, x1, y1, class."""
    found, true = Detections(classes), torch.tensor(objects).view(-1, 5)
    weight = torch.ones(len(true))
    weight[list(crowds)] = 0
    truth = Truth(true[:, :4], torch.zeros(len(true)).long(), true[:, 4].long(), weight)
    found.update(torch.tensor(answers).view(1, -1, 6), truth, torch.ones(1))
    return found


def test_without_answers_nothing_is_found() -> None:
    found = of([], [[0, 0, 10, 10, 0]])
    assert found.value() == {"AP": 0, "AP50": 0, "AP75": 0, "AR": 0, "AP_small": 0}
    assert found.errors()["counts"] == {"found": 0, "missed": 1, "false": 0, "confused": 0, "duplicate": 0, "badly placed": 0}
    assert found.errors()["worst"] == [(0, 1)]
    assert found.per_picture().tolist() == [0]


def test_without_objects_there_is_nothing_to_judge() -> None:
    found = Detections(2)
    found.update(torch.zeros(3, 5, 6), GROUND, torch.ones(3))
    assert set(found.value().values()) == {0}
    assert found.intervals()["AP"] == (0, 1)
    assert found.per_picture().tolist() == [1, 1, 1]
    assert found.per_class()[0]["count"] == 0
    assert found.curves()[0] == {"precision": [], "recall": [], "score": []}


def test_every_kind_of_error_is_known() -> None:
    far = [100.0, 100, 110, 110]
    objects = [[0, 0, 10, 10, 0], [20, 0, 30, 10, 0], [40, 0, 50, 10, 0], [60, 0, 70, 10, 0], [80, 0, 90, 10, 0]]
    answers = [
        [0, 0, 10, 10, 0.9, 0], [1, 0, 11, 10, 0.8, 0],  # found, then a duplicate
        [20, 0, 30, 10, 0.9, 1],  # confused
        [46, 0, 56, 10, 0.9, 0],  # badly placed: 4 of 16
        [*far, 0.9, 0], [60, 0, 70, 10, 0.1, 0],  # false; too unsure
        [80, 0, 90, 10, 0.9, 0],  # in a crowd
    ]  # fmt: skip
    found = of(sorted(answers, key=lambda row: -row[4]), objects, crowds=(4,))
    assert found.errors(0.5)["counts"] == {"found": 1, "missed": 1, "false": 1, "confused": 1, "duplicate": 1, "badly placed": 1}
    assert found.errors(0.05)["counts"]["found"] == 2
    assert found.per_picture(0.5).item() == pytest.approx(2 * 1 / (5 + 4))  # five answers that count, four objects


@given(seed=st.integers(0, 10_000))
@settings(max_examples=20)
def test_every_object_and_answer_is_in_one_kind(seed: int) -> None:
    scenes = drawn(seed)
    found = gathered(scenes)
    counts = found.errors(0.0)["counts"]
    objects = sum(int((~crowd).sum()) for _, _, crowd in scenes.objects)
    answers = sum(len(said) for said, _, _ in scenes.answers)
    assert counts["found"] + counts["missed"] <= objects
    in_crowds = answers - sum(counts[kind] for kind in ("found", "false", "confused", "duplicate", "badly placed"))
    assert 0 <= in_crowds <= answers
    assert (in_crowds == 0) or any(crowd.any() for _, _, crowd in scenes.objects)
    assert gathered(scenes).per_picture(0.0).max() <= 1


def test_the_threshold_is_that_of_the_best_f1() -> None:
    scenes = drawn(5, 8)
    found = gathered(scenes)

    def f1(threshold: float) -> float:
        counts = found.errors(threshold)["counts"]
        answers = sum(counts.values()) - counts["missed"]
        return 2 * counts["found"] / (answers + sum(int((~crowd).sum()) for _, _, crowd in scenes.objects))

    best = found.best_threshold()
    assert f1(best) == pytest.approx(max(f1(eighth / 8) for eighth in range(10)))
    assert all(abs(best - eighth / 8) > 0.01 for eighth in range(9)), "half-way between two scores"
    assert f1(best) > f1(0.99)


def test_scores_that_are_equal_are_believed_together() -> None:
    """Alone, the first of the equal answers would give the best F1; no threshold can part it from the others."""
    answers = [[0, 0, 10, 10, 0.9, 0], *([50.0 + 20 * n, 0, 60.0 + 20 * n, 10, 0.5, 0] for n in range(8))]
    found = of([answers[0], *([20, 0, 30, 10, 0.5, 0], *answers[1:])], [[0, 0, 10, 10, 0], [20, 0, 30, 10, 0]])
    assert found.best_threshold() == pytest.approx(0.7)


def test_figures_of_each_class_add_up() -> None:
    scenes = drawn(7, 9)
    found = gathered(scenes)
    rows = found.per_class()
    assert np.mean([row["AP"] for row in rows if row["count"]]) == pytest.approx(found.value()["AP"])
    assert sum(row["count"] for row in rows) == sum(int((~crowd).sum()) for _, _, crowd in scenes.objects)
    assert rows[2]["count"] == 0
    assert (rows[2]["AP_low"], rows[2]["AP_high"]) == (0, 1)
    assert all(row["AP_low"] <= row["AP"] <= row["AP_high"] for row in rows)
    for row, curve in zip(rows, found.curves(), strict=True):
        assert len(curve["score"]) == min(row["answers"], boxes.POINTS)
        assert curve["score"] == sorted(curve["score"], reverse=True)
        assert curve["recall"] == sorted(curve["recall"])


def test_an_answer_in_five_thousand_objects() -> None:
    corner = torch.stack([torch.arange(5000.0) % 100 * 10, torch.arange(5000.0) // 100 * 10], 1)
    truth = Truth(torch.cat([corner, corner + 9], 1), torch.zeros(5000).long(), torch.zeros(5000).long(), torch.ones(5000))
    found = Detections(1)
    found.update(torch.tensor([[[10.0, 10, 19, 19, 0.9, 0]]]), truth, torch.ones(1))
    assert found.errors(0.5)["counts"]["found"] == 1
    assert found.errors(0.5)["counts"]["missed"] == 4999


def test_the_interval_is_of_pictures_and_follows_their_number() -> None:
    one = drawn(1, 12)
    four = Scenes(one.objects * 4, one.answers * 4, one.classes)
    (low, high), (near, far) = gathered(one).intervals()["AP"], gathered(four).intervals()["AP"]
    assert low < gathered(one).value()["AP"] < high
    assert 0.3 < (far - near) / (high - low) < 0.8  # half as wide with four times the pictures
    assert gathered(one).intervals() == gathered(one).intervals()


def test_one_picture_says_nothing_of_others() -> None:
    found = of([[0, 0, 10, 10, 0.9, 0]], [[0, 0, 10, 10, 0], [20, 0, 30, 10, 0]])
    assert set(found.intervals().values()) == {(0, 1)}
    assert (found.per_class()[0]["AP_low"], found.per_class()[0]["AP_high"]) == (0, 1)
