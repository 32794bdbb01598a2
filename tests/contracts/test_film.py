"""Video: what is written can be read again, frames come one by one, and what is broken is counted or refused in words."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from lamina.core.errors import DataError
from lamina.data.film import Film, Writer, is_film

pytest.importorskip("av", reason="video needs the package `av`")


def frames(count: int = 12, height: int = 48, width: int = 64) -> list[np.ndarray]:
    """A bright square that moves across a dark ground."""
    made = np.full((count, height, width, 3), 30, np.uint8)
    for n, one in enumerate(made):
        one[16:32, 4 * n : 4 * n + 16] = (220, 60, 60)
    return list(made)


def write(path: Path, pictures: list[np.ndarray]) -> Path:
    with Writer(path, Fraction(10)) as writer:
        for picture in pictures:
            writer.add(picture)
    return path


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    path, shown = tmp_path / "square.mp4", frames()
    with Film(str(write(path, shown))) as film:
        sheet, read = film.sheet, list(film)
    assert (sheet.rate, sheet.height, sheet.width) == (10, 48, 64)
    assert len(read) == len(shown)
    for one, other in zip(read, shown, strict=True):  # the codec loses little: the square is where it was
        assert np.abs(one.astype(int) - other).mean() < 8
        assert one[24, :, 0].argmax() in range(int(other[24, :, 0].argmax()) - 3, int(other[24, :, 0].argmax()) + 17)


def test_odd_sides_lose_a_line(tmp_path: Path) -> None:
    with Film(str(write(tmp_path / "odd.mp4", [one[:47, :63] for one in frames()]))) as film:
        assert next(iter(film)).shape == (46, 62, 3)


def test_a_film_that_was_cut_off_gives_the_frames_that_are_there(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    noise = [random.integers(0, 255, (96, 128, 3), dtype=np.uint8) for _ in range(40)]
    with Writer(tmp_path / "whole.ts", Fraction(10)) as writer:  # a transport stream can be cut anywhere
        for one in noise:
            writer.add(one)
    content = (tmp_path / "whole.ts").read_bytes()
    broken = bytearray(content)
    for place in range(len(content) // 3, len(content) // 2, 97):
        broken[place] ^= 0xFF
    (tmp_path / "broken.ts").write_bytes(broken)
    with Film(str(tmp_path / "broken.ts")) as film:
        count = sum(1 for _ in film)
    assert 0 < count <= 40


@pytest.mark.parametrize("content", [b"", b"no video at all", b"\x00" * 4000])
def test_what_is_no_video_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.mp4").write_bytes(content)
    with pytest.raises(DataError, match=r"bad\.mp4"), Film(str(tmp_path / "bad.mp4")) as film:
        list(film)


def test_what_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="gone"):
        Film(str(tmp_path / "gone.mp4"))
    with pytest.raises(DataError, match="camera 77"):
        Film("77")


def test_a_writer_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fails() -> None:
        with Writer(tmp_path / "half.mp4", Fraction(10)) as writer:
            writer.add(frames()[0])
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fails()
    assert list(tmp_path.iterdir()) == []


def test_names_of_films_and_cameras(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "7").mkdir()
    assert [is_film(word) for word in ("drive.MP4", "0", "7", "photo.jpg")] == [True, True, False, False]
