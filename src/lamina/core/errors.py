"""What Lamina says when something is wrong: what was expected, what came, what to do.

Every error carries the exit code of the command line: 1 for work that failed, 2 for wrong use.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class LaminaError(Exception):
    """Work that failed although it was asked for rightly; says `expected`, `came` and `do`."""

    exit_code = 1

    def __init__(self, expected: str, came: str, do: str) -> None:
        self.expected, self.came, self.do = expected, came, do
        super().__init__(f"expected {expected}; came {came}. {do}")

    def __reduce__(self) -> tuple[type["LaminaError"], tuple[str, str, str]]:
        return type(self), (self.expected, self.came, self.do)


class UsageError(LaminaError, ValueError):
    """A name, a word or a value that Lamina cannot take."""

    exit_code = 2


class DataError(UsageError):
    """Data that cannot be read, or that cannot answer the question."""


class RunError(UsageError):
    """A run folder that is missing, damaged, in use, or from a newer version."""


class TrainingError(LaminaError):
    """Training that cannot go on: a loss or gradient that is not finite, a disk that is full."""


class Interrupted(LaminaError):
    """Ctrl-C: the run was saved and can be resumed. 130 is the shell's code for it."""

    exit_code = 130


def quoted(names: Iterable[str], limit: int = 12) -> str:
    """The names in backticks, at most `limit` of them."""
    names = list(names)
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(f"`{name}`" for name in names[:limit]) + more


def unknown(kind: str, name: str, known: Iterable[str], do: str = "") -> UsageError:
    """An unknown name, with the nearest known one offered."""
    known = sorted(known)
    near = get_close_matches(name, known, n=1, cutoff=0.5)
    offer = f"Did you mean `{near[0]}`?" if near else f"Known: {quoted(known)}."
    return UsageError(f"a known {kind}", f"`{name}`", f"{offer} {do}".strip())


def missing_package(package: str, extra: str, why: str) -> UsageError:
    """An optional package that is not installed, with the command that installs it."""
    return UsageError(
        f"the package `{package}` for {why}", "a machine without it",
        f"Install it with: pip install 'lamina[{extra}]'",
    )
