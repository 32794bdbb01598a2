"""What tells the human the truth about a run."""
