"""A person's own environment: a `gymnasium.Env` class, or a function `make`, in a Python file that was named on the command line.

The file is executed, so nothing but the user's own words may bring it here: `my_env.py`, or `my_env.py:Name` where it holds several.
"""

import hashlib
import inspect
import sys
from collections.abc import Mapping
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from lamina.core.errors import DataError, UsageError, missing_package, quoted, unknown

MAKE = "make"  # the function that makes an environment, where a file has one


def is_file(name: str) -> bool:
    """Whether a data name is meant as a Python file, as `my_env.py` or `my_env.py:Name`."""
    return _parts(name)[0].endswith(".py")


def make(name: str, render: bool = False, words: Mapping[str, Any] = {}) -> Any:
    """One environment from the file, made with `words`; DataError where it is not there, throws, or holds none, UsageError where it
    holds several."""
    thing = maker(name)
    drawn = {"render_mode": "rgb_array"} if render and _takes(thing, "render_mode") else {}
    try:
        made = thing(**words, **drawn)
    except Exception as error:
        raise _threw(name, f"from `{thing.__name__}()`", error) from error
    if not isinstance(made, _gymnasium().Env):
        raise DataError("a `gymnasium.Env`", f"`{type(made).__name__}` from `{thing.__name__}()` in `{name}`", "Return one of these.")
    return made


def described(name: str) -> dict[str, str]:
    """Qualified name, file and its sha256, for the run."""
    file = Path(_parts(name)[0]).resolve()
    return {"name": f"{file.stem}.{maker(name).__qualname__}", "file": str(file), "sha256": _sha256(file)}


def _parts(name: str) -> tuple[str, str]:
    """The file and the name within it, "" for none."""
    file, colon, inside = name.rpartition(":")
    return (file, inside) if colon and file.endswith(".py") else (name, "")


def _there(name: str) -> Path:
    file = Path(_parts(name)[0]).resolve()
    if not file.is_file():
        raise DataError("a Python file with an environment", f"`{name}`, which is not there", "Check the name.")
    return file


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def maker(name: str) -> Any:
    """The class or function that makes the environment."""
    module, wanted = _module(name), _parts(name)[1]
    found, function = _classes(module), getattr(module, MAKE, None)
    if not inspect.isfunction(function) or function.__module__ != module.__name__:  # Gymnasium's own, imported
        function = None
    if wanted:
        known = found | ({MAKE: function} if function else {})
        if wanted not in known:
            raise unknown("environment", wanted, known, f"`{_parts(name)[0]}` holds no such.")
        return known[wanted]
    if function:
        return function
    if not found:
        raise DataError("a class that is a `gymnasium.Env`, or a function `make` that returns one", f"`{name}`, which has neither",
                        "Write one: Gymnasium's page on custom environments says how.")
    if len(found) > 1:
        raise UsageError("one environment in the file", f"{len(found)}: {quoted(found)}", f"Say which: `{name}:{next(iter(found))}`.")
    return next(iter(found.values()))


def _classes(module: ModuleType) -> dict[str, Any]:
    """The environments that are written in the file itself, not those that it imports."""
    env = _gymnasium().Env
    return {name: thing for name, thing in vars(module).items()
            if inspect.isclass(thing) and issubclass(thing, env) and thing.__module__ == module.__name__ and not inspect.isabstract(thing)}


def _module(name: str) -> ModuleType:
    """The file as a module, executed once for each text of it; its folder can be imported from while it runs."""
    file = _there(name)
    known = f"lamina_own_{_sha256(file)[:16]}_{file.stem}"
    if known in sys.modules:
        return sys.modules[known]
    spec = spec_from_file_location(known, file)
    assert spec is not None and spec.loader is not None, "a .py file has a loader"
    module = module_from_spec(spec)
    sys.modules[known] = module
    sys.path.insert(0, str(file.parent))
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[known]
        raise _threw(name, "while it was read", error) from error
    finally:
        sys.path.remove(str(file.parent))
    return module


def line_of(name: str, error: BaseException) -> int:
    """The line of the file in which the error came up; 0 where it did not."""
    file, line, trace = str(Path(_parts(name)[0]).resolve()), 0, error.__traceback__
    while trace is not None:
        line = trace.tb_lineno if trace.tb_frame.f_code.co_filename == file else line
        trace = trace.tb_next
    return error.lineno or 0 if isinstance(error, SyntaxError) and error.filename == file else line


def _threw(name: str, what: str, error: BaseException) -> DataError:
    """What a person's code threw, and in which line of the file."""
    line = line_of(name, error)
    came = f"`{type(error).__name__}: {error}` {what}" + (f", line {line}" if line else "")
    return DataError(f"`{_parts(name)[0]}` to give an environment", came, "Mend the file.")


def _takes(thing: Any, word: str) -> bool:
    """Whether a call takes a word by name."""
    parameters = inspect.signature(thing).parameters
    return word in parameters or any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())


def _gymnasium() -> Any:
    try:
        import gymnasium
    except ImportError as error:
        raise missing_package("gymnasium", "rl", "environments") from error
    return gymnasium
