"""How answers for pixels are taken: by the validation split alone; rare classes favoured too far are turned back, and answers follow."""

import json

import pytest
import torch
from torch import nn

from lamina.core.data import Data
from lamina.core.predictor import Predictor, Trust
from lamina.core.spec import IGNORED, Image, Mask, Spec
from lamina.data.mask_split import MaskSplit
from lamina.oversight.pixels_settled import BOTH, settled
from lamina.verbs.judge import trust_of

SIDE, NAMES = 32, ("road", "pole")


def data(pictures: int = 12) -> Data:
    """A pixel's red says how likely it is to be a pole, which one in nine is; some are nobody's."""
    random = torch.Generator().manual_seed(0)
    x = torch.randint(0, 256, (3 * pictures, 3, SIDE, SIDE), generator=random).byte()
    odds = (x[:, 0].float() - 200) / 20
    y = (torch.rand(odds.shape, generator=random) < odds.sigmoid()).byte()
    y[:, :2] = IGNORED
    split = MaskSplit(x, y, torch.arange(3 * pictures)[:, None].expand(-1, 2), torch.zeros(3 * pictures, dtype=torch.int64))
    parts = [split.part(torch.arange(n * pictures, (n + 1) * pictures)) for n in range(3)]
    return Data("poles", Spec(input=Image(channels=3, height=SIDE, width=SIDE), target=Mask(names=NAMES)), *parts)


class Knows(nn.Module):
    """The true log odds, with so much added to those of the rare class."""

    def __init__(self, more: float) -> None:
        super().__init__()
        self.more = more

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        odds = (x[:, :1].float() - 200) / 20 + self.more
        return torch.cat([torch.zeros_like(odds), odds], 1)


def asked(more: float) -> Predictor:
    return Predictor(Knows(more), torch.device("cpu"))


def test_what_is_favoured_too_far_is_turned_back() -> None:
    found = {more: settled(asked(more), data()) for more in (-1.0, 0.0, 1.0)}
    taus = [one.tau for one in found.values() if one is not None]
    assert taus[0] < taus[1] < taus[2], "the more a rare class is favoured, the more is taken back"
    for one in found.values():
        assert one is not None
        assert one.alone[one.tau] == max(one.alone.values()) >= one.alone[0.0]


def test_answers_follow_and_are_read_back_from_the_result() -> None:
    found = settled(asked(1.0), data())
    assert found is not None
    result = json.loads(json.dumps({"calibration": None, "threshold": None, "settled": found.to_json()}))
    trusted = asked(1.0).trusted(trust_of(result))
    x = data().test.batch(torch.arange(3))["x"]
    plain = asked(1.0)(x)
    torch.testing.assert_close(trusted(x), plain + torch.tensor(found.trust.shift)[:, None, None])
    assert (trusted(x).argmax(1) < plain.argmax(1)).any(), "fewer poles"
    assert not (trusted(x).argmax(1) > plain.argmax(1)).any()


def test_the_training_split_says_what_is_rare_and_the_test_nothing() -> None:
    whole = data()

    class Unseen:
        def __len__(self) -> int:
            return 12

        def batch(self, indices: torch.Tensor) -> None:
            raise AssertionError("the test split is sealed")

    sealed = Data(whole.name, whole.spec, whole.train, whole.valid, Unseen())  # type: ignore[arg-type]
    assert settled(asked(0.5), sealed) == settled(asked(0.5), whole)


@pytest.mark.parametrize("pictures", [1, 9])
def test_few_pictures_tell_nothing(pictures: int) -> None:
    assert settled(asked(1.0), data(pictures)) is None


class KnowsLarge(Knows):
    """Knows it of large pictures only; of others it says little."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) * (1.0 if x.shape[-1] > SIDE else 0.01)


class KnowsSmall(Knows):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) * (1.0 if x.shape[-1] == SIDE else 0.01)


def test_a_second_size_is_asked_where_it_gains_enough() -> None:
    """Of ragged pixels a picture made larger tells less, unless the network sees nothing in the small one."""
    far = Predictor(KnowsLarge(0.0), torch.device("cpu"))
    far.model.register_forward_pre_hook(lambda module, given: (given[0] * 0 + 255,) if given[0].shape[-1] == SIDE else None)
    found, near = settled(far, data()), settled(Predictor(KnowsSmall(0.0), torch.device("cpu")), data())
    assert found is not None
    assert near is not None
    assert found.trust.sizes == BOTH
    assert near.trust.sizes == (1.0,)
    assert max(found.both.values()) > max(found.alone.values())
    assert trust_of(json.loads(json.dumps({"settled": found.to_json()}))) == found.trust
    assert any("times their size" in line for line in found.lines())


def test_the_answer_at_two_sizes_is_their_mean() -> None:
    x = data().test.batch(torch.arange(2))["x"]
    asked_both = asked(0.0).trusted(Trust(sizes=BOTH))(x)
    larger = asked(0.0)(torch.nn.functional.interpolate(x.float(), (48, 48), mode="bilinear", align_corners=False))
    back = torch.nn.functional.interpolate(larger, (SIDE, SIDE), mode="bilinear", align_corners=False)
    torch.testing.assert_close(asked_both, (asked(0.0)(x) + back) / 2)
