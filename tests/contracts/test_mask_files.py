"""Photos with masks: every layout and every kind of mask means the same, and whatever is wrong with them is said by file."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as pil

from lamina.core.data import Data
from lamina.core.errors import DataError
from lamina.core.spec import IGNORED, Image, Mask, Spec
from lamina.data.fit import fitted, placement
from lamina.data.mask_files import laid, packed, unpacked
from lamina.data.mask_names import read_names
from lamina.data.mask_split import MaskSplit
from lamina.data.outlines import from_runs
from lamina.data.outlines import unpacked as runs_of
from lamina.data.readers import reader_for, reader_of
from lamina.data.readers.boxes import BoxReader
from lamina.data.readers.boxes import Config as BoxConfig
from lamina.data.readers.masks import Config, MaskReader
from lamina.data.readers.photos import PhotoReader

WIDTH, HEIGHT, COUNT = 64, 48, 12
COLOURS = np.array([[20, 30, 40], [200, 10, 10], [10, 200, 10], [0, 0, 0]], np.uint8)  # of the values 0, 1, 2, 3


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMINA_CACHE", str(tmp_path_factory.mktemp("cache")))


def photo(seed: int, width: int = WIDTH, height: int = HEIGHT) -> pil.Image:
    rough = np.random.default_rng(seed).integers(0, 256, (7, 7, 3), np.uint8)
    return pil.fromarray(rough).resize((width, height), pil.Resampling.BICUBIC)


def mask(seed: int, most: int = 3, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """Blocks of values below `most`; 0 is everywhere, the last only in every third."""
    random = np.random.default_rng(1000 + seed)
    rough = random.integers(0, most - (seed % 3 > 0), (3, 4), np.uint8)
    rough[0, 0], rough[2, 3] = 0, most - 1 if seed % 3 == 0 else 1
    return np.asarray(pil.fromarray(rough).resize((width, height), pil.Resampling.NEAREST))


def as_grey(values: np.ndarray) -> pil.Image:
    return pil.fromarray(values)


def as_palette(values: np.ndarray) -> pil.Image:
    picture = pil.fromarray(values).convert("L")
    picture.putpalette(COLOURS.tobytes())
    return picture


def as_sorted_palette(values: np.ndarray) -> pil.Image:
    """A palette of its own in each file, as programs make it that shrink files: the colours mean the same, the values do not."""
    turned = (len(COLOURS) - 1 - values) if values[0, -1] % 2 else values
    picture = pil.fromarray(turned)
    picture.putpalette((COLOURS[::-1] if values[0, -1] % 2 else COLOURS).tobytes())
    return picture


def as_colour(values: np.ndarray) -> pil.Image:
    return pil.fromarray(COLOURS[values])


def as_grey_colour(values: np.ndarray) -> pil.Image:
    return pil.fromarray(np.repeat(values[:, :, None], 3, 2))


def as_deep(values: np.ndarray) -> pil.Image:
    return pil.fromarray(values.astype(np.uint16))


FORMS: dict[str, Callable[[np.ndarray], pil.Image]] = {
    "grey": as_grey, "palette": as_palette, "sorted palette": as_sorted_palette, "colour": as_colour, "grey colour": as_grey_colour,
    "deep": as_deep,
}  # fmt: skip
LAYOUTS = {
    "folders": ("images/{}.jpg", "masks/{}.png"), "labels": ("a/img/{}.jpg", "a/labels/{}.png"), "suffix": ("{}.jpg", "{}_mask.png"),
    "camvid": ("{}.png", "{}_L.png"), "voc": ("JPEGImages/{}.jpg", "SegmentationClass/{}.png"),
    "deep": ("x/{}/photo.jpg", "y_labels/{}.png"),
}  # fmt: skip
DICT = "name,r,g,b\nroad,20,30,40\ncar,200,10,10\ntree,10,200,10\nvoid,0,0,0\n"


def save(folder: Path, photo_name: str, mask_name: str, seed: int, form: Callable[[np.ndarray], pil.Image] = as_grey) -> None:
    for name, picture in ((photo_name, photo(seed)), (mask_name, form(mask(seed)))):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        picture.save(folder / name)


def whole(folder: Path, form: Callable[[np.ndarray], pil.Image] = as_grey) -> Path:
    for i in range(COUNT):
        save(folder, f"images/{i:02}.jpg", f"masks/{i:02}.png", i, form)
    return folder


def read(path: Path, seed: int = 0, **knobs: Any) -> Data:
    assert reader_of(path) is MaskReader
    return MaskReader(path, Config(**knobs)).data(seed)


def found(data: Data) -> dict[str, np.ndarray]:
    """The mask of every photo by its number."""
    told = {}
    for split in (data.train, data.valid, data.test):
        assert isinstance(split, MaskSplit)
        batch = split.batch(torch.arange(len(split)))
        told |= {name.rpartition("/")[2].rpartition(".")[0]: y.numpy() for name, y in zip(split.where, batch["y"], strict=True)}
    return told


# -- layouts and kinds of masks -------------------------------------------------------------------


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name != "deep"])
def test_layouts(tmp_path: Path, layout: str) -> None:
    for i in range(COUNT):
        save(tmp_path, *(name.format(f"{i:02}") for name in LAYOUTS[layout]), i)
    masks = found(read(tmp_path))
    assert len(masks) == COUNT
    for i in range(COUNT):
        assert np.array_equal(masks[f"{i:02}"], mask(i)), layout


def test_photos_that_are_all_called_alike_belong_to_no_mask(tmp_path: Path) -> None:
    for i in range(COUNT):
        save(tmp_path, *(name.format(f"{i:02}") for name in LAYOUTS["deep"]), i)
    assert not MaskReader.suits(tmp_path)


@pytest.mark.parametrize("form", FORMS)
def test_kinds_of_masks(tmp_path: Path, form: str) -> None:
    data = read(whole(tmp_path, FORMS[form]))
    assert isinstance(data.spec.target, Mask)
    by_colour = form in ("colour", "sorted palette")
    names = {0: "#141e28", 1: "#c80a0a", 2: "#0ac80a"} if by_colour else {0: "class 0", 1: "class 1", 2: "class 2"}
    place = [data.spec.target.names.index(names[value]) for value in range(3)]
    for name, y in found(data).items():
        assert np.array_equal(y, np.array(place)[mask(int(name))])
    if by_colour or form == "palette":
        assert [data.spec.target.colours[k] for k in place] == [tuple(colour) for colour in COLOURS[:3].tolist()]
    assert len(set(data.spec.target.colours)) == 3
    assert data.spec.input == Image(channels=3, height=HEIGHT, width=WIDTH, fit="squash"), "small photos of one size keep it"
    assert data.account.used == COUNT


def test_an_archive_is_read_as_its_folder(tmp_path: Path) -> None:
    whole(tmp_path / "f")
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as out:
        for one in sorted((tmp_path / "f").rglob("*.*")):
            out.write(one, one.relative_to(tmp_path / "f"))
    ours, theirs = read(tmp_path / "p.zip"), read(tmp_path / "f")
    assert ours.fingerprint == theirs.fingerprint
    assert all(np.array_equal(y, found(theirs)[name]) for name, y in found(ours).items())
    save(tmp_path / "f", "images/new.jpg", "masks/new.png", 77)
    assert read(tmp_path / "f").fingerprint != theirs.fingerprint


def test_parts_from_folders(tmp_path: Path) -> None:
    for k, (part, count) in enumerate({"train": 6, "val": 3, "test": 4}.items()):
        for i in range(count):
            save(tmp_path, f"{part}/{i}.jpg", f"{part}annot/{i}.png", 10 * k + i)
    data = read(tmp_path)
    assert [len(s) for s in (data.train, data.valid, data.test)] == [6, 3, 4]
    for k, split in enumerate((data.train, data.valid, data.test)):
        assert isinstance(split, MaskSplit)
        for name, y in zip(split.where, split.batch(torch.arange(len(split)))["y"], strict=True):
            assert np.array_equal(y, mask(10 * k + int(name.rpartition("/")[2][0]))), "of the same part, though all are called alike"


def test_a_batch_is_what_the_interface_says(tmp_path: Path) -> None:
    split = read(whole(tmp_path)).train
    assert isinstance(split, MaskSplit)
    batch = split.batch(torch.tensor([1, 0, 1]))
    assert set(batch) == {"x", "y"}
    assert batch["x"].dtype == batch["y"].dtype == torch.uint8
    assert tuple(batch["y"].shape) == (3, HEIGHT, WIDTH)
    assert torch.equal(split.part(torch.tensor([1])).batch(torch.tensor([0]))["y"][0], batch["y"][0])


def test_rare_classes_reach_every_part(tmp_path: Path) -> None:
    for i in range(30):
        save(tmp_path, f"images/{i}.jpg", f"masks/{i}.png", 3 * (i // 3) + 1 + (i % 3 > 0))
    for i in (4, 11, 19, 27):
        as_grey(mask(0)).save(tmp_path / f"masks/{i}.png")
    for seed in range(4):
        data = read(tmp_path, seed)
        for split in (data.train, data.test):
            assert (split.batch(torch.arange(len(split)))["y"] == 2).any()


# -- what values mean -----------------------------------------------------------------------------


def test_names_from_the_command_and_from_files(tmp_path: Path) -> None:
    for name, content, form in (("classes.txt", "road\ncar\ntree", as_grey), ("classes.csv", "id,name\n1,car\n0,road\n2,tree", as_palette),
                                ("class_dict.csv", DICT, as_colour), ("label_colors.txt", "20 30 40\troad\n200 10 10 car\n10 200 10 tree",
                                                                      as_sorted_palette)):
        folder = whole(tmp_path / name.replace(".", ""), form)
        (folder / name).write_text(content)
        data = read(folder)
        assert set(data.spec.target.names) == {"road", "car", "tree"}, name
        place = [data.spec.target.names.index(word) for word in ("road", "car", "tree")]
        assert all(np.array_equal(y, np.array(place)[mask(int(stem))]) for stem, y in found(data).items()), name
    assert read(whole(tmp_path / "knob"), names=("road", "car", "tree")).spec.target.names == ("road", "car", "tree")


@pytest.mark.parametrize(("listed", "knobs", "line"), [
    ("", {"ignore": ("2",)}, "values 2, as asked"),
    ("", {"names": ("a", "b")}, "values 2, without a name"),
    ("a\nb\nVoid", {}, "values 2, called `Void`"),
    ("a\nb\nc", {"ignore": ("c",)}, "values 2, as asked"),
])  # fmt: skip
def test_values_that_are_nobodys(tmp_path: Path, listed: str, knobs: dict[str, Any], line: str) -> None:
    whole(tmp_path)
    if listed:
        (tmp_path / "classes.txt").write_text(listed)
    data = read(tmp_path, **knobs)
    assert data.spec.target.size == 2
    for name, y in found(data).items():
        assert np.array_equal(y == IGNORED, mask(int(name)) == 2)
    assert any("neither learned nor judged" in told and told.endswith(line) for told in data.meaning), data.meaning


def test_255_is_nobody_s_but_in_masks_of_two_values(tmp_path: Path) -> None:
    def with_255(values: np.ndarray) -> pil.Image:
        return as_grey(np.where(values == 2, 255, values).astype(np.uint8))

    def two(values: np.ndarray) -> pil.Image:
        return as_grey((values > 0).astype(np.uint8) * 255)

    data = read(whole(tmp_path / "a", with_255))
    assert data.spec.target.names == ("class 0", "class 1")
    assert all(np.array_equal(y == IGNORED, mask(int(name)) == 2) for name, y in found(data).items())
    binary = read(whole(tmp_path / "b", two))
    assert binary.spec.target.names == ("background", "foreground")
    assert all(np.array_equal(y, mask(int(name)) > 0) for name, y in found(binary).items())


def test_a_class_that_no_mask_has_is_left_out_and_said(tmp_path: Path) -> None:
    whole(tmp_path)
    (tmp_path / "classes.txt").write_text("a\nb\nc\nd")
    data = read(tmp_path)
    assert data.spec.target.names == ("a", "b", "c")
    assert any("no mask has" in line and "`d`" in line for line in data.meaning)


def test_names_for_colours_are_asked_for_in_a_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="class_dict"):
        read(whole(tmp_path, as_colour), names=("a", "b", "c"))


def test_files_of_names() -> None:
    assert read_names("0: Sky\n1, Road\n7 Car", "").of_value == {0: "Sky", 1: "Road", 7: "Car"}
    assert read_names("# comment\nA\n\nB", "").of_value == {0: "A", 1: "B"}
    for bad in ("name,r,g,b\na,1,2,300", "name,r,g,b\na,1"):
        with pytest.raises(DataError, match="class_dict"):
            read_names(bad, "class_dict.csv")


# -- nothing silent -------------------------------------------------------------------------------


def soft(values: np.ndarray) -> pil.Image:
    """Drawn with soft edges and noise in the colours, as a screenshot of a drawing program."""
    blurred = pil.fromarray(COLOURS[values]).resize((WIDTH // 3, HEIGHT // 3)).resize((WIDTH, HEIGHT), pil.Resampling.BICUBIC)
    flat = np.asarray(pil.fromarray(COLOURS[values])).copy()
    flat[:, :24] = np.asarray(blurred)[:, :24]
    flat[:12, :24, 2] = np.arange(12 * 24).reshape(12, 24) % 256
    return pil.fromarray(flat)


def spoil_size(folder: Path) -> None:
    as_grey(mask(3, width=50)).save(folder / "masks/03.png")


def spoil_jpeg(folder: Path) -> None:
    as_grey(mask(3) * 60).save(folder / "masks/03.png", "JPEG")


def spoil_soft(folder: Path) -> None:
    soft(mask(3)).save(folder / "masks/03.png")


def spoil_deep(folder: Path) -> None:
    pil.fromarray(mask(3).astype(np.uint16) * 1000).save(folder / "masks/03.png")


def spoil_damaged(folder: Path) -> None:
    (folder / "masks/03.png").write_bytes((folder / "masks/03.png").read_bytes()[:60])


SPOILT = {
    spoil_size: "a mask of 50 x 48 for a photo of 64 x 48", spoil_jpeg: "a JPEG, which blurs them", spoil_soft: "more than 256 colours",
    spoil_deep: "values up to 2000", spoil_damaged: "damaged or no picture",
}  # fmt: skip


@pytest.mark.parametrize("spoil", SPOILT, ids=lambda f: f.__name__)
def test_a_bad_mask_is_refused_by_file_and_reason(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    spoil(whole(tmp_path))
    with pytest.raises(DataError, match="allow-refused"):
        read(tmp_path)
    (refusal,) = read(tmp_path, allow_refused=0.5).account.refused
    assert refusal.where == "masks/03.png"
    assert SPOILT[spoil] in refusal.reason
    assert refusal.repair


def test_all_masks_of_another_size(tmp_path: Path) -> None:
    for i in range(4):
        save(tmp_path, f"images/{i}.jpg", f"masks/{i}.png", i)
        as_grey(mask(i, width=50)).save(tmp_path / f"masks/{i}.png")
    with pytest.raises(DataError, match="a mask of 50 x 48 for a photo of 64 x 48"):
        read(tmp_path)


def test_photos_without_masks_masks_without_photos_and_names_that_come_twice(tmp_path: Path) -> None:
    whole(tmp_path)
    photo(50).save(tmp_path / "images/lonely.jpg")
    as_grey(mask(0)).save(tmp_path / "masks/gone.png")
    as_grey(mask(0)).save(tmp_path / "images/03_mask.png")
    refused = {one.where: one.reason for one in read(tmp_path, allow_refused=0.5).account.refused}
    assert refused == {"images/lonely.jpg": "a photo without a mask", "masks/gone.png": "a mask of a photo that is not there",
                       "masks/03.png": "a second mask of one photo"}


def test_masks_of_the_same_shape_are_scaled_and_said(tmp_path: Path) -> None:
    whole(tmp_path)
    as_grey(mask(3, width=WIDTH * 2, height=HEIGHT * 2)).save(tmp_path / "masks/03.png")
    data = read(tmp_path)
    assert any("they are scaled; the first: `masks/03.png`" in line for line in data.meaning)
    assert (found(data)["03"] == mask(3)).mean() > 0.99


def test_one_class_only(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="two classes"):
        read(whole(tmp_path, lambda values: as_grey(values * 0)))


def test_photos_in_class_folders_stay_photos(tmp_path: Path) -> None:
    """Also where a class is called like a folder of masks and the photos in it like those of another class."""
    for k, name in enumerate(("mask", "no face", "with_mask")):
        (tmp_path / name).mkdir()
        for i in range(4):
            photo(10 * k + i).save(tmp_path / name / f"{i}.png")
    assert reader_of(tmp_path) is PhotoReader


def test_masks_in_class_folders_of_a_run(tmp_path: Path) -> None:
    folder = whole(tmp_path / "m")
    spec = Spec(input=Image(channels=3, height=32, width=32, fit="pad"), target=Mask(names=("class 2", "new", "class 0")))
    assert reader_for(folder, "image", "mask") is MaskReader
    reader = MaskReader(folder, Config())
    y = reader.rows(spec).batch(torch.arange(COUNT))["y"]
    for i in range(COUNT):
        values = np.asarray(pil.fromarray(mask(i)).resize((32, 24), pil.Resampling.NEAREST))
        assert np.array_equal(y[i, 4:28], np.array([2, IGNORED, 0])[values]), "class 1 was not learned"
        assert (y[i, :4] == IGNORED).all()
        assert (y[i, 28:] == IGNORED).all()
    names, x = reader.inputs(spec)
    assert len(names) == len(x) == COUNT, "photos alone"
    assert all(name.startswith("images/") for name in names)


# -- the canvas -----------------------------------------------------------------------------------


def test_photos_of_many_shapes_are_padded(tmp_path: Path) -> None:
    for i, (width, height) in enumerate([(400, 300)] * 6 + [(300, 400)] * 2):
        for name, picture in ((f"images/{i}.jpg", photo(i, width, height)), (f"masks/{i}.png", as_grey(mask(i, 3, width, height)))):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            picture.save(tmp_path / name)
    data = read(tmp_path)
    assert data.spec.input == Image(channels=3, height=240, width=320, fit="pad")
    upright = found(data)["6"]
    assert (upright[:, :70] == IGNORED).all()
    assert not (upright[:, 71:249] == IGNORED).any()


@given(st.integers(5, 90), st.integers(5, 90), st.sampled_from(["pad", "squash", "crop"]), st.integers(0, 1000))
@settings(max_examples=80)
def test_a_mask_lies_where_its_photo_lies(height: int, width: int, fit: Any, seed: int) -> None:
    """A rectangle painted into photo and mask: away from its edge both say the same."""
    random = np.random.default_rng(seed)
    y0, x0 = int(random.integers(0, height - 3)), int(random.integers(0, width - 3))
    classes = torch.zeros(height, width, dtype=torch.uint8)
    classes[y0 : y0 + height // 2 + 1, x0 : x0 + width // 2 + 1] = 1
    image = Image(channels=1, height=40, width=56, fit=fit)
    seen, mask = fitted(classes[None] * 255, 40, 56, fit)[0], laid(classes, image)
    where = placement((height, width), 40, 56, fit)
    inside = mask != IGNORED
    assert inside.sum() >= min(40 * 56, (where.across * width - 1) * (where.down * height - 1)) - 1
    sure = inside & ((seen < 5) | (seen > 250))
    assert torch.equal(seen[sure] > 128, mask[sure] == 1)


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_colours_are_one_number_each(colour: tuple[int, int, int]) -> None:
    assert unpacked(int(packed(np.array(colour, np.uint8)))) == colour


# -- outlines -------------------------------------------------------------------------------------


def pack(counts: list[int]) -> str:
    """COCO's packing of runs, written from its description and independently of the reader."""
    text = ""
    for i, count in enumerate(counts):
        value, more = count - (counts[i - 2] if i > 2 else 0), True
        while more:
            group, value = value & 31, value >> 5
            more = value != (-1 if group & 16 else 0)
            text += chr(48 + group + 32 * more)
    return text


@given(st.lists(st.integers(0, 3000), min_size=1, max_size=12))
def test_packed_runs_are_read_as_they_were_written(counts: list[int]) -> None:
    assert runs_of(pack(counts)) == counts


@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 1000))
@settings(max_examples=50)
def test_runs_are_those_of_pycocotools(height: int, width: int, seed: int) -> None:
    coco = pytest.importorskip("pycocotools.mask")
    mask = np.asfortranarray(np.random.default_rng(seed).integers(0, 2, (height, width), np.uint8))
    told = coco.encode(mask)
    assert np.array_equal(from_runs(told["counts"].decode(), told["size"]), mask)


def outlined(folder: Path) -> list[np.ndarray]:
    """COCO files of rectangles as polygons or runs; the masks that they mean: a small dog over a cat, a crowd that is nobody's."""
    (folder / "images").mkdir(parents=True)
    images, annotations, masks = [], [], []
    for i in range(10):
        photo(i).save(folder / f"images/{i}.png")
        images.append({"id": i, "file_name": f"{i}.png", "width": WIDTH, "height": HEIGHT})
        y = np.zeros((HEIGHT, WIDTH), np.uint8)
        for k, (name, x0, y0, x1, y1) in enumerate(((2, 10 + i, 8, 20 + i, 20), (1, 4, 4, 40, 36), (1, 44, 4, 60, 30))):
            crowd = k == 2 and i == 0
            polygon = [x0, y0, x1, y0, x1, y1, x0, y1]
            runs = np.zeros((HEIGHT, WIDTH), np.uint8)
            runs[y0:y1, x0:x1] = 1
            flat = runs.T.reshape(-1)
            counts = np.diff(np.flatnonzero(np.concatenate([[1], np.diff(flat) != 0, [1]]))).tolist()
            counts = counts if flat[0] == 0 else [0, *counts]
            packed_or_not: Any = pack(counts) if (i + k) % 3 == 1 else counts
            shape: Any = [polygon] if (i + k) % 3 == 0 else {"size": [HEIGHT, WIDTH], "counts": packed_or_not}
            annotations.append({"id": 10 * i + k, "image_id": i, "category_id": name, "bbox": [x0, y0, x1 - x0, y1 - y0],
                                "area": (x1 - x0) * (y1 - y0), "segmentation": shape, "iscrowd": int(crowd)})
            if k:
                y[y0:y1, x0:x1] = IGNORED if crowd else 1
        y[8:20, 10 + i : 20 + i] = 2
        masks.append(y)
    categories = [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]
    (folder / "a.json").write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    return masks


def test_outlines_are_painted_as_masks(tmp_path: Path) -> None:
    masks = outlined(tmp_path)
    data = BoxReader(tmp_path, BoxConfig(as_masks=True)).data(0)
    assert data.spec.target.names == ("background", "cat", "dog")
    told = found(data)
    for i, y in enumerate(masks):
        assert np.array_equal(told[str(i)], y), i
    assert reader_for(tmp_path, "image", "mask") is BoxReader
    rows = BoxReader(tmp_path, BoxConfig()).rows(data.spec)
    assert isinstance(rows, MaskSplit)
    assert np.array_equal(rows.batch(torch.tensor([3]))["y"][0], masks[3])


def test_objects_without_an_outline_are_refused(tmp_path: Path) -> None:
    outlined(tmp_path)
    told = json.loads((tmp_path / "a.json").read_text())
    for k, shape in enumerate((None, [], [[1, 2]], [[1, 2, 3, 4, 5, "x"]], {"counts": [1]}, {"size": [0, 4], "counts": [1]},
                               {"size": [10**9, 10**9], "counts": [1]}, "text")):
        told["annotations"][k]["segmentation"] = shape
    (tmp_path / "a.json").write_text(json.dumps(told))
    with pytest.raises(DataError, match="without an outline"):
        BoxReader(tmp_path, BoxConfig(as_masks=True)).data(0)
    account = BoxReader(tmp_path, BoxConfig(as_masks=True, allow_refused=0.9)).data(0).account
    assert account.reasons() == {"an object without an outline": 8}
    assert account.refused[0].where == "a.json, image `0.png`, box 1"


def test_boxes_alone_have_no_outlines(tmp_path: Path) -> None:
    photo(0).save(tmp_path / "0.png")
    (tmp_path / "b.csv").write_text("file,xmin,ymin,xmax,ymax,class\n0.png,1,1,20,20,a")
    with pytest.raises(DataError, match="as_masks"):
        BoxReader(tmp_path, BoxConfig(as_masks=True)).data(0)


# -- real data ------------------------------------------------------------------------------------


def test_camvid(shared_data: Path) -> None:
    packed = shared_data / "camvid" / "camvid_240x180.zip"
    if not packed.is_file():
        pytest.skip("needs shared/data/camvid")
    names = ("Sky", "Building", "Pole", "Road", "Pavement", "Tree", "SignSymbol", "Fence", "Car", "Pedestrian", "Bicyclist")
    data = read(packed, ignore=("11",), names=names)
    assert [len(s) for s in (data.train, data.valid, data.test)] == [367, 101, 233]
    assert data.spec.input == Image(channels=3, height=180, width=240, fit="squash")
    assert data.spec.target.names[10] == "Bicyclist"
    assert data.account.refused == ()
    split = data.valid
    assert isinstance(split, MaskSplit)
    with zipfile.ZipFile(packed) as archive, archive.open(split.where[7].replace("val/", "valannot/").replace(".jpg", ".png")) as file:
        values = np.asarray(pil.open(file))
    assert np.array_equal(split.batch(torch.tensor([7]))["y"][0], np.where(values == 11, IGNORED, values))
