"""The part of a report that shows an agent at work: the episode of median return, moving and step by step."""

import base64
from pathlib import Path

from lamina.oversight.page import Html, figure, section, tag

LARGEST = 2_000_000  # bytes of a clip that is put into the page
ABOUT = "Of five episodes of the test the one of median return, not the best."


def of_episode(folder: Path) -> list[Html]:
    """What was drawn into the run's folder; nothing where nothing was."""
    steps, found = folder / "median_episode.svg", clip(folder / "median_episode.gif", "as it moved")
    drawn = [figure(Html(steps.read_text(encoding="utf-8")), "step by step")] if steps.is_file() else []
    return [section("An episode", tag("p", ABOUT, kind="quiet"), *found, *drawn)] if found or drawn else []


def clip(path: Path, caption: str) -> list[Html]:
    """A GIF as a part of the page, where it is there and not too large."""
    if not path.is_file() or path.stat().st_size > LARGEST:
        return []
    return [figure(f"data:image/gif;base64,{base64.b64encode(path.read_bytes()).decode()}", caption)]
