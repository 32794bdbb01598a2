"""What a user can ask for, one verb a file: the only door for the command line, Python and the browser."""

VERBS = {
    "look": "What DATA are, which questions they can answer, what is wrong with them; of a RUN also doubtful labels.",
    "train": "Fit a model to DATA; knobs are key=value words.",
    "evaluate": "The figures of RUN on its test split, each look counted; or on other DATA.",
    "predict": "The answers of RUN to your own inputs.",
    "play": "Play yourself in the terminal: against RUN or a game's search, or steer in an environment; watch an agent.",
    "compare": "Runs side by side on the same test, and whether they differ by more than noise.",
    "report": "Write RUN/report.html: all that is known of a run, the verdict first.",
    "list": "The names that are built in: datasets, models, methods, tasks, norms, ...",
}
