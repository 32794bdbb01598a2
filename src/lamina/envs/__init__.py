"""Environments to act in: our own on arrays, any Gymnasium id, or a class in a person's file; each as data with a spec and three streams
of episodes."""

from lamina.core.registry import Registry

ENVS = Registry("environment", {
    "boat_race": "lamina.envs.boat_race:BoatRace",
    "traffic": "lamina.envs.traffic:Traffic",
    "grid": "lamina.envs.grid:Grid",
    "bandit": "lamina.envs.bandit:Bandit",
    "traps": "lamina.envs.traps:Traps",
})  # fmt: skip
