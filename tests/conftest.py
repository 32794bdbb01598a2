"""How the suite runs: property tests without deadlines (a busy machine is no failure) and with repeatable draws."""

from hypothesis import settings

settings.register_profile("house", deadline=None, derandomize=True)
settings.load_profile("house")
