"""Learning from preferences (Christiano et al. 2017, Deep reinforcement learning from human preferences).

Nobody writes a reward: of two short clips somebody says which comes nearer to what is wanted, a network learns a reward that
explains these answers, and PPO earns that one. A human answers at the terminal (verbs/preferring.py), or a script, which prefers the
clip in which the environment's true goal was furthered more and needs one that is told. The environment's own reward is never
seen by what learns.

One update: play as PPO does, ask about some pairs of the clips just played, learn the reward, improve the policy. Departures: one reward
network in place of three; pairs are drawn evenly; the learned reward is brought to deviation 1 over what was just played (their section
2.2.1 does so over all).

    sigma  clip    L steps of what was seen and done     (L, D + A)
    r      the learned reward of a step                  (N,)
    mu     answer  share of the first clip: 1, 0 or 1/2
    P[1 > 2] = exp sum r(sigma_1) / (exp sum r(sigma_1) + exp sum r(sigma_2))    eq. (1)
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from lamina.core import rng
from lamina.core.batch import Batch
from lamina.core.config import knob
from lamina.core.errors import UsageError
from lamina.core.method import Learning, Pace
from lamina.core.spec import Actions, Spec, Vector
from lamina.envs.clips import Clip, Trails
from lamina.envs.episodes import EpisodeSplit
from lamina.methods import ppo
from lamina.methods.ppo import improved, normalized
from lamina.methods.rollout import Played, Player, acted_in, behind_scale, estimated, rollouts, told_of

WIDTH = 64  # of the reward's network
ASKED = {"goal": 40, "human": 6}  # pairs after each iteration


class Config(ppo.Config):
    """PPO's knobs, and how much is asked."""

    clip_steps: int = knob(16, "steps of a clip that is judged", low=2, search="log")
    answered_by: Literal["goal", "human"] = knob("goal", "who answers: a script by the true goal, or a human at the terminal")
    asked: int | None = knob(None, "pairs of clips that are asked about after each iteration; none: 40, of a human 6", low=1)
    answers: int = knob(2_000, "answers that are remembered", low=1, search="log")
    reward_steps: int = knob(60, "steps of gradient of the reward in each iteration", low=1, search="log")


class Judged(nn.Module):
    """A policy behind its scale, and the reward that is learned for it."""

    def __init__(self, policy: nn.Module, spec: Spec) -> None:
        super().__init__()
        assert isinstance(spec.input, Vector), "rewards are learned of rows"
        self.policy = policy
        self.reward = nn.Sequential(nn.Linear(spec.input.size + spec.target.size, WIDTH), nn.Tanh(), nn.Linear(WIDTH, WIDTH), nn.Tanh(),
                                    nn.Linear(WIDTH, 1, bias=False))  # of two sums of equal length no bias can be learned

    @property
    def actor(self) -> Any:
        return self.policy.actor

    @property
    def critic(self) -> Any:
        return self.policy.critic

    @property
    def both(self) -> Any:
        return self.policy.both

    @property
    def expected(self) -> Any:
        return self.policy.expected

    @property
    def scale(self) -> Any:
        return self.policy.scale

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.policy(x)
        return scores


class Preferences:
    """Plays, asks, learns what is wanted, improves."""

    defaults: ClassVar[Mapping[str, Any]] = ppo.PPO.defaults
    parts: ClassVar[tuple[str, ...]] = ("policy", "reward")

    def __init__(self, spec: Spec, config: Config, split: EpisodeSplit) -> None:
        acted_in(spec, split, "preferences")
        if not isinstance(spec.input, Vector):
            raise UsageError("an environment of rows, of which a reward is learned", f"`{split.world.name}`", "Use `--method ppo`.")
        if config.answered_by == "goal" and not split.world.goal():
            raise UsageError("an environment that tells its true goal, by which a script answers", f"`{split.world.name}`",
                             "Answer yourself, `answered_by=human`; or train boat_race, for example.")
        self.config, self.target = config, spec.target
        self.count = config.asked or ASKED[config.answered_by]
        self.human: Callable[[tuple[Clip, Clip]], float | None] | None = None
        self.trails = Trails(config.envs)
        self.player = Player(split, config.envs, config.gamma, config.scaled)
        self.clips = torch.zeros(0)  # (N, 2, L, D + A)
        self.answers = torch.zeros(0)  # (N,)

    @staticmethod
    def wrap(net: nn.Module, spec: Spec) -> nn.Module:
        """The policy behind the scale of what it sees, and the network of the reward."""
        return Judged(behind_scale(net, spec), spec)

    def prepare(self, model: nn.Module) -> None:
        """Nothing is known of the environment before it is played."""

    def rates(self, model: nn.Module) -> Mapping[nn.Parameter, float]:
        return {}

    def pace(self) -> Pace:
        return rollouts(self.config)

    def next_batch(self, learner: Learning, step: int) -> Batch:
        """Play one iteration and ask about it: (T * E) observations, actions and their log-probabilities, in the order of time."""
        played = self.player.play(learner, self.config.horizon, step)
        self._ask(played, np.random.default_rng(rng.key(learner.seed, step, "asked")))
        self._played = played
        action = torch.from_numpy(played.action)
        log_prob = self.player.distribution.log_prob(torch.from_numpy(played.output), action)
        return Batch(x=torch.from_numpy(played.x[:-1]).flatten(0, 1), action=action.flatten(0, 1), log_prob=log_prob.flatten())

    def _ask(self, played: Played, random: np.random.Generator) -> None:
        """Remember what is said of some pairs of clips, none of which runs over the end of an episode."""
        c = self.config
        starts = whole_clips(played.ended, c.clip_steps)
        pairs = starts[random.integers(0, len(starts), (self.count, 2))] if len(starts) > 1 else np.zeros((0, 2, 2), int)
        told = self._said(played, pairs) if c.answered_by == "human" else by_goal(played, pairs, c.clip_steps)
        if c.answered_by == "human":
            self.trails.go_on(played.action, played.ended)
        if not told:
            return
        steps = steps_of(played, self.target)
        clips = torch.stack([torch.stack([steps[t : t + c.clip_steps, e] for t, e in pair]) for pair, _ in told])
        self.clips = torch.cat([self.clips, clips])[-c.answers :] if len(self.clips) else clips
        self.answers = torch.cat([self.answers, torch.tensor([answer for _, answer in told])])[-c.answers :]

    def _said(self, played: Played, pairs: np.ndarray) -> list[tuple[np.ndarray, float]]:
        """What the human says of pairs of clips, until nothing more is to be asked."""
        found = []
        for pair in pairs if self.human is not None else ():
            assert self.human is not None, "asked above"
            first, second = (self.trails.clip(played.action, played.ended, (t, e), self.config.clip_steps) for t, e in pair)
            try:
                answer = self.human((first, second))
            except EOFError:
                self.human = None
                break
            if answer is not None:
                found.append((pair, answer))
        return found

    def wants_human(self) -> bool:
        return self.config.answered_by == "human"

    def ask(self, human: Callable[[tuple[Clip, Clip]], float | None]) -> None:
        """Hear of the human (core/method.py:Preferring); until then nobody is asked."""
        self.human = human

    def update(self, learner: Learning, batch: Batch) -> dict[str, torch.Tensor]:
        loss, agreed = self._learn_reward(learner)
        losses = improved(learner, self.player.distribution, batch | self._advantages(learner), self.config, "policy")
        told = {"reward_loss": loss, "agreed": agreed, "answers": torch.tensor(float(len(self.answers)))}
        return losses | told | told_of(self.player.envs)

    def _learn_reward(self, learner: Learning) -> tuple[torch.Tensor, torch.Tensor]:
        """Steps of gradient on remembered answers; the last loss, and the share of clear answers that the reward agrees with."""
        clips, answers = self.clips.to(learner.device), self.answers.to(learner.device)
        loss = agreed = torch.zeros((), device=learner.device)
        for _ in range(self.config.reward_steps if len(answers) else 0):
            rows = torch.randint(len(answers), (min(len(answers), 64),)).to(learner.device)
            ahead = leads(learner.model.reward, clips[rows])
            loss = F.binary_cross_entropy_with_logits(ahead, answers[rows])
            clear = answers[rows] != 0.5
            agreed = ((ahead.detach() > 0) == (answers[rows] > 0.5))[clear].float().mean() if clear.any() else agreed
            learner.step(loss, "reward")
        return loss.detach(), agreed

    def _advantages(self, learner: Learning) -> dict[str, torch.Tensor]:
        """Advantages and returns of what was played, by the learned reward."""
        c, played, device = self.config, self._played, learner.device
        with torch.no_grad():
            reward = learner.model.reward(steps_of(played, self.target).to(device)).squeeze(-1).cpu().numpy()
        reward = ((reward - reward.mean()) / (reward.std() + 1e-8)).astype(np.float32)
        found = estimated(learner, replace(played, reward=reward), c.gamma, c.gae)
        return {name: values.to(device) for name, values in normalized(*found).items()}

    def counters(self, step: int) -> dict[str, float]:
        return {"environment_steps": step * self.config.envs * self.config.horizon}

    def take_episodes(self) -> list[dict[str, Any]]:
        return self.player.envs.take_told()

    def state(self) -> dict[str, Any]:
        return {"player": self.player.state(), "clips": self.clips, "asked": self.answers, "trails": self.trails.state()}

    def load_state(self, state: dict[str, Any]) -> None:
        self.player.load_state(state["player"])
        self.clips, self.answers = state["clips"], state["asked"]
        self.trails.load_state(state["trails"])


def whole_clips(ended: np.ndarray, length: int) -> np.ndarray:
    """Where clips of `length` steps begin that no episode ends within, (N, 2): time and environment."""
    times = len(ended) - length + 1
    inside = np.stack([ended[k : k + max(0, times)] for k in range(length - 1)]).sum(0) if times > 0 else np.ones((0, ended.shape[1]))
    return np.argwhere(inside == 0)


def by_goal(played: Played, pairs: np.ndarray, length: int) -> list[tuple[np.ndarray, float]]:
    """Of each pair the clip in which the true goal was furthered more: 1 the first, 0 the second, 1/2 both alike."""
    gained = [[furthered(played, t, e, length) for t, e in pair] for pair in pairs]
    return [(pair, float(1 + np.sign(first - second)) / 2) for pair, (first, second) in zip(pairs, gained, strict=True)]


def furthered(played: Played, t: int, e: int, length: int) -> float:
    """How much the true goal was furthered in a clip."""
    return float(played.gained[t : t + length, e].sum())


def steps_of(played: Played, target: Any) -> torch.Tensor:
    """What was seen and done, (T, E, D + A), actions as a one among noughts or as numbers."""
    x, action = torch.from_numpy(played.x[:-1]), torch.from_numpy(played.action)
    done = F.one_hot(action, target.size).float() if isinstance(target, Actions) else action
    return torch.cat([x, done], -1)


def leads(reward: nn.Module, clips: torch.Tensor) -> torch.Tensor:
    """By how much the first clip of each pair (N, 2, L, D + A) is ahead, (N,): the logit of eq. (1)."""
    summed: torch.Tensor = reward(clips).squeeze(-1).sum(-1)
    return summed[:, 0] - summed[:, 1]
