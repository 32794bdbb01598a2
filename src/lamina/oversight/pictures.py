"""Training curves and a confusion matrix as SVG in the run folder."""

from lamina.core.run import Run
from lamina.core.task import Evaluation


def draw_run(run: Run, monitor: str, test: Evaluation) -> None:
    """Placeholder until the drawings stand."""
