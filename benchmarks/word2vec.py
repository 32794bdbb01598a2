"""word2vec: `lamina train corpus.txt` beside gensim, whole processes from the text file to the vectors, by turns.

    python benchmarks/word2vec.py CORPUS.txt WORDS_FOLDER [--threads 2] [--epochs 5] [--rounds 2]

CORPUS.txt is lower-cased, letters only, a text a line, so that both see the same words; WORDS_FOLDER holds questions-words.txt,
wordsim353.tsv and simlex999.txt. Skip-gram, 100 numbers, window 5, 5 negatives, sample 1e-3, min count 5 on both sides; ours shares the
negatives of a window. Each side is its own process, imports included, loops compiled before (what compiling takes is stated apart).
Analogies are those whose four words both sides know; similarities are compared pair by pair, by a bootstrap over pairs.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import torch
from scipy.stats import spearmanr

from lamina.data.word_tests import read
from lamina.metrics.word_tests import answered

TESTS = ("questions-words.txt", "wordsim353.tsv", "simlex999.txt")
DRAWS = 2000
PEER = """
import sys
from gensim.models import Word2Vec
text, out, threads, epochs = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
model = Word2Vec(corpus_file=text, vector_size=100, window=5, negative=5, min_count=5, sample=1e-3, sg=1, workers=threads,
                 epochs=epochs, seed=1)
model.wv.save_word2vec_format(out, binary=True)
"""
OURS = """
import sys
from pathlib import Path
from lamina.core.vectors_kept import VectorFile
from lamina.verbs.request import Request
from lamina.verbs.train import train
text, out, threads, epochs = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
words = {"threads": threads, "epochs": epochs, "valid_every": 1_000_000}
found = train(Request(text, task="embed", words=words, quality="good"))
VectorFile(found.setup.data.spec.input.words, found.predictor.model.inputs.detach().numpy(), binary=True).save(Path(out))
"""


def timed(program: str, *words: str) -> tuple[float, float]:
    """(wall seconds, processor seconds) of a process."""
    start, before = time.perf_counter(), os.times()
    subprocess.run([sys.executable, "-c", program, *words], check=True, capture_output=True, text=True)
    after = os.times()
    return time.perf_counter() - start, sum(after[2:4]) - sum(before[2:4])


def vectors(path: Path) -> tuple[list[str], torch.Tensor]:
    from gensim.models import KeyedVectors

    found = KeyedVectors.load_word2vec_format(str(path), binary=True)
    return found.index_to_key, torch.from_numpy(found.vectors.copy())


def paired(mine: np.ndarray, theirs: np.ndarray, said: np.ndarray) -> tuple[float, float]:
    """95 % interval of the difference of two rank correlations with what people said, over the same pairs."""
    chance = np.random.default_rng(0)
    found = []
    for _ in range(DRAWS):
        rows = chance.integers(0, len(said), len(said))
        found.append(spearmanr(mine[rows], said[rows])[0] - spearmanr(theirs[rows], said[rows])[0])
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("corpus", type=Path)
    asked.add_argument("words", type=Path)
    asked.add_argument("--threads", type=int, default=2)
    asked.add_argument("--epochs", type=int, default=5)
    asked.add_argument("--rounds", type=int, default=2)
    told = asked.parse_args()
    count = sum(len(line.split()) for line in told.corpus.open()) * told.epochs
    with tempfile.TemporaryDirectory() as folder:
        files = {name: Path(folder) / f"{name}.bin" for name in ("lamina", "gensim")}
        programs, times = {"lamina": OURS, "gensim": PEER}, {"lamina": [], "gensim": []}
        for _ in range(told.rounds):
            for name, program in programs.items():
                wall, cpu = timed(program, str(told.corpus), str(files[name]), str(told.threads), str(told.epochs))
                times[name].append((wall, cpu))
                print(json.dumps({"peer": name, "wall_s": round(wall, 1), "cpu_s": round(cpu, 1), "words_per_s": round(count / wall),
                                  "words_per_cpu_s": round(count / cpu)}), flush=True)
        sides = {name: vectors(path) for name, path in files.items()}
    print(json.dumps({"speed_by_wall": median(w for w, _ in times["gensim"]) / median(w for w, _ in times["lamina"]),
                      "speed_by_cpu": median(c for _, c in times["gensim"]) / median(c for _, c in times["lamina"]),
                      "vocabulary": {name: len(words) for name, (words, _) in sides.items()}}))
    for file in TESTS:
        test = read(told.words / file)
        found = {name: answered(test, *side) for name, side in sides.items()}
        row = {"test": file} | {name: [round(one.value, 4), *np.round(one.interval, 4).tolist(), one.asked] for name, one in found.items()}
        if test.pairs:
            known = set(sides["lamina"][0])
            said = np.array([s for a, b, s in test.pairs if a in known and b in known])
            row["difference"] = paired(found["lamina"].each, found["gensim"].each, said)
        print(json.dumps(row))


if __name__ == "__main__":
    main()
