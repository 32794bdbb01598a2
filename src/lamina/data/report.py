"""How the data room says what it does while it reads: to the `lamina` logger, shown on the terminal."""

import logging


def say(message: str) -> None:
    """Tell the user, without deciding how it is shown."""
    logging.getLogger("lamina").info(message)
