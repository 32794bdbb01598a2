"""Stable-Baselines3 with the RL Zoo's settings for CartPole-v1, until solved or to its last step: `cartpole_sb3.py SEED [ppo|dqn]`.

Every 5,000 steps the greedy policy plays 100 fresh episodes; where they average 475, 100 others must confirm it.
"""

import json
import os
import sys
import warnings

warnings.filterwarnings("ignore")

import gymnasium  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from stable_baselines3 import DQN, PPO  # noqa: E402
from stable_baselines3.common.callbacks import BaseCallback  # noqa: E402
from stable_baselines3.common.env_util import make_vec_env  # noqa: E402

torch.set_num_threads(1)
EVERY, THRESHOLD = 5_000, 475


def mean_return(model, seed):
    """The mean of the first episode of each of a hundred environments stepped together."""
    envs = gymnasium.make_vec("CartPole-v1", num_envs=100, vectorization_mode="vector_entry_point")
    seen, _ = envs.reset(seed=seed)
    total, going = np.zeros(100), np.ones(100, bool)
    while going.any():
        seen, reward, terminated, truncated, _ = envs.step(model.predict(seen, deterministic=True)[0])
        total += reward * going
        going &= ~(terminated | truncated)
    return total.mean()


class UntilSolved(BaseCallback):
    due, solved = EVERY, None

    def _on_step(self):
        if self.num_timesteps < self.due:
            return True
        self.due += EVERY
        seeds = (1_000_000 + self.num_timesteps, 2_000_000 + self.num_timesteps)
        if all(mean_return(self.model, seed) >= THRESHOLD for seed in seeds):
            self.solved = self.num_timesteps
        return self.solved is None


def falling(start):
    """A schedule of Stable-Baselines3: linear from `start` to nothing."""
    return lambda left: left * start


seed, method = int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "ppo"
if method == "ppo":
    model = PPO("MlpPolicy", make_vec_env("CartPole-v1", 8, seed=seed), n_steps=32, batch_size=256, gae_lambda=0.8, gamma=0.98, n_epochs=20,
                ent_coef=0.0, learning_rate=falling(0.001), clip_range=falling(0.2), seed=seed, device="cpu")
else:
    model = DQN("MlpPolicy", "CartPole-v1", learning_rate=2.3e-3, batch_size=64, buffer_size=100_000, learning_starts=1_000, gamma=0.99,
                target_update_interval=10, train_freq=256, gradient_steps=128, exploration_fraction=0.16, exploration_final_eps=0.04,
                policy_kwargs={"net_arch": [256, 256]}, seed=seed, device="cpu")
watcher = UntilSolved()
model.learn({"ppo": 300_000, "dqn": 50_000}[method], callback=watcher)
print(json.dumps({"solved": watcher.solved is not None, "steps": watcher.solved, "cpu_s": sum(os.times()[:4])}))
