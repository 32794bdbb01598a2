"""How any room says what it does on the way: to the `lamina` logger, shown on the terminal."""

import logging


def say(message: str) -> None:
    """Tell the user, without deciding how it is shown."""
    logging.getLogger("lamina").info(message)
