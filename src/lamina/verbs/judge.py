"""The judgement at the end of a training: how sure answers may be, the sealed test, the rivals beside it, and the verdict."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from lamina.core.data import Data, Split, batches
from lamina.core.predictor import Predictor, Trust
from lamina.core.run import Run
from lamina.core.spec import Actions, Classes, Controls, Moves
from lamina.core.task import Evaluation, Task
from lamina.oversight.calibration import Calibration, calibrate
from lamina.oversight.familiar import learn
from lamina.oversight.pixels_settled import Settled, settled
from lamina.oversight.verdict import Cost, Verdict, verdict


@dataclass(frozen=True)
class Judgement:
    """What was found of the best weights. `valid` is before the temperature, which `predictor` and `test` have."""

    predictor: Predictor
    valid: Evaluation
    test: Evaluation
    calibration: Calibration | None = None
    threshold: float | None = None  # of boxes: the least score of one that is told, as the validation split chose it
    settled: Settled | None = None  # of masks: how answers are taken
    baselines: dict[str, Evaluation] = field(default_factory=dict)
    verdict: Verdict | None = None

    def to_json(self) -> dict[str, Any]:
        """As result.json has it, but for the test's own figures."""
        return {
            "valid": self.valid.metrics, "calibration": None if self.calibration is None else self.calibration.to_json(),
            "threshold": self.threshold, "settled": None if self.settled is None else self.settled.to_json(),
            "baselines": {name: rival_json(rival) for name, rival in self.baselines.items()},
            "verdict": None if self.verdict is None else self.verdict.to_json(),
        }  # fmt: skip


def judge(task: Task, data: Data, predictor: Predictor, seed: int, sure: float) -> Judgement:
    """Validation, calibration, and the one look at the test split. `sure`: accuracy that sure answers are to have."""
    found = settled(predictor, data)
    if found is not None:
        predictor = predictor.trusted(found.trust)
    valid = task.evaluate(predictor, data.valid, seed)
    calibration = _calibrated(data, valid, sure)
    threshold: float | None = valid.details.get("threshold")
    if calibration is not None:
        predictor = predictor.trusted(calibration.trust)
    elif threshold is not None:
        predictor = predictor.trusted(Trust(threshold=threshold))
    return Judgement(predictor, valid, task.evaluate(predictor, data.test, seed + 1), calibration, threshold, found)


def beside_rivals(found: Judgement, task: Task, data: Data, seconds: float) -> Judgement:
    """The same with the rivals and the verdict. `seconds`: what the network took."""
    rivals = task.baselines(data)
    cost = Cost(seconds, sum(p.numel() for p in found.predictor.model.parameters()))
    return replace(found, baselines=rivals, verdict=verdict(found.test, rivals, cost))


def remember(run: Run, found: Judgement, data: Data) -> None:
    """Keep what later verbs need of a task that answers row by row: what was said of each test row, and what training data look like."""
    if found.test.scores is None:
        return
    said = {} if found.test.output is None else {"output": found.test.output}
    run.keep("test", {"scores": found.test.scores, **said})
    if isinstance(data.spec.target, Moves | Actions | Controls):  # what is played has no training rows that others could be unlike
        return
    run.keep("familiar", learn(found.predictor, data).kept)


def rows_of(split: Split) -> str:
    """Differs where the rows of a split do: by their names, or where they have none by their inputs, and by their answers."""
    where, digest = getattr(split, "where", ()), hashlib.sha256()
    digest.update("\n".join(where).encode(errors="surrogateescape"))
    for batch in batches(split):
        for key in sorted(batch):
            if key != "x" or not where:
                digest.update(batch[key].numpy().tobytes())
    return digest.hexdigest()


def rival_json(rival: Evaluation) -> dict[str, Any]:
    """A rival's figures and what it cost."""
    return {"metrics": rival.metrics, "intervals": rival.intervals, "seconds": rival.seconds}


def trust_of(result: Mapping[str, Any]) -> Trust:
    """What result.json says of how far answers are to be believed."""
    found = result.get("calibration") or result.get("settled")
    return Trust.of(found["trust"]) if found else Trust(threshold=result.get("threshold") or 0.0)


def _calibrated(data: Data, valid: Evaluation, sure: float) -> Calibration | None:
    """None where answers are not one of several classes."""
    if not isinstance(data.spec.target, Classes) or valid.output is None:
        return None
    rows = list(batches(data.valid))
    weight = torch.cat([row["weight"] for row in rows]) if "weight" in rows[0] else None
    return calibrate(valid.output, torch.cat([row["y"] for row in rows]), weight, data.spec.target.names, sure)
