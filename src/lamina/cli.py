"""The `lamina` command: an overview of the verbs, and the way to them.

click costs three times as much to import as Python to start, so the overview is printed without it.
"""

import sys

from lamina import __version__
from lamina.verbs import VERBS

OVERVIEW = """Usage: lamina VERB [WORDS]...      lamina VERB --help

  Practical deep learning for one person with data and a question.

Verbs:
{verbs}

Begin with: lamina train mnist"""


def run() -> None:
    """The entry point of the `lamina` command."""
    if sys.argv[1:] in ([], ["-h"], ["--help"]):
        print(OVERVIEW.format(verbs="\n".join(f"  {name:<10}{line}" for name, line in VERBS.items())))
    elif sys.argv[1:] == ["--version"]:
        print(__version__)
    else:
        _do()


def _do() -> None:
    from lamina.commands import main

    try:
        main(prog_name="lamina")
    except KeyboardInterrupt:
        print("lamina: stopped without saving.", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    run()
