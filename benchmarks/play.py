"""CPU seconds, from the start of the process, until a greedy policy plays CartPole-v1: Lamina beside Stable-Baselines3.

    python benchmarks/play.py --seeds 5 --python stable_baselines3=/path/to/python

Both by one rule: every 5,000 environment steps the greedy policy plays 100 fresh episodes; where they average 475,
another, disjoint 100 must too. Evaluations and imports count. The programs run in turn, seed by seed.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from statistics import median

HERE = Path(__file__).parent / "peers"
PEERS = {"lamina": ("cartpole_lamina.py", "lamina"), "stable-baselines3": ("cartpole_sb3.py", "stable_baselines3")}


def main() -> None:
    """Run the seeds and print the table and one JSON line."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--seeds", type=int, default=5)
    words.add_argument("--python", action="append", default=[], metavar="PACKAGE=PYTHON")
    asked = words.parse_args()
    pythons = dict(word.split("=", 1) for word in asked.python)
    rows: dict[str, list[dict[str, float]]] = {}
    for seed in range(asked.seeds):
        for peer, (program, package) in PEERS.items():
            python = pythons.get(package, sys.executable)
            done = subprocess.run([python, HERE / program, str(seed)], capture_output=True, text=True, check=False)
            if done.returncode:
                print(f"{peer}: not installed or failed: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
                continue
            rows.setdefault(peer, []).append(json.loads(done.stdout.splitlines()[-1]))
            print(f"  seed {seed} {peer}: {rows[peer][-1]}", file=sys.stderr, flush=True)
    for peer, found in rows.items():
        solved = sum(row["solved"] for row in found)
        each = ", ".join(f"{row['cpu_s']:.1f}" for row in found)
        print(f"{peer:18} solved {solved}/{len(found)}   median {median(r['cpu_s'] for r in found):.1f} CPU s   each {each}")
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
