"""The house rules that a machine can hold: the direction of imports, sizes, names, and what start-up loads."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import lamina
from lamina.commands import main
from lamina.verbs import VERBS

SOURCE = Path(lamina.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))
RANKS = {
    "core": 0, "optim": 1, "nn": 1, "data": 1, "envs": 1, "metrics": 1, "plan": 2, "loop": 3,
    "models": 2, "methods": 2, "search": 2, "baselines": 2, "tasks": 3, "export": 3, "oversight": 3, "verbs": 4,
    "cli": 5, "__main__": 5, "commands": 5, "terminal": 5, "model": 5, "estimators": 5, "studio": 5, "watching": 5, "__init__": 0,
}  # fmt: skip
FORBIDDEN = {"utils", "util", "helpers", "common", "misc", "manager", "base2"}
PUBLIC = ["Classifier", "LaminaError", "Model", "Regressor", "__version__", "load", "load_run", "look"]
FLAGS = {
    "look": {"--target", "--group", "--time", "--out", "--json", "--device"},
    "train": {
        "--task", "--model", "--method", "--for", "--until", "--seed", "--out", "--resume", "--from", "--gate", "--dry", "--knobs",
        "--json", "--device", "--target", "--group", "--time", "--allow-refused",
    },
    "evaluate": {"--json", "--device", "--episodes"},
    "predict": {"--json", "--device", "--csv", "--out", "--why", "--smooth"},
    "play": {"--json", "--device", "--second", "--seed", "--steer"},
    "compare": {"--json", "--device", "--picture"},
    "report": {"--json", "--device"},
    "list": {"--json"},
}  # fmt: skip


def room_of(path: Path) -> str:
    first = path.relative_to(SOURCE).parts[0]
    return first.removesuffix(".py")


def imported_rooms(tree: ast.AST) -> list[tuple[str, int]]:
    """(room, line) of every import of ours, also those inside functions, but not those for types only."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "lamina":
            parts = node.module.split(".")
            rooms = [parts[1]] if len(parts) > 1 else [alias.name for alias in node.names]
            found += [(room, node.lineno) for room in rooms if not room.startswith("__")]
        if isinstance(node, ast.Import):
            found += [(a.name.split(".")[1], node.lineno) for a in node.names if a.name.startswith("lamina.")]
    return found


def wrong_way(path: Path, text: str) -> list[str]:
    mine = room_of(path)
    return [
        f"{path.relative_to(SOURCE)}:{line} {mine} ({RANKS[mine]}) imports {room} ({RANKS[room]})"
        for room, line in imported_rooms(ast.parse(text)) if room != mine and RANKS[room] >= RANKS[mine] and mine != "__init__"
        and not (RANKS[mine] == RANKS[room] == 5)
    ]  # fmt: skip


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_imports_point_to_a_lower_rank(path: Path) -> None:
    assert wrong_way(path, path.read_text()) == []


def test_an_import_upwards_is_seen() -> None:
    """Negative control."""
    assert wrong_way(SOURCE / "core" / "spec.py", "from lamina.tasks import TASKS\n")


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_files_and_functions_are_small(path: Path) -> None:
    text = path.read_text()
    tree = ast.parse(text)
    assert text.count("\n") <= 400
    assert ast.get_docstring(tree), "every file begins by saying what it is"
    assert path.stem not in FORBIDDEN
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    for f in functions:
        assert f.end_lineno is not None
        assert f.end_lineno - f.lineno < 60, f"{f.name} is longer than 60 lines"
        if not (f.name == "__init__" and path.name == "estimators.py") and path.name != "commands.py":
            count = len([a for a in f.args.args + f.args.kwonlyargs + f.args.posonlyargs if a.arg not in ("self", "cls")])
            assert count <= 6, f"{f.name} has {count} parameters"


def test_nine_in_ten_functions_stay_under_30_lines() -> None:
    sizes = [
        n.end_lineno - n.lineno + 1 for path in FILES for n in ast.walk(ast.parse(path.read_text()))
        if isinstance(n, ast.FunctionDef) and n.end_lineno
    ]  # fmt: skip
    assert sum(size < 30 for size in sizes) >= 0.9 * len(sizes)


def test_public_names_are_frozen() -> None:
    assert sorted(lamina.__all__) == sorted(PUBLIC)
    for name in PUBLIC:
        assert getattr(lamina, name)


def test_flags_are_frozen() -> None:
    found = {name: {o for p in c.params for o in p.opts if o.startswith("--")} for name, c in main.commands.items()}
    assert found == FLAGS


def test_overview_and_commands_agree() -> None:
    assert {name: command.help for name, command in main.commands.items()} == VERBS


@pytest.mark.parametrize("words", ["-c|import lamina", "-m|lamina|--help", "-m|lamina.cli|train|--help"])
def test_starting_loads_no_torch(words: str) -> None:
    done = subprocess.run([sys.executable, "-X", "importtime", *words.split("|")], capture_output=True, text=True, check=True)
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "lamina" in loaded
    assert "torch" not in loaded


def test_nothing_unpickles_strangers() -> None:
    """Only the restricted reader may name pickle, and nobody `eval` or `torch.load` without weights_only."""
    for path in FILES:
        text = path.read_text()
        if path.name != "unpickle.py":
            assert "pickle.load" not in text, path
            assert "allow_pickle=True" not in text, path
            assert "weights_only=False" not in text, path
