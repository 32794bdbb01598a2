"""The five small sets that come inside scikit-learn: no network at all.

digits: 1,797 pictures 8x8 of ten digits (UCI optical digits), 0..16 scaled to bytes.
iris: 150 flowers, 4 lengths in cm, 3 species (Fisher 1936). wine: 178 wines, 13 measurements, 3 growers.
breast_cancer: 569 biopsies, 30 measurements, malignant or benign (Wisconsin diagnostic).
diabetes: 442 patients, 10 measurements, disease progression after a year, 25..346 (Efron et al. 2004).
Test: a fifth of the rows, stratified, chosen by the seed. Licences: see scikit-learn's data sheets.
"""

from typing import Any

import numpy as np

from lamina.core import config as knobs
from lamina.core.data import Data
from lamina.data.arrays import cut, from_arrays


class Config(knobs.Config):
    """The embedded sets have no knobs."""


def _table(name: str, seed: int) -> Data:
    from sklearn import datasets

    found: Any = getattr(datasets, f"load_{name}")()
    y = found.target if name == "diabetes" else np.asarray(found.target_names)[found.target]
    spec, rows, _ = from_arrays(name, found.data, y, tuple(found.feature_names))
    return cut(name, spec, rows, seed, sheet=f"{name}: {len(y)} rows, {found.data.shape[1]} columns, embedded in scikit-learn")


def iris(config: Config, seed: int) -> Data:
    """150 flowers, 4 lengths, 3 species."""
    return _table("iris", seed)


def wine(config: Config, seed: int) -> Data:
    """178 wines, 13 measurements, 3 growers."""
    return _table("wine", seed)


def breast_cancer(config: Config, seed: int) -> Data:
    """569 biopsies, 30 measurements, malignant or benign."""
    return _table("breast_cancer", seed)


def diabetes(config: Config, seed: int) -> Data:
    """442 patients, 10 measurements, how far the disease went on in a year."""
    return _table("diabetes", seed)


def digits(config: Config, seed: int) -> Data:
    """1,797 pictures 8x8 of the ten digits."""
    from sklearn.datasets import load_digits

    found: Any = load_digits()
    pictures = (found.images * (255 / 16)).round().astype(np.uint8)
    spec, rows, _ = from_arrays("digits", pictures, found.target)
    return cut("digits", spec, rows, seed, sheet="1,797 pictures 8x8 of ten digits, embedded in scikit-learn")
