"""CartPole-v1, Lamina beside Stable-Baselines3: processor seconds until it is solved, and environment steps a processor second.

    python benchmarks/play.py solved --seeds 5 --python stable_baselines3=/path/to/python
    python benchmarks/play.py dqn --seeds 5 --python stable_baselines3=/path/to/python
    python benchmarks/play.py steps --seeds 5 --python stable_baselines3=/path/to/python

`solved`: PPO from the start of the process, both by one rule: every 5,000 environment steps the greedy policy plays 100 fresh
episodes; where they average 475, another, disjoint 100 must too. Evaluations and imports count. `dqn`: the same for DQN, which ends
after 50,000 steps. `steps`: PPO, both with the RL Zoo's settings (8 environments, 32 steps, 20 epochs of one mini-batch of 256),
the best of sixteen rounds of 25 iterations. The programs run in turn, seed by seed, and the ratio is the median of those of each turn.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from statistics import median

HERE = Path(__file__).parent / "peers"
PEERS = {"lamina": "lamina", "sb3": "stable_baselines3"}  # as programs end, and the package of each
PROGRAMS = {"solved": ("cartpole", "ppo", "cpu_s"), "dqn": ("cartpole", "dqn", "cpu_s"), "steps": ("steps", "ppo", "steps_per_cpu_s")}


def main() -> None:
    """Run the seeds and print the table and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=list(PROGRAMS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--python", action="append", default=[], metavar="PACKAGE=PYTHON")
    asked = parser.parse_args()
    pythons = dict(word.split("=", 1) for word in asked.python)
    program, method, figure = PROGRAMS[asked.what]
    rows: dict[str, list[dict[str, float]]] = {}
    for seed in range(asked.seeds):
        for peer, package in PEERS.items():
            words = [pythons.get(package, sys.executable), HERE / f"{program}_{peer}.py", str(seed), method]
            done = subprocess.run(words, capture_output=True, text=True, check=False)
            if done.returncode:
                print(f"{peer}: not installed or failed: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
                continue
            rows.setdefault(peer, []).append(json.loads(done.stdout.splitlines()[-1]))
            print(f"  seed {seed} {peer}: {rows[peer][-1]}", file=sys.stderr, flush=True)
    for peer, found in rows.items():
        each = ", ".join(f"{row[figure]:.4g}" for row in found)
        solved = f"solved {sum(row['solved'] for row in found)}/{len(found)}   " if "solved" in found[0] else ""
        print(f"{peer:8} {solved}{figure} median {median(row[figure] for row in found):.4g}   each {each}")
    if len(rows) == len(PEERS):
        ratios = [a[figure] / b[figure] for a, b in zip(*(rows[peer] for peer in PEERS), strict=True)]
        print(f"ratio    median {median(ratios):.3g}   each {', '.join(f'{ratio:.3g}' for ratio in ratios)}")
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
