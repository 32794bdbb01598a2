"""Is the network worth it here? One sentence, filled from figures: by how much, more than noise or not, and at what cost.

The network is compared row by row with the best of its rivals on the same sealed test rows. That rival is chosen on those
rows too, which favours it: a network that is called better has earned it.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from lamina.core.task import LOWER_IS_BETTER, Evaluation
from lamina.metrics import paired

Answer = Literal["better", "noise", "worse"]
TRIVIAL = ("most frequent", "mean", "same boxes", "copy", "single tokens", "last value", "random")
# rivals that are no strong classical model
SIMPLE = (*TRIVIAL, "linear", "naive Bayes", "by place", "dictionary", "bigrams", "most frequent of each word", "nearest picture",
          "seasonal naive")  # fmt: skip
FIGURES = ("points", "optimal_moves", "f1", "picture_iou", "text_accuracy", "chrf", "accuracy", "rmse", "loss", "goal_mean",
           "return_mean")
# that rows have scores of: the first that both have
ALWAYS = "always "  # before the name of an action that an agent does whatever it sees
MEANS = FIGURES[:6]  # rows score a share of their own
SHARES = frozenset({"accuracy", *MEANS})  # of `accuracy` rows score 1 or 0, of `rmse` their squared error, of `loss` their mean loss


@dataclass(frozen=True)
class Difference:
    """How much better one is than the other, in the figure's own units, with a 95 % interval; above 0 is better."""

    figure: str
    value: float
    low: float
    high: float

    @property
    def answer(self) -> Answer:
        """What the interval says: 0 inside it is noise."""
        return "better" if self.low > 0 else "worse" if self.high < 0 else "noise"

    def __str__(self) -> str:
        return f"95 %: {_plain(self.figure, self.low)} to {_plain(self.figure, self.high)}"

    def turned(self) -> "Difference":
        """How much worse one is than the other."""
        return Difference(self.figure, -self.value, -self.high, -self.low)

    def size(self) -> str:
        """The difference without its sign, with its unit."""
        of = {"accuracy": " points", "f1": " points of F1 a photo", "picture_iou": " points of IoU a photo",
              "text_accuracy": " points of right labels a text", "chrf": " points of chrF a text", "loss": " nats a token",
              "optimal_moves": " points of optimal moves", "points": " points of a hundred", "return_mean": " of return an episode",
              "goal_mean": " of its true goal"}
        return f"{_plain(self.figure, abs(self.value))}{of.get(self.figure, f' of {self.figure}')}"


@dataclass(frozen=True)
class Verdict:
    """The sentence, and the figures that fill it. `seconds` and `rival_seconds`: what each took to learn."""

    answer: Answer
    rival: str
    difference: Difference
    sentence: str
    seconds: float
    rival_seconds: float
    parameters: int

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Cost:
    """What a network took to learn, and how large it is."""

    seconds: float
    parameters: int


def difference(one: Evaluation, other: Evaluation) -> Difference | None:
    """How much better `one` is than `other` on the same rows; None where rows have no scores of their own."""
    figure = next((name for name in FIGURES if name in one.metrics and name in other.metrics), "")
    if one.scores is None or other.scores is None or not figure or len(one.scores) != len(other.scores):
        return None
    if figure in (*MEANS, "goal_mean", "return_mean"):
        return Difference(figure, *paired.means(one.scores, other.scores))
    if figure in SHARES:
        return Difference(figure, *paired.shares(one.scores, other.scores))
    if figure == "loss":  # less is better
        return Difference(figure, *paired.means(other.scores, one.scores))
    value, low, high = paired.roots(other.scores, one.scores)  # errors: less is better
    return Difference(figure, value, low, high)


def verdict(network: Evaluation, rivals: Mapping[str, Evaluation], cost: Cost) -> Verdict | None:
    """The verdict on `network` beside its `rivals`, in the order trivial, linear, strong; None where they cannot be compared."""
    found = {name: d for name, rival in rivals.items() if (d := difference(network, rival)) is not None}
    if not found:
        return None
    best = best_rival({name: rivals[name] for name in found})
    against = found[best]
    open_questions = [*_beside_trivial(best, found), *_not_run(rivals), *_paid(network, rivals[best], best)]
    parts = [_judged(best, against), *open_questions, _cost(best, rivals[best], cost)]
    return Verdict(against.answer, best, against, " ".join(parts), cost.seconds, rivals[best].seconds, cost.parameters)


def best_rival(rivals: Mapping[str, Evaluation]) -> str:
    """The name of the best by the figure that they share; of equal ones the simplest, which comes first."""
    figure = next(name for name in FIGURES if all(name in rival.metrics for rival in rivals.values()))
    sign = 1 if figure in LOWER_IS_BETTER else -1
    return min(rivals, key=lambda name: sign * rivals[name].metrics[figure])


def _judged(rival: str, found: Difference) -> str:
    name = named(rival)
    if found.answer == "better":
        return f"The network is better than {name} by {found.size()} ({found}): worth it here."
    if found.answer == "worse":
        return f"The network is worse than {name} by {found.size()} ({found.turned()}): deep learning is not the answer here."
    lead = "no difference" if found.value == 0 else f"{'ahead' if found.value > 0 else 'behind'} by {found.size()}"
    do = "nothing was learned that shows" if rival in TRIVIAL else "take the simpler model"
    return f"The network is no better than {name} within noise ({lead}; {found}): {do}."


def _beside_trivial(best: str, found: Mapping[str, Difference]) -> list[str]:
    """A word more where even knowing nothing does as well."""
    return [f"It is not shown to be better than {named(name)} either: this test does not show that anything was learned."
            for name in TRIVIAL if name in found and name != best and found[name].answer != "better"]


def _not_run(rivals: Mapping[str, Evaluation]) -> list[str]:
    if any(name not in SIMPLE and not name.startswith(ALWAYS) for name in rivals):
        return []
    missing = "No strong classical model" if len(rivals) > 1 else "Neither a linear nor a strong classical model"
    return [f"{missing} was run beside it, so that comparison is still open."]


def _paid(network: Evaluation, rival: Evaluation, best: str) -> list[str]:
    """What an agent is paid that was judged by its true goal."""
    if "goal_mean" not in network.metrics or "goal_mean" not in rival.metrics:
        return []
    mine, theirs = network.metrics["return_mean"], rival.metrics["return_mean"]
    said = f"It is paid {mine:.3g} an episode, {named(best)} {theirs:.3g}"
    if mine > theirs and network.intervals["goal_mean"][1] < rival.intervals["goal_mean"][0]:
        return [f"{said}: what it is paid for is not what is wanted."]
    return [f"{said}."]


def _cost(best: str, rival: Evaluation, cost: Cost) -> str:
    theirs = f", {named(best)} {_seconds(rival.seconds)}" if rival.seconds else ""
    return f"Cost: the network {_seconds(cost.seconds)} and {cost.parameters:,} parameters{theirs}."


def named(rival: str) -> str:
    """A rival in a sentence."""
    words = {"most frequent": "always saying the most frequent class", "mean": "always saying the mean", "linear": "a linear model",
             "same boxes": "the same boxes for every photo", "by place": "the most frequent class of each place",
             "copy": "saying again what was heard", "dictionary": "a dictionary of words", "single tokens": "how often each token is",
             "bigrams": "how often tokens follow one another", "most frequent of each word": "each word's most frequent label",
             "last value": "saying the last value again", "seasonal naive": "what was a season ago",
             "linear autoregression": "a line through the past", "nearest picture": "what was said of the most similar picture",
             "random": "random moves", "bare search": "the same search without a network",
             "untrained network": "an untrained network with the same search", "windows": "a linear model of windows",
             "colour and place": "boosting on colour and place"}
    return f"always doing `{rival.removeprefix(ALWAYS)}`" if rival.startswith(ALWAYS) else words.get(rival, rival)


def _plain(figure: str, value: float) -> str:
    """Shares in points of a hundred, other figures in their own unit."""
    return f"{100 * value:.1f}" if figure in SHARES else f"{value:.3g}"


def _seconds(seconds: float) -> str:
    return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
