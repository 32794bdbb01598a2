"""Every example runs to its end without a warning, as a reader would start it."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.py"))


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 2


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_example_runs(path: Path, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-W", "error", path], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_a_broken_example_is_seen(tmp_path: Path) -> None:
    """Negative control."""
    broken = tmp_path / "broken.py"
    broken.write_text("raise SystemExit(3)\n")
    assert subprocess.run([sys.executable, broken], check=False).returncode == 3
