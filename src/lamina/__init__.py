"""Lamina: practical deep learning for one person with data and a question.

Importing it loads no PyTorch; each public name is loaded when it is first used.
"""

from importlib import import_module

__version__ = "0.1.0"

_PLACES = {
    "Model": "lamina.model",
    "load": "lamina.model",
    "look": "lamina.verbs.look",
    "load_run": "lamina.model",
    "Classifier": "lamina.estimators",
    "Regressor": "lamina.estimators",
    "LaminaError": "lamina.core.errors",
}

__all__ = ["Classifier", "LaminaError", "Model", "Regressor", "__version__", "load", "load_run", "look"]


def __getattr__(name: str) -> object:
    if name not in _PLACES:
        raise AttributeError(f"module `lamina` has no attribute `{name}`; it has {', '.join(__all__)}")
    found: object = getattr(import_module(_PLACES[name]), name)
    return found


def __dir__() -> list[str]:
    return __all__
