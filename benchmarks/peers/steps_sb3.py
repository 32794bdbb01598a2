"""Stable-Baselines3's environment steps a processor second, by the same settings and in the same way: `steps_sb3.py SEED`."""

import json
import sys
import time
import warnings

warnings.filterwarnings("ignore")

import torch  # noqa: E402
from stable_baselines3 import PPO  # noqa: E402
from stable_baselines3.common.env_util import make_vec_env  # noqa: E402

torch.set_num_threads(1)
ROUNDS, EACH, STEPS = 16, 25, 256
model = PPO("MlpPolicy", make_vec_env("CartPole-v1", 8, seed=int(sys.argv[1])), n_steps=32, batch_size=256, gae_lambda=0.8, gamma=0.98,
            n_epochs=20, ent_coef=0.0, learning_rate=1e-3, clip_range=0.2, seed=int(sys.argv[1]), device="cpu")


def played(count):
    begun = time.process_time()
    model.learn(STEPS * count, reset_num_timesteps=False)
    return STEPS * count / (time.process_time() - begun)


played(5)
print(json.dumps({"steps_per_cpu_s": max(played(EACH) for _ in range(ROUNDS))}))
