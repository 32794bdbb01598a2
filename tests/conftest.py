"""How the suite runs: property tests without deadlines (a busy machine is no failure) and with repeatable draws; one thread."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import settings

settings.register_profile("house", deadline=None, derandomize=True)
settings.load_profile("house")


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Begin every test with one thread; a plan that takes more does not outlive its test."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the repository."""
    found = Path(__file__).parents[1].parent / "shared" / "data"
    if not found.is_dir():
        pytest.skip("no ../shared/data here")
    return found
