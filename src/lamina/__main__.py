"""`python -m lamina`, where the command `lamina` is not on the path."""

from lamina.cli import run

run()
