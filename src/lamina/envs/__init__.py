"""Environments to act in: any Gymnasium id, as data with a spec and three streams of episodes."""
