"""list: the names that are built in, each with the first line of its docstring."""

from lamina.core.errors import unknown
from lamina.core.registry import Registry
from lamina.data import DATASETS
from lamina.envs import ENVS
from lamina.envs.games import GAMES
from lamina.methods import METHODS
from lamina.models import MODELS
from lamina.nn import ACTIVATIONS, INITS, LOSSES, NORMS
from lamina.optim import OPTIMIZERS, SCHEDULES
from lamina.tasks import TASKS

KINDS: dict[str, Registry] = {
    "datasets": DATASETS, "environments": ENVS, "games": GAMES, "models": MODELS, "methods": METHODS, "tasks": TASKS, "norms": NORMS,
    "activations": ACTIVATIONS, "optimizers": OPTIMIZERS, "losses": LOSSES, "schedules": SCHEDULES, "inits": INITS,
}  # fmt: skip


def names(what: str = "") -> dict[str, dict[str, str]]:
    """One kind, or all of them: {kind: {name: line}}."""
    if what and what not in KINDS:
        raise unknown("kind of name", what, KINDS)
    return {kind: {n: table.summary(n) for n in table} for kind, table in KINDS.items() if what in ("", kind)}
