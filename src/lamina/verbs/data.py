"""DATA as a word: a built-in name, an environment, or the path of a person's own files; each with the knobs of its Config."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from lamina.core import config as knobs
from lamina.core.data import Data
from lamina.core.errors import RunError, UsageError, unknown
from lamina.core.reader import Reader
from lamina.core.spec import Spec
from lamina.data import DATASETS
from lamina.data.readers import looks_like_path, reader_for, reader_of
from lamina.envs import ENVS, own_env
from lamina.envs import episodes as envs
from lamina.envs.games import GAMES, as_data
from lamina.envs.games.opening import looks_like_game
from lamina.envs.world import World, looks_like_id, refuse_strange


def load_data(name: str, config: knobs.Config | Mapping[str, Any], seed: int, task: str = "") -> Data:
    """The data behind a word, split by `seed`, read for a `task` where one is named. A person's own remember where they came from."""
    config_class = config_of(name, task)
    if isinstance(config, Mapping):
        config = {**config, **told_task(config_class, task)}
        config = knobs.build("data", config_class, knobs.assign(config, {"data": config_class}, "the data")["data"])
    if looks_like_game(name):
        return as_data.data_of(name, seed)
    if is_environment(name):
        return envs.load(name, seed, config)
    if name in DATASETS:
        data: Data = DATASETS[name](config, seed)
        return data
    path = Path(name).resolve()
    found = reader_of(path, task)(path, config).data(seed)
    return replace(found, origin={"name": str(path), "knobs": config.model_dump(mode="json"), "seed": seed})


def is_environment(name: str) -> bool:
    """Whether a word means something to act in: one of ours, a Gymnasium id, a class in a person's own file."""
    return name in ENVS or looks_like_id(name) or own_env.is_file(name)


def _refuse_code(name: str) -> None:
    """UsageError where the data that a run names would be executed: a run may be a stranger's."""
    if own_env.is_file(name):
        raise UsageError(f"the file `{Path(name).name}`, as code runs only where you name it", f"a run of `{name}` alone",
                         f"Name it too: lamina evaluate RUN {name}, lamina train {name} --resume RUN.")
    if is_environment(name):
        refuse_strange(name)


def told_task(config_class: type[knobs.Config], task: str) -> dict[str, str]:
    """The knob by which data that could be read for several questions are told the one that is asked."""
    return {"task": task} if task and "task" in config_class.model_fields else {}


def config_of(name: str, task: str = "") -> type[knobs.Config]:
    """The Config of the data behind a word; UsageError for a word that names nothing."""
    if looks_like_game(name):
        return knobs.Config
    if is_environment(name):
        return World(name).config_class()
    if name in DATASETS:
        return knobs.config_of(DATASETS[name])
    if looks_like_path(name):
        return knobs.config_of(reader_of(Path(name), task))
    raise unknown("data set, environment, game, file or folder", name, [*DATASETS, *ENVS, *GAMES],
                  "`lamina list datasets` shows what is built in.")


def reader(path: Path, values: Mapping[str, Any], spec: Spec) -> Reader:
    """The reader of other data for a run that learned `spec`: of the run's own knobs, those that its kind of file has."""
    kind = reader_for(path, spec.input.kind, spec.target.kind)
    config_class = knobs.config_of(kind)
    return kind(path, knobs.build("data", config_class, {k: v for k, v in values.items() if k in config_class.model_fields}))


def data_of_run(described: Mapping[str, Any], named: str = "") -> Data:
    """The data that a run was made of, loaded again; RunError where the files behind them are not what they were. `named`: the file of the
    user's own code that the run is of, which is executed only where it is named."""
    if not named:
        _refuse_code(described["data"])
    data = load_data(named or described["data"], described["configs"]["data"], described["data_seed"], described["task"])
    if data.fingerprint != described.get("fingerprint", ""):
        raise RunError(f"the files in `{described['data']}` as they were when the run began", "files that were added, removed or changed",
                       "A new split could let training rows into the test. Put them back, or begin a new run.")
    return data
