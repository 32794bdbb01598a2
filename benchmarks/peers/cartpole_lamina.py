"""Lamina on CartPole-v1 until solved, or to its last step: `cartpole_lamina.py SEED [ppo|dqn]`.

The rule is the play task's own, every 5,000 steps.
"""

import json
import os
import sys

from lamina.verbs.request import Request
from lamina.verbs.train import Watcher, train

told = []


def watch(event):
    if event.kind == "valid" and event.values["solved"] and not told:
        told.append({"cpu_s": sum(os.times()[:4]), "iteration": event.step, "return_mean": event.values["return_mean"]})


method = sys.argv[2] if len(sys.argv) > 2 else "ppo"
steps = {"ppo": 300_000, "dqn": 50_000}[method]
request = Request("CartPole-v1", method=method, seed=int(sys.argv[1]), words={"steps": steps}, until={"solved": 1.0})
outcome = train(request, Watcher(event=watch))
steps = outcome.setup.method.counters(told[0]["iteration"])["environment_steps"] if told else None
print(json.dumps({"solved": bool(told), "steps": steps, **(told[0] if told else {"cpu_s": sum(os.times()[:4])})}))
