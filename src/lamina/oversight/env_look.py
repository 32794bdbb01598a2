"""A look at an environment before anything learns in it: is it whole, what do agents score that learn nothing, is its goal told?"""

from functools import lru_cache
from shlex import quote

import numpy as np

from lamina.core import config as knobs
from lamina.core.data import Data
from lamina.core.spec import Image
from lamina.envs.episodes import EpisodeSplit
from lamina.envs.greedy import Act, play_all, scripted
from lamina.envs.guarded import TAKE_SEED, Faulty
from lamina.metrics.intervals import of_mean
from lamina.oversight import page
from lamina.oversight.env_trial import EACH_SECONDS, ENDLESS, EPISODES, Fault, Trial, policies, repeats, try_out
from lamina.oversight.framing import Question
from lamina.oversight.page import Html
from lamina.oversight.problems import Problem, ranked

LARGE, SMALL = 10.0, 0.05  # of a column's largest size, from which a network reads it badly
LARGE_REWARD = 100.0
SLOW = 1_000  # steps a CPU second
CLOCK = 5  # episodes of one length, all terminated, from which a clock is suspected
NAMED = 6
FAULTS: dict[str, tuple[str, str, str]] = {
    "throws": ("it throws", "A training would end there.", "Mend the environment."),
    "nan": ("numbers that are none", "Nothing can be learned from them, and one is enough to spoil a network.", "Mend the environment."),
    "form": ("it does not answer as Gymnasium has it", "A training would end there.",
             "`reset` returns an observation and a dict, `step` an observation, a number, two truth values and a dict."),
    "shape": ("observations of changing shape", "A network reads rows of one length.", "Return what `observation_space` declares."),
    "seed": ("it takes no seed", "No episode could be repeated: no run resumed, no figure compared.", TAKE_SEED),
}  # fmt: skip


def questions(data: Data, word: str) -> list[Question]:
    """How is it played well? With what agents score that learn nothing, the best of them first in words."""
    scored = _scored(_split(data))
    told = "; ".join(f"{name} {mean:.4g}" for name, mean, _, _ in scored[: 1 + NAMED]) or "none came to an end of an episode"
    best = scored[0] if scored else None
    config = _split(data).world.config or knobs.Config()
    chosen = [name for name in type(config).model_fields if name in config.model_fields_set]
    words = "".join(f" {name}={str(getattr(config, name)).lower()}" for name in chosen)
    return [Question(f"How is `{data.name}` played well?", "play", "", f"lamina train {quote(word)}{words}",
                     f"the mean return of an episode: {told}", "return_mean", best[1] if best else None)]


def problems(data: Data) -> list[Problem]:
    """What is found wrong, the worst first."""
    split = _split(data)
    trial = _chance(split)
    found = _faults(trial.faults)
    if not trial.faults:
        found += [*_not_repeating(split), *_endless(trial), *_constant(split)]
    if trial.steps:
        found += [*_rewards(split, trial), *_observations(split, trial), *_ends(trial), *_speed(trial)]
    return ranked(found + _goal(split, trial))


def shown(data: Data) -> Html:
    """What agents score that learn nothing, and what was seen and told, for the page."""
    split = _split(data)
    trial, rows = _chance(split), _scored(split)
    scores = page.table(("agent", "mean return", "from", "to"), [(name, f"{m:.4g}", f"{a:.4g}", f"{b:.4g}") for name, m, a, b in rows])
    tried = [f"{trial.steps} steps with actions of chance, {len(trial.episodes)} episodes came to an end, "
             f"{_rate(trial):,.0f} steps a CPU second"]  # fmt: skip
    tried += [f"told beside the reward: {', '.join(f'`{key}`' for key in trial.told) or 'nothing'}"]
    goal = split.world.goal()
    tried += [f"the true goal: {goal}"] if goal else []
    return page.join(page.section("What agents score that learn nothing", scores, page.tag("p", "Intervals of 95 %.", kind="quiet")),
                     page.section("Tried out", page.bullets(tried)))


def _split(data: Data) -> EpisodeSplit:
    assert isinstance(data.test, EpisodeSplit), "an environment is acted in"
    return data.test


@lru_cache(maxsize=4)
def _chance(split: EpisodeSplit) -> Trial:
    return try_out(split, policies(split)["random"])


@lru_cache(maxsize=4)
def _scored(split: EpisodeSplit) -> list[tuple[str, float, float, float]]:
    """Each agent that learns nothing: its name, mean return, and the interval of that; the best first."""
    if _chance(split).endless:
        return []
    found = []
    for name, act in policies(split).items():
        returns = _returns(split, act)
        if len(returns):
            mean = float(returns.mean())
            found.append((name, mean, *of_mean(mean, float(returns.std()), len(returns))))
    return sorted(found, key=lambda row: -row[1])


def _returns(split: EpisodeSplit, act: Act) -> np.ndarray:
    """Of some episodes, all at once where the environment is ours."""
    if split.world.dynamics() is None:
        return try_out(split, act, 100_000, EACH_SECONDS, EPISODES).returns()
    return np.array([record.episode_return for record in play_all(act, split.of(EPISODES), 0)])


def _faults(faults: list[Fault]) -> list[Problem]:
    """One problem for each kind of fault."""
    kinds = dict.fromkeys(fault.what for fault in faults)
    return [Problem(FAULTS[kind][0], "serious", sum(f.what == kind for f in faults), FAULTS[kind][1], FAULTS[kind][2],
                    tuple(f.came for f in faults if f.what == kind)) for kind in kinds]  # fmt: skip


def _not_repeating(split: EpisodeSplit) -> list[Problem]:
    """Whether what happens follows from seed and actions."""
    try:
        same, other = repeats(split)
    except Faulty as error:
        return _faults([Fault(error.kind, error.where)])
    if not same:
        means = "From the same seed and actions something else came: a stopped run cannot be resumed exactly, and no figure repeats."
        return [Problem("an episode does not repeat", "serious", 1, means, "Draw from `self.np_random` alone.")]
    means = "The first steps from seeds 1, 2 and 3 are the same: what is learned may hold for this one beginning alone."
    return [] if other else [Problem("every episode begins alike", "note", 1, means, "If the real task varies, let the beginning vary.")]


def _endless(trial: Trial) -> list[Problem]:
    means = f"{ENDLESS:,} steps with actions of chance did not end an episode."
    do = "Truncate them: let a function `make` return `gymnasium.wrappers.TimeLimit(env, 500)`."
    return [Problem("episodes do not end", "serious", 1, means, do)] if trial.endless else []


def _rewards(split: EpisodeSplit, trial: Trial) -> list[Problem]:
    """A reward that nobody comes to see, or that is very large."""
    paid = np.array(trial.rewards)
    known = {name for name, act in scripted(split).items() for reward in try_out(split, act, 2_000, EACH_SECONDS).rewards
             if reward != paid[0]}
    found = []
    if (paid == paid[0]).all() and len(set(trial.returns().tolist())) <= 1:
        way = f"; `{next(iter(known))}` does see another" if known else ""
        found.append(Problem("a reward that chance never meets", "worth", trial.steps, f"It was {paid[0]:g} in each of {trial.steps:,} "
                             f"steps, and every episode returned the same{way}. Methods that learn from what they try may learn nothing.",
                             "Make the first steps shorter, or lead there by a potential (`docs/environments.md`)."))
    never = [name.partition(".")[2] for name, amount in trial.told.items() if name.startswith("parts.") and not amount]
    if never:
        found.append(Problem("parts of the reward that chance never meets", "note", len(never), "They were 0 in every step.",
                             "See whether they can be reached at all.", tuple(never)))
    if np.abs(paid).max() > LARGE_REWARD:
        means = f"Up to {np.abs(paid).max():.4g} in a step: the critic's errors grow with their square."
        found.append(Problem("large rewards", "worth", int((np.abs(paid) > LARGE_REWARD).sum()), means,
                             "Train with `scaled=true`, or divide them."))
    return found


def _observations(split: EpisodeSplit, trial: Trial) -> list[Problem]:
    """Numbers that a network reads badly, that leave the declared box, or that never change."""
    if isinstance(split.spec.input, Image) or not trial.seen:
        return []
    seen, box = trial.observations, split.world.make().observation_space
    low, high = (np.broadcast_to(bound, box.shape).reshape(-1) for bound in (box.low, box.high))
    size, still = np.abs(seen).max(0), seen.std(0) == 0
    found = []
    outside = np.flatnonzero((seen < low - 1e-5).any(0) | (seen > high + 1e-5).any(0))
    if len(outside):
        found.append(Problem("observations outside of their declared box", "worth", len(outside), "Whoever scales by the box is misled.",
                             "Correct `observation_space`.", _columns(seen, outside)))
    wide, narrow = np.flatnonzero(size > LARGE), np.flatnonzero((size < SMALL) & ~still)
    for those, name, means in ((wide, "large observations", "Units of a network that reads them saturate."),
                               (narrow, "tiny observations", "A network hears them late, beside larger ones.")):
        if len(those):
            found.append(Problem(name, "worth", len(those), means, "Train with `scaled=true`, or divide them.", _columns(seen, those)))
    if still.any() and len(trial.episodes) > 1:
        found.append(Problem("observations that never change", "note", int(still.sum()), "With actions of chance they stand still.",
                             "See whether they should.", _columns(seen, np.flatnonzero(still))))
    return found


def _columns(seen: np.ndarray, those: np.ndarray) -> tuple[str, ...]:
    return tuple(f"number {i}: {seen[:, i].min():.4g} to {seen[:, i].max():.4g}" for i in those[:NAMED].tolist())


def _ends(trial: Trial) -> list[Problem]:
    """A clock that is told as an end: learners then believe that nothing comes after it."""
    lengths = {episode.length for episode in trial.episodes}
    clock = len(trial.episodes) >= CLOCK and len(lengths) == 1 and all(e.terminated for e in trial.episodes) and max(lengths) > 1
    means = (f"All of {len(trial.episodes)} episodes were `terminated` in step {max(lengths, default=0)}, which looks like a time limit. "
             "A method then learns that nothing comes after it.")
    return [Problem("a clock that is told as an end", "worth", len(trial.episodes), means,
                    "Return it as `truncated`, unless the clock is part of what is seen.")] if clock else []  # fmt: skip


def _constant(split: EpisodeSplit) -> list[Problem]:
    """One action for ever that scores as much as whoever knows the environment."""
    scored = _scored(split)
    always = next((row for row in scored if row[0].startswith("always")), None)
    if always is None or always is not scored[0] or len(scored) == 1:
        return []
    ahead = always[2] > max(row[1] for row in scored if not row[0].startswith("always"))
    means = f"{always[0]} returns {always[1]:.4g}, more than any agent that acts on what it sees: what is learned may look at nothing."
    return [Problem("one action is enough", "note", 1, means, "Keep that figure beside those of what is learned.")] if ahead else []


def _rate(trial: Trial) -> float:
    return trial.steps / max(trial.cpu_seconds, 1e-9)


def _speed(trial: Trial) -> list[Problem]:
    means = f"{_rate(trial):,.0f} steps a CPU second: 100,000 steps take {1e5 / _rate(trial) / 60:.0f} minutes for the environment alone."
    return [Problem("a slow environment", "note", trial.steps, means, "Methods that learn from memory (`dqn`, `sac`) need fewer steps.")
            ] if _rate(trial) < SLOW else []  # fmt: skip


def _goal(split: EpisodeSplit, trial: Trial) -> list[Problem]:
    """Where no true goal is declared, what could stand for it."""
    if split.world.goal() or "goal" in trial.told:
        return []
    offered = [f"`info[{key!r}]`, which is told already" for key in trial.told if key in ("is_success", "success", "distance", "score")]
    if any(e.terminated for e in trial.episodes):
        offered.append("how the episode ends: whether `terminated` is a success or a failure")
    offered += ["its length, where lasting is what is wanted, or ending soon", "how far the state that is wanted is away at the end"]
    means = "The return alone is watched: an agent that is paid for something else than you want will look like one that learns."
    do = 'Return `info["goal"]` from `step`, 0 to 1, how far the goal is reached so far; one of these may serve.'
    return [Problem("no true goal is declared", "note", 1, means, do, tuple(offered))]
