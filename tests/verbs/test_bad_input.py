"""Wrong use: exit code 2, one message that says what was expected, what came and what to do, and nothing on disk."""

import io
import json
import struct
import subprocess
import sys
import zlib
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from shutil import copytree
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as pil
from torch import nn

from lamina.commands import main
from lamina.core.errors import DataError, UsageError
from lamina.core.spec import Image, Vector
from lamina.data import pictures
from lamina.data.arrays import from_arrays
from lamina.data.inputs import read_all
from lamina.model import Model

QUICK = ["threads=1", "epochs=1", "patience=0"]


def lamina(*words: str | Path, given: bytes = b"") -> Result:
    return CliRunner().invoke(main, [str(word) for word in words], input=given)


def refused(result: Result, *said: str) -> None:
    assert isinstance(result.exception, SystemExit), result.exc_info
    assert result.exit_code == 2, result.output
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.output
    assert lines[0].startswith("lamina: expected ")
    _, _, do = lines[0].partition("; came ")
    assert ". " in do, "what to do comes last"
    assert "tempfile" not in lines[0]
    for word in said:
        assert word in lines[0]


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rows") / "run"
    assert lamina("train", "iris", *QUICK, "--out", folder).exit_code == 0
    return folder


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures") / "run"
    assert lamina("train", "digits", "--model", "perceptron", *QUICK, "--out", folder).exit_code == 0
    return folder


TRAININGS: dict[str, tuple[list[str], tuple[str, ...]]] = {
    "data": (["iriss"], ("`iriss`", "`iris`")),
    "nothing like any data": (["q"], ("`q`", "lamina list datasets")),
    "empty data": ([""], ("data set",)),
    "environment": (["NoSuch-v0"], ("NoSuch-v0",)),
    "model": (["iris", "--model", "mlpp"], ("`mlpp`", "`mlp`")),
    "method": (["iris", "--method", "supervise"], ("`supervise`", "`supervised`")),
    "task": (["iris", "--task", "clasify"], ("`clasify`", "`classify`")),
    "task of other data": (["iris", "--task", "regress"], ("`regress`", "`classify`")),
    "model of other data": (["iris", "--model", "lenet"], ("lenet",)),
    "method of other data": (["iris", "--method", "ppo"], ("ppo",)),
    "knob": (["iris", "epoch=3"], ("`epoch`", "`epochs`")),
    "knob of no section": (["iris", "nn.epochs=3"], ("nn.epochs",)),
    "word": (["iris", "epochs"], ("`epochs`", "`key=value`")),
    "value": (["iris", "epochs=many"], ("`many`", "epochs")),
    "value below its bounds": (["iris", "epochs=-1"], ("`-1`", "epochs")),
    "value that is no number": (["iris", "learning_rate=nan"], ("`nan`", "learning_rate")),
    "list": (["iris", "hidden=8,x"], ("hidden",)),
    "choice": (["iris", "optimizer=adamm"], ("`adamm`", "`adam")),
    "quality": (["iris", "quality=superb"], ("`superb`", "`best`")),
    "figure in --until": (["iris", "--until", "acuracy=0.9"], ("`acuracy`", "`accuracy`")),
    "figure of another task": (["diabetes", "--until", "accuracy=0.9"], ("`accuracy`", "rmse")),
    "value in --until": (["iris", "--until", "accuracy=high"], ("`high`",)),
    "--until without a value": (["iris", "--until", "accuracy"], ("`accuracy`",)),
    "figure to monitor": (["iris", "monitor=acuracy"], ("`acuracy`", "`accuracy`")),
    "time": (["iris", "--for", "10"], ("`10`", "`90s`")),
    "no time": (["iris", "--for", "0s"], ("`0s`",)),
    "device": (["iris", "--device", "cuda:99"], ("`cuda:99`", "--device cpu")),
    "no device": (["iris", "--device", "abacus"], ("`abacus`",)),
    "device without numbers": (["iris", "--device", "meta"], ("`meta`",)),
    "run to begin from": (["iris", "--from", "nowhere"], ("`nowhere`",)),
    "run to resume": (["--resume", "nowhere"], ("`nowhere`",)),
}  # fmt: skip


@pytest.mark.parametrize("case", TRAININGS)
@pytest.mark.parametrize("dry", [[], ["--dry"]], ids=["", "dry"])
def test_a_training_that_cannot_be_begun(case: str, dry: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words, said = TRAININGS[case]
    if dry and "--resume" in words:
        pytest.skip("a resumed run is never dry")
    refused(lamina("train", *words, *dry), *said)
    assert list(tmp_path.iterdir()) == [], "no folder is left behind"


def test_what_click_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for words, said in ((["train", "iris", "--seed", "x"], "'x'"), (["train", "iris", "--sed", "1"], "--seed"),
                        (["train"], "lamina list datasets"), (["trian"], "trian"), (["predict"], "RUN")):  # fmt: skip
        found = lamina(*words)
        assert found.exit_code == 2
        assert found.stderr.count("Error: ") == 1
        assert said in found.stderr
    assert list(tmp_path.iterdir()) == []


def test_in_a_process_of_its_own(tmp_path: Path) -> None:
    for words, said in ((["train", "iris", "epoch=3"], "`epochs`"), (["evaluate", str(tmp_path)], "config.json")):
        done = subprocess.run([sys.executable, "-m", "lamina.cli", *words, "--json"], capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == 2
        assert done.stdout == ""
        assert done.stderr.startswith("lamina: expected ")
        assert len(done.stderr.splitlines()) == 1
        assert said in done.stderr
    assert list(tmp_path.iterdir()) == []


# -- rows -----------------------------------------------------------------------------------------

ROWS = {
    "words": ("a,b,c,d", "`a,b,c,d`"), "too few": ("1,2,3", "`3` of them"), "too many": ("1,2,3,4,5", "`5` of them"), "empty": ("", "``"),
    "a gap": ("1,2,nan,4", "finite"), "too large": ("1,2,1e39,4", "finite"), "infinite": ("1,2,-inf,4", "finite"),
    "a file": ("rows.csv", "`rows.csv`"), "an unknown option": ("--fast", "`--fast`"), "bytes": ("1,\0,2,3", "row of numbers"),
}  # fmt: skip


@pytest.mark.parametrize("case", ROWS)
def test_rows_that_cannot_be_answered(rows: Path, case: str) -> None:
    row, said = ROWS[case]
    refused(lamina("predict", rows, "5.1,3.5,1.4,0.2", row), said)


@pytest.mark.parametrize("given", [b"", b"\n \n", b"1,2\n", b"\xff\xfe\x00", b"1,2,3,4\nword\n"])
def test_rows_on_standard_input_that_cannot_be_answered(rows: Path, given: bytes) -> None:
    refused(lamina("predict", rows, "-", given=given))


# -- pictures -------------------------------------------------------------------------------------


def png(width: int, height: int, pixels: np.ndarray | None = None) -> bytes:
    """A PNG file; without pixels only its header, which may promise anything."""
    if pixels is not None:
        held = io.BytesIO()
        pil.fromarray(pixels).save(held, "PNG")
        return held.getvalue()
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = b"IDAT" + zlib.compress(b"\0" * 99)
    return b"\x89PNG\r\n\x1a\n" + b"".join(struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in (header, body))


NOISE = np.random.default_rng(0).integers(0, 256, (30, 30), np.uint8)
PIXELS = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4
FILES: dict[str, tuple[bytes, str]] = {
    "no picture": (b"these are words", "a picture"),
    "nothing": (b"", "a picture"),
    "a truncated picture": (png(0, 0, NOISE)[:-200], "a picture"),
    "far too few pixels": (png(80, 80), "a picture"),
    "a bomb": (png(60_000, 60_000), "pixels"),
    "a large bomb": (png(10_001, 10_000), "10001 x 10000"),
    "a bomb under the limit": (png(9_999, 10_000), "a picture"),
    "a flat picture": (png(0, 5), "a picture"),
}


@pytest.mark.parametrize("case", FILES)
def test_files_that_are_no_pictures(shown: Path, tmp_path: Path, case: str) -> None:
    content, said = FILES[case]
    (tmp_path / "one.png").write_bytes(content)
    refused(lamina("predict", shown, tmp_path / "one.png"), said, "one.png")
    refused(lamina("predict", shown, tmp_path), said, "one.png")
    refused(lamina("predict", shown, "-", given=content), said, "standard input")
    assert not (shown / "predictions").exists()


def test_places_without_pictures(shown: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("words")
    (tmp_path / "folder.png").mkdir()
    for word, said in ((tmp_path / "no.png", "not there"), (tmp_path / "folder.png", "pictures in the folder"),
                       (tmp_path / "*.jpg", "match"), ("*.jpg", "match"), (tmp_path / "notes.txt", "notes.txt"),
                       ("", "``"), ("a\0b", "a picture")):  # fmt: skip
        refused(lamina("predict", shown, word), said)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_a_damaged_file_is_read_or_refused(data: Any) -> None:
    kind = data.draw(st.sampled_from(["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM"]))
    held = io.BytesIO()
    pil.fromarray(np.tile(PIXELS, (2, 3))).convert("RGB").save(held, kind)
    content = bytearray(held.getvalue())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, min(len(content) - 1, 80)))] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content
    with suppress(DataError):  # and nothing else
        assert pictures.open_picture(io.BytesIO(bytes(content)), "held").dtype == np.uint8


@pytest.mark.parametrize("array", [
    np.zeros((8, 8)), np.zeros((8, 8, 5), np.uint8), np.zeros((8,), np.uint8), np.zeros((0, 8), np.uint8), np.zeros((8, 8, 0), np.uint8),
    np.zeros((1, 2, 8, 8), np.uint8), "nowhere.png", 3,
], ids=str)  # fmt: skip
def test_arrays_that_are_no_pictures(array: Any) -> None:
    with pytest.raises(DataError):
        read_all(Image(channels=1, height=8, width=8), [array])


NO_ROWS = [[1, 2, 3], ["a", "b"], [[1], [2, 3]], [None, 1], "x,y", {"a": 1}, [1e39, 0], [np.nan, 0], object, [1 + 2j, 0]]


@pytest.mark.parametrize("row", NO_ROWS, ids=str)
def test_arrays_that_are_no_rows(row: Any) -> None:
    with pytest.raises(DataError):
        read_all(Vector(size=2), [row])


# -- runs -----------------------------------------------------------------------------------------


def test_folders_that_are_no_runs(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("words")
    for place in (tmp_path, tmp_path / "none", tmp_path / "file"):
        refused(lamina("evaluate", place), str(place), "lamina train")
        refused(lamina("predict", place, "1,2"), str(place))
        refused(lamina("train", "--resume", place), str(place))
    refused(lamina("evaluate", ""), "config.json")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_module_of_the_users_is_answered_from_python(tmp_path: Path) -> None:
    model = Model(nn.Sequential(nn.LazyLinear(3)))
    model.fit("iris", epochs=1, threads=1, quiet=True, out=tmp_path / "run", device="cpu")
    for words in (["predict", tmp_path / "run", "1,2,3,4"], ["evaluate", tmp_path / "run"], ["train", "--resume", tmp_path / "run"]):
        refused(lamina(*words), "Sequential", "Python")


def test_devices_that_are_not_there(rows: Path) -> None:
    refused(lamina("predict", rows, "1,2,3,4", "--device", "cuda:99"), "cuda:99")
    refused(lamina("evaluate", rows, "--device", "cuda:99"), "cuda:99")


def test_kinds_of_names() -> None:
    refused(lamina("list", "modells"), "`modells`", "`models`")


# -- arrays to learn from ---------------------------------------------------------------------------

X = np.arange(40.0).reshape(20, 2)


@pytest.mark.parametrize(("x", "y"), [
    ([], []), (np.zeros((0, 3)), []), (X, np.zeros(20, int)), (X, ["a"] * 20), (X, np.arange(19)),
    (np.where(X == 5, np.nan, X), np.arange(20) % 2),
    (X, np.where(np.arange(20) == 3, np.nan, 0.5)), ([["a", "b"]] * 20, np.arange(20) % 2), (X[:1], [1]), (X[:2], [0, 1]), (X, None),
    (X, ["a", None] * 10),
], ids=range(12))  # fmt: skip
def test_arrays_that_cannot_be_learned_from(x: Any, y: Any, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as raised:
        Model("mlp").fit(x, y, out=tmp_path / "run", quiet=True, epochs=1, threads=1, device="cpu")
    assert raised.value.expected
    assert raised.value.do
    assert list(tmp_path.iterdir()) == []


def test_from_arrays_names_the_cell() -> None:
    with pytest.raises(DataError, match=r"row 2, width .*1 such"):
        from_arrays("mine", [[1, 2], [3, 4], [5, np.nan]], [0, 1, 0], names=("height", "width"))


def test_a_message_of_json_is_no_figure(rows: Path) -> None:
    """Negative control: the same words in the right order are answered."""
    found = lamina("predict", rows, "5.1,3.5,1.4,0.2", "--json")
    assert found.exit_code == 0
    assert json.loads(found.stdout.splitlines()[-1])["predictions"][0]["input"] == "5.1,3.5,1.4,0.2"


def test_what_cannot_be_read_in_a_folder_is_said_and_the_rest_answered(shown: Path, tmp_path: Path) -> None:
    pil.fromarray(np.zeros((8, 8), np.uint8) + 200).save(tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes(b"no picture")
    done = lamina("predict", shown, tmp_path)
    assert done.exit_code == 0, done.output
    assert "refused" in done.output
    assert "bad.png" in done.output
    refused(lamina("predict", shown, tmp_path / "bad.png"), "bad.png")


@pytest.fixture(scope="module")
def acted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("acted") / "run"
    assert lamina("train", "bandit", "steps=64", "envs=2", "horizon=8", "valid_steps=64", "--out", folder).exit_code == 0
    return folder


@pytest.mark.parametrize("names", ["trap.py", "trap.py:Trap", "trap:Trap-v0", "json:Trap-v0"])
def test_what_a_strangers_run_names_is_not_executed(acted: Path, names: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a file that comes with it, nor a package that has nothing to do with environments."""
    (tmp_path / "trap.py").write_text("import pathlib\npathlib.Path('sprung').touch()\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    copytree(acted, "run")
    told = json.loads(Path("run/config.json").read_text(encoding="utf-8"))
    Path("run/config.json").write_text(json.dumps({**told, "data": names, "own_file": None}), encoding="utf-8")
    for words in (("evaluate", "run"), ("play", "run"), ("look", "run"), ("train", "--resume", "run")):
        refused(lamina(*words), "runs only where you name it" if ".py" in names else "made for Gymnasium")
    assert not Path("sprung").exists()
    import_module("trap")
    del sys.modules["trap"]
    assert Path("sprung").exists(), "negative control: it would have been seen"
