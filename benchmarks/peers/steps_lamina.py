"""Lamina's environment steps a processor second, PPO on CartPole-v1 with the RL Zoo's settings: `steps_lamina.py SEED`.

Rounds of 25 iterations of 256 steps, play and learning together, after five that warm up; imports do not count.
"""

import json
import sys
import time

import torch

from lamina.verbs.request import Request
from lamina.verbs.setup import prepare

torch.set_num_threads(1)
ROUNDS, EACH, STEPS = 16, 25, 256
words = {"envs": 8, "horizon": 32, "epochs": 20, "batch": 256, "gamma": 0.98, "gae": 0.8}
ready = prepare(Request("CartPole-v1", seed=int(sys.argv[1]), words=words, device="cpu"))
ready.learner.steps = 1_000_000  # the rate stays where it begins, as on the other side


def played(first, count):
    begun = time.process_time()
    for step in range(first, first + count):
        ready.learner.begin(step)
        ready.method.update(ready.learner, ready.method.next_batch(ready.learner, step))
    return STEPS * count / (time.process_time() - begun)


played(1, 5)
print(json.dumps({"steps_per_cpu_s": max(played(6 + EACH * n, EACH) for n in range(ROUNDS))}))
