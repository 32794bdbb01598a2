"""What `lamina look` found, as one thing: printed, as JSON, and as a page."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lamina.core.data import Data
from lamina.core.spec import Actions, Controls, Moves
from lamina.oversight.framing import Question
from lamina.oversight.label_errors import Doubt
from lamina.oversight.own_looks import own_look
from lamina.oversight.problems import Problem
from lamina.oversight.rows import PARTS, Rows

SHOWN = {"questions": 6, "problems": 12, "meaning": 12, "examples": 4}
DEGREES = {"serious": "SERIOUS", "worth": "worth an hour", "note": "good to know"}
KINDS = {"image": "pictures", "vector": "rows of numbers", "table": "a table", "text": "texts"}


@dataclass(frozen=True)
class Look:
    """What the data are, which questions they can answer, what is wrong with them, and for a run which labels are doubtful.

    `doubts` are None where no labels were judged; `cost`: what judging them took, in words; `rows` give the page its pictures.
    """

    word: str
    data: Data = field(repr=False)
    rows: Rows | None = field(repr=False)
    questions: list[Question]
    problems: list[Problem]
    doubts: list[Doubt] | None = None
    cost: str = ""
    seconds: float = 0.0

    @property
    def kind(self) -> str:
        """What the data are, in a word or two."""
        own = own_look(self.data)
        if own is not None:
            return own.kind
        return KINDS[self.data.spec.input.kind]

    def sizes(self) -> dict[str, int]:
        """How many rows each part has."""
        splits = (self.data.train, self.data.valid, self.data.test)
        return {part: len(split) for part, split in zip(PARTS, splits, strict=True)}

    def to_json(self) -> dict[str, Any]:
        """Everything as plain values."""
        account = self.data.account
        refused = [{"where": r.where, "reason": r.reason, "repair": r.repair} for r in account.refused]
        return {
            "data": self.word, "kind": self.kind, "sheet": self.data.sheet, "meaning": list(self.data.meaning), "rows": self.sizes(),
            "questions": [question.to_json() for question in self.questions],
            "problems": [problem.to_json() for problem in self.problems],
            "account": {"used": account.used, "refused": refused},
            "label_errors": self._doubts(), "cost": self.cost, "seconds": self.seconds,
        }  # fmt: skip

    def _doubts(self) -> list[dict[str, Any]] | None:
        return None if self.doubts is None else [self.doubt(one) for one in self.doubts]

    def doubt(self, one: Doubt) -> dict[str, Any]:
        """A doubtful label in words."""
        assert self.rows is not None, "only rows have labels"
        names: Mapping[int, str] = dict(enumerate(self.data.spec.target.names))
        return {"where": self.rows.name(one.row), "label": names[one.given], "suggested": names[one.said],
                "probability_of_label": one.trust}

    def __str__(self) -> str:
        parts = [*self._what(), "", "questions", *self._asked(), "", "problems", *self._wrong()]
        if self.doubts is not None:
            parts += ["", *self._doubted()]
        return "\n".join(parts)

    def _what(self) -> list[str]:
        sizes = self.sizes()
        meaning = self.data.meaning[: SHOWN["meaning"]]
        more = len(self.data.meaning) - len(meaning)
        played = isinstance(self.data.spec.target, Actions | Controls)
        if isinstance(self.data.spec.target, Moves):
            del sizes["train"]  # which is played
        parts = "episodes are played anew" if played else ", ".join(f"{count} {part}" for part, count in sizes.items())
        lines = [f"{self.word}: {self.kind}", *([f"  {self.data.sheet}"] if self.data.sheet else []), f"  {parts}"]
        return lines + [f"  {line}" for line in meaning] + ([f"  and {more} more such lines"] if more > 0 else [])

    def _asked(self) -> list[str]:
        shown = self.questions[: SHOWN["questions"]]
        lines = [line for q in shown for line in (f"  {q.asks}", f"    {q.command}", f"    trivial: {q.trivial}")]
        more = len(self.questions) - len(shown)
        return lines + ([f"  and {more} more: see the page or --json"] if more > 0 else [])

    def _wrong(self) -> list[str]:
        lines = [line for problem in self.problems[: SHOWN["problems"]] for line in _problem(problem)]
        more = len(self.problems) - SHOWN["problems"]
        return (lines or ["  none found"]) + ([f"  and {more} more: see the page or --json"] if more > 0 else [])

    def _doubted(self) -> list[str]:
        assert self.doubts is not None, "asked for only where labels were judged"
        shown = [self.doubt(one) for one in self.doubts[:10]]
        lines = [f"  {d['where']}: labelled `{d['label']}` ({d['probability_of_label']:.1%} believed), looks like `{d['suggested']}`"
                 for d in shown]
        return [f"doubtful labels: {len(self.doubts)}   {self.cost}", *(lines or ["  none"])]


def _problem(problem: Problem) -> list[str]:
    examples = "; ".join(problem.where[: SHOWN["examples"]])
    more = " ..." if examples and problem.count > SHOWN["examples"] else ""
    lines = [f"  {DEGREES[problem.severity]}: {problem.name}, {problem.count}", f"    {problem.means}"]
    return lines + ([f"    as {examples}{more}"] if examples else []) + [f"    -> {problem.do}"]
