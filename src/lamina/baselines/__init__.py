"""The trivial and the classical rival of each task, trained and judged on the same splits."""
