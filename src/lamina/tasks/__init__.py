"""The questions that data can answer, one declarative file each."""

from lamina.core.registry import Registry

TASKS = Registry("task", {
    "classify": "lamina.tasks.classify:Classify",
    "regress": "lamina.tasks.regress:Regress",
})  # fmt: skip
