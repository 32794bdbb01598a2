"""Photos with boxes: every way of writing them gives the same boxes, and whatever is wrong with them is said by file and box."""

import io
import json
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as pil
from PIL import ImageOps

from lamina.core.data import Data
from lamina.core.errors import DataError
from lamina.core.spec import Boxes, Image, Spec
from lamina.data import jpeg
from lamina.data.box_files.voc import parsed
from lamina.data.box_files.yolo_names import in_yaml
from lamina.data.box_split import BoxSplit
from lamina.data.boxes import turned
from lamina.data.pictures import open_picture
from lamina.data.readers import reader_for, reader_of
from lamina.data.readers.boxes import BoxReader, Config
from lamina.data.readers.photos import PhotoReader

WIDTH, HEIGHT = 160, 120
Scene = dict[str, list[tuple[str, tuple[float, float, float, float]]]]  # boxes of each photo, by its stem


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMINA_CACHE", str(tmp_path_factory.mktemp("cache")))


def photo(seed: int, width: int = WIDTH, height: int = HEIGHT) -> pil.Image:
    rough = np.random.default_rng(seed).integers(0, 256, (7, 7, 3), np.uint8)
    return pil.fromarray(rough).resize((width, height), pil.Resampling.BICUBIC)


def save(path: Path, seed: int, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    photo(seed).save(path, **options)
    return path


def scene(count: int = 12, seed: int = 0) -> Scene:
    """Whole corners inside the picture, two classes; the last photo is empty."""
    random = np.random.default_rng(seed)
    found: Scene = {}
    for i in range(count):
        boxes = []
        for k in range(i % 4 + 1 if i < count - 1 else 0):
            x0, y0 = int(random.integers(1, 90)), int(random.integers(1, 60))
            boxes.append((("cat", "dog")[k % 2], (x0, y0, x0 + int(random.integers(10, 60)), y0 + int(random.integers(10, 50)))))
        found[f"p{i:02}"] = boxes
    return found


def pictures(folder: Path, stems: Any, below: str = "") -> None:
    for i, stem in enumerate(stems):
        save(folder / below / f"{stem}.jpg", i, quality=90)


def voc_xml(stem: str, boxes: Any, size: tuple[int, int] = (WIDTH, HEIGHT), extra: str = "") -> str:
    objects = "".join(f"<object><name>{name}</name><bndbox><xmin>{b[0] + 1}</xmin><ymin>{b[1] + 1}</ymin><xmax>{b[2]}</xmax>"
                      f"<ymax>{b[3]}</ymax></bndbox>{extra}</object>" for name, b in boxes)
    return (f"<annotation><filename>{stem}.jpg</filename><size><width>{size[0]}</width><height>{size[1]}</height></size>{objects}"
            "</annotation>")


def voc(folder: Path, scene: Scene) -> None:
    pictures(folder, scene, "JPEGImages")
    (folder / "Annotations").mkdir()
    for stem, boxes in scene.items():
        (folder / "Annotations" / f"{stem}.xml").write_text(voc_xml(stem, boxes))


def coco_json(scene: Scene, **more: Any) -> dict[str, Any]:
    names = ["unused", "dog", "cat"]
    annotations = [{"id": 10 * i + k, "image_id": i, "category_id": names.index(name), "iscrowd": 0,
                    "bbox": [b[0], b[1], b[2] - b[0], b[3] - b[1]]}
                   for i, boxes in enumerate(scene.values()) for k, (name, b) in enumerate(boxes)]
    images = [{"id": i, "file_name": f"{stem}.jpg", "width": WIDTH, "height": HEIGHT} for i, stem in enumerate(scene)]
    categories = [{"id": i, "name": name} for i, name in enumerate(names)]
    return {"images": images, "annotations": annotations, "categories": categories} | more


def coco(folder: Path, scene: Scene) -> None:
    pictures(folder, scene, "images")
    (folder / "boxes.json").write_text(json.dumps(coco_json(scene)))


def yolo(folder: Path, scene: Scene) -> None:
    """Class 0 is a class; the empty photo has no file."""
    pictures(folder, scene, "images")
    (folder / "labels").mkdir()
    (folder / "data.yaml").write_text("# made by us\ntrain: images\nnames:\n  0: dog\n  1: cat\nnc: 2\n")
    for stem, boxes in scene.items():
        lines = [f"{('dog', 'cat').index(name)} {(b[0] + b[2]) / 2 / WIDTH:.9f} {(b[1] + b[3]) / 2 / HEIGHT:.9f} "
                 f"{(b[2] - b[0]) / WIDTH:.9f} {(b[3] - b[1]) / HEIGHT:.9f}" for name, b in boxes]
        if lines:
            (folder / "labels" / f"{stem}.txt").write_text("\n".join(lines))


def csv(folder: Path, scene: Scene, head: str = "filename,width,height,class,xmin,ymin,xmax,ymax") -> None:
    pictures(folder, scene)
    rows = [head]
    for stem, boxes in scene.items():
        rows += [f"{stem}.jpg,{WIDTH},{HEIGHT},{name},{b[0]},{b[1]},{b[2]},{b[3]}" for name, b in boxes] or [f"{stem}.jpg,,,,,,,"]
    (folder / "boxes.csv").write_text("\n".join(rows))


def lengths(folder: Path, scene: Scene) -> None:
    pictures(folder, scene)
    rows = ["x;y;w;h;label;image"]
    for stem, boxes in scene.items():
        rows += [f"{b[0]};{b[1]};{b[2] - b[0]};{b[3] - b[1]};{name};somewhere/{stem}" for name, b in boxes] or [f";;;;;{stem}"]
    (folder / "boxes.csv").write_text("\n".join(rows))


def headless(folder: Path, scene: Scene) -> None:
    pictures(folder, scene)
    rows = []
    for stem, boxes in scene.items():
        rows += [f"{stem}.jpg,{b[0]},{b[1]},{b[2]},{b[3]},{name}" for name, b in boxes] or [f"{stem}.jpg,,,,,"]
    (folder / "boxes.csv").write_text("\n".join(rows))


WAYS: dict[str, Callable[[Path, Scene], None]] = {
    "voc": voc, "coco": coco, "yolo": yolo, "csv": csv, "lengths": lengths, "headless": headless,
}  # fmt: skip
each_way = pytest.mark.parametrize("way", WAYS)


def read(path: Path, seed: int = 0, **knobs: Any) -> Data:
    assert reader_of(path) is BoxReader
    return BoxReader(path, Config(**knobs)).data(seed)


def found(data: Data) -> Scene:
    """The boxes of every photo in its own pixels, by its stem; only where the canvas has the photos' shape."""
    assert isinstance(data.spec.target, Boxes)
    told: Scene = {}
    for split in (data.train, data.valid, data.test):
        assert isinstance(split, BoxSplit)
        batch = split.batch(torch.arange(len(split)))
        for row, name in enumerate(split.where):
            mine = batch["box_image"] == row
            boxes = (batch["boxes"][mine] * batch["scale"][row]).tolist()
            classes = [data.spec.target.names[k] for k in batch["box_class"][mine].tolist()]
            told[name.rpartition("/")[2].rpartition(".")[0]] = [(name, tuple(box)) for name, box in zip(classes, boxes, strict=True)]
    return told


def same(one: Scene, other: Scene, atol: float = 1e-3) -> bool:
    return {k: [name for name, _ in v] for k, v in one.items()} == {k: [name for name, _ in v] for k, v in other.items()} and all(
        np.allclose(a, b, atol=atol) for k in one for (_, a), (_, b) in zip(one[k], other[k], strict=True))


# -- every way of writing -------------------------------------------------------------------------


@each_way
def test_every_way_gives_the_boxes_that_were_written(tmp_path: Path, way: str) -> None:
    WAYS[way](tmp_path, scene())
    data = read(tmp_path, size=160)
    assert data.spec.input == Image(channels=3, height=128, width=160, fit="pad")
    assert data.spec.target == Boxes(names=("cat", "dog")), "class 0 is a class, one without a box is none"
    middle = {k: [(name, tuple(np.array(b) - [0, 4, 0, 4])) for name, b in v] for k, v in found(data).items()}  # 120 rows of 128
    assert same(middle, scene())
    assert data.account.refused == ()
    assert data.account.used == 12 + sum(map(len, scene().values()))
    assert len(data.train) + len(data.valid) + len(data.test) == 12


@each_way
def test_archives_are_read_as_their_folder(tmp_path: Path, way: str) -> None:
    WAYS[way](tmp_path / "f", scene())
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as out:
        for one in sorted((tmp_path / "f").rglob("*.*")):
            out.write(one, one.relative_to(tmp_path))  # with a folder around everything
    ours, theirs = read(tmp_path / "p.zip", seed=3), read(tmp_path / "f", seed=3)
    assert same(found(ours), found(theirs))
    assert [len(s) for s in (ours.train, ours.valid, ours.test)] == [len(s) for s in (theirs.train, theirs.valid, theirs.test)]


def test_a_batch_is_what_the_interface_says(tmp_path: Path) -> None:
    coco(tmp_path, scene())
    split = read(tmp_path).train
    assert isinstance(split, BoxSplit)
    batch = split.batch(torch.tensor([2, 0, 2]))
    assert set(batch) == {"x", "boxes", "box_image", "box_class", "box_weight", "scale"}
    assert batch["x"].dtype == torch.uint8
    assert batch["box_class"].dtype == batch["box_image"].dtype == torch.int64
    assert (batch["box_image"].diff() >= 0).all()
    assert torch.equal(batch["boxes"][batch["box_image"] == 0], batch["boxes"][batch["box_image"] == 2])
    labels = split.labels()
    assert torch.equal(labels["boxes"], split.batch(torch.arange(len(split)))["boxes"])
    part = split.part(torch.tensor([2]))
    assert torch.equal(part.batch(torch.tensor([0]))["boxes"], batch["boxes"][batch["box_image"] == 0])
    assert part.where == (split.where[2],)


def test_pictures_follow_their_boxes(tmp_path: Path) -> None:
    """A white rectangle painted into each photo is found where its box says, also where the photo has another shape than most."""
    rows = ["file,xmin,ymin,xmax,ymax,class"]
    for i in range(8):
        box = (5 + 7 * i, 5 + 37 * i % 50, 30 + 9 * i, 30 + 37 * i % 50 + 5 * i)
        canvas = photo(i, *((120, 160) if i == 5 else (WIDTH, HEIGHT))).point(lambda level: level // 3)
        canvas.paste((255, 255, 255), box)
        canvas.save(tmp_path / f"{i}.png")
        rows.append(f"{i}.png,{','.join(map(str, box))},a")
    (tmp_path / "b.csv").write_text("\n".join(rows))
    data = read(tmp_path)
    for split in (data.train, data.valid, data.test):
        batch = split.batch(torch.arange(len(split)))
        for picture, box in zip(batch["x"], batch["boxes"], strict=True):
            ys, xs = (picture[0] > 150).nonzero(as_tuple=True)
            around = torch.stack([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]).float()
            torch.testing.assert_close(box, around, atol=1.01, rtol=0)


def test_parts_of_files_and_folders(tmp_path: Path) -> None:
    whole = scene(12)
    some = [dict(list(whole.items())[start::3]) for start in range(3)]
    for part, mine in zip(("train", "valid", "test"), some, strict=True):  # as Roboflow writes them
        pictures(tmp_path / "robo", mine, part)
        (tmp_path / "robo" / part / "_annotations.coco.json").write_text(json.dumps(coco_json(mine)))
    for part, mine in zip(("train2017", "val2017"), some, strict=False):  # as COCO does
        pictures(tmp_path / "coco", mine, part)
        (tmp_path / "coco" / f"instances_{part}.json").write_text(json.dumps(coco_json(mine)))
    for part, mine in zip(("train", "val", "test"), some, strict=True):  # as YOLO does; all photos are called alike
        again = {f"p{i}": boxes for i, boxes in enumerate(mine.values())}
        yolo(tmp_path / "yolo" / "x", again)
        for kind in ("images", "labels"):
            (tmp_path / "yolo" / kind).mkdir(exist_ok=True)
            (tmp_path / "yolo" / "x" / kind).rename(tmp_path / "yolo" / kind / part)
    for name in ("robo", "yolo"):
        data = read(tmp_path / name)
        assert [len(s) for s in (data.train, data.valid, data.test)] == [4, 4, 4], name
    two = read(tmp_path / "coco")
    assert len(two.test) == 4, "the held-out one of two is the test"
    assert len(two.train) + len(two.valid) == 4
    assert {name.split("/")[-2] for name in two.test.where} == {"val2017"}  # type: ignore[attr-defined]


def test_voc_lists_of_parts(tmp_path: Path) -> None:
    voc(tmp_path, scene())
    (tmp_path / "ImageSets/Main").mkdir(parents=True)
    stems = list(scene())
    for word, some in {"train": stems[:6], "val": stems[6:8], "test": stems[8:11], "trainval": stems[:8], "cat_train": stems}.items():
        (tmp_path / f"ImageSets/Main/{word}.txt").write_text("\n".join(some) + "\n")
    data = read(tmp_path, allow_refused=0.5)
    assert [len(s) for s in (data.train, data.valid, data.test)] == [6, 2, 3]
    assert [r.where for r in data.account.refused] == [f"JPEGImages/{stems[11]}.jpg"], "in no list"
    assert any("ImageSets" in line for line in data.meaning)


def test_difficult_boxes_and_crowds_weigh_nothing(tmp_path: Path) -> None:
    voc(tmp_path / "v", scene())
    (tmp_path / "v/Annotations/p01.xml").write_text(voc_xml("p01", scene()["p01"], extra="<difficult>1</difficult>"))
    coco(tmp_path / "c", scene())
    told = coco_json(scene())
    for one in told["annotations"]:
        one["iscrowd"] = int(one["image_id"] == 1)
    (tmp_path / "c/boxes.json").write_text(json.dumps(told))
    for folder in ("v", "c"):
        data = read(tmp_path / folder)
        weights = torch.cat([split.labels()["box_weight"] for split in (data.train, data.valid, data.test)])  # type: ignore[attr-defined]
        assert sorted(weights.tolist())[:3] == [0, 0, 1]
        assert any(line.startswith("2 boxes are difficult") for line in data.meaning)


def test_two_ways_at_once_are_said(tmp_path: Path) -> None:
    csv(tmp_path, scene())
    (tmp_path / "boxes.json").write_text(json.dumps(coco_json(scene(seed=5))))
    data = read(tmp_path, size=160)
    assert any("also there as CSV" in line for line in data.meaning)
    named = read(tmp_path, size=160, labels="boxes.csv")
    assert not same(found(data), found(named))
    with pytest.raises(DataError, match=r"boxes\.xml"):
        read(tmp_path, labels="boxes.xml")


# -- the size of the canvas -----------------------------------------------------------------------


def sized(folder: Path, shapes: list[tuple[int, int]], box: int) -> Data:
    for i, (width, height) in enumerate(shapes):
        photo(i, width, height).save(folder / f"{i}.jpg", quality=50)
    rows = [f"{i}.jpg,5,5,{5 + box},{5 + box // 2},a" for i in range(len(shapes))]
    (folder / "b.csv").write_text("\n".join(["file,xmin,ymin,xmax,ymax,class", *rows]))
    return read(folder)


@pytest.mark.parametrize(("shapes", "box", "wanted"), [
    ([(128, 128)] * 8, 40, (128, 128)),  # no larger than the photos
    ([(800, 600)] * 8, 200, (256, 320)),  # large boxes: the least
    ([(1600, 1200)] * 8, 50, (384, 512)),  # 16 of 50 pixels: 0.32 of the photo
    ([(1600, 1200)] * 8, 24, (480, 640)),  # small boxes: the most
    ([(1600, 1200)] * 7 + [(700, 600)], 12, (1216, 1600)),  # 5 of 640 pixels: their own size, the small one's too
    ([(600, 800)] * 5 + [(800, 600)] * 3, 200, (320, 256)),  # the commonest shape
])  # fmt: skip
def test_the_canvas_suits_photos_and_boxes(tmp_path: Path, shapes: list[tuple[int, int]], box: int, wanted: tuple[int, int]) -> None:
    data = sized(tmp_path, shapes, box)
    assert isinstance(data.spec.input, Image)
    assert (data.spec.input.height, data.spec.input.width) == wanted
    assert data.spec.input.fit == ("keep" if box < 20 else "pad")
    assert any(f"{wanted[0]} x {wanted[1]} pixels" in line for line in data.meaning)


def test_scale_is_in_pixels_of_the_photo(tmp_path: Path) -> None:
    data = sized(tmp_path, [(800, 600)] * 8, 200)
    batch = data.train.batch(torch.arange(2))
    torch.testing.assert_close(batch["scale"], torch.full((2,), 2.5))
    torch.testing.assert_close((batch["boxes"][:, 2] - batch["boxes"][:, 0]) * batch["scale"], torch.full((2,), 200.0))


# -- nothing silent -------------------------------------------------------------------------------

BAD = {
    "0,0,10,10": ("b.csv, rows of `0.png`, box 1", ""),  # control: this one is good
    "50,50,50,80": ("box 1", "a box without a size"),
    "nan,10,20,20": ("box 1", "a corner that is no number"),
    "left,10,20,20": ("box 1", "a corner that is no number"),
    "1e308,10,1e309,20": ("box 1", "a corner that is no number"),
    "300,300,400,400": ("box 1", "a box wholly outside the picture"),
    "0.1,0.2,0.5,0.6": ("box 1", "fractions where pixels are expected"),
}


def with_row(folder: Path, row: str) -> Path:
    """Thirty good boxes in ten photos, and one more."""
    pictures_of = [f"{i}.png" for i in range(10)]
    for i, name in enumerate(pictures_of):
        save(folder / name, i)
    rows = [f"{name},{10 + i},20,{60 + i},90,{'ab'[i % 2]}" for name in pictures_of for i in range(3)]
    (folder / "b.csv").write_text("\n".join(["file,xmin,ymin,xmax,ymax,class", row, *rows]))
    return folder


@pytest.mark.parametrize("corners", BAD)
def test_a_bad_box_is_refused_by_place_and_reason(tmp_path: Path, corners: str) -> None:
    where, reason = BAD[corners]
    account = read(with_row(tmp_path, f"0.png,{corners},a")).account
    assert [(one.where, one.reason) for one in account.refused] == ([(f"b.csv, rows of `0.png`, {where}", reason)] if reason else [])
    assert account.used == 10 + 30 + (not reason)
    assert all(one.repair for one in account.refused)


def test_a_box_without_a_class_and_a_label_without_its_picture(tmp_path: Path) -> None:
    account = read(with_row(tmp_path, "0.png,1,1,20,20,\ngone.png,1,1,9,9,a"), allow_refused=0.2).account
    assert {(one.where, one.reason) for one in account.refused} == {
        ("b.csv, rows of `0.png`, box 1", "a box without a class"), ("b.csv, row 3", "boxes of a picture that is not there")}


def test_repairs_are_counted_and_said_with_their_first_place(tmp_path: Path) -> None:
    data = read(with_row(tmp_path, "0.png,60,80,20,40,a\n1.png,-20,30,40,200,b\n2.png,30,20,10,60,b"), size=160)
    assert data.account.refused == ()
    told = [line for line in data.meaning if "box 1" in line]
    assert told == ["2 boxes had corners the wrong way round: swapped; the first: `b.csv, rows of `0.png`, box 1`",
                    "1 boxes reached out of their picture: cut off at its edge; the first: `b.csv, rows of `1.png`, box 1`"]
    boxes = {k: np.array(v[0][1]) - [0, 4, 0, 4] for k, v in found(data).items()}
    np.testing.assert_allclose(boxes["0"], [20, 40, 60, 80], atol=1e-3)
    np.testing.assert_allclose(boxes["1"], [0, 30, 40, HEIGHT], atol=1e-3)


def test_shares_in_pixels_clothes_and_the_other_way_round(tmp_path: Path) -> None:
    whole = scene()
    shares: Scene = {k: [(name, (b[0] / WIDTH, b[1] / HEIGHT, b[2] / WIDTH, b[3] / HEIGHT)) for name, b in v] for k, v in whole.items()}
    csv(tmp_path / "csv", shares)
    yolo(tmp_path / "yolo", {k: [(name, (b[0] * WIDTH, b[1] * HEIGHT, b[2] * WIDTH, b[3] * HEIGHT)) for name, b in v]
                             for k, v in whole.items()})
    coco(tmp_path / "coco", whole)
    plain = found(read(tmp_path / "coco"))
    for folder, word in (("csv", "shares of the picture, not pixels"), ("yolo", "are pixels")):
        data = read(tmp_path / folder)
        assert same(found(data), plain)
        assert any(word in line for line in data.meaning)


def test_one_line_of_pixels_among_shares(tmp_path: Path) -> None:
    yolo(tmp_path, scene())
    with (tmp_path / "labels/p00.txt").open("a") as file:
        file.write("\n1 30 30 20 20\n7 0.5 0.5 0.1 0.1\n0 0.5 0.5 0.1\nhello\n")
    refused = read(tmp_path, allow_refused=0.3).account.refused
    assert {(one.where, one.reason) for one in refused} == {
        ("labels/p00.txt, box 2", "pixels where fractions are expected"), ("labels/p00.txt, line 3", "a class number without a name"),
        ("labels/p00.txt, line 4", "a line that is no box"), ("labels/p00.txt, line 5", "a line that is no box")}


def test_two_pictures_with_one_name(tmp_path: Path) -> None:
    csv(tmp_path, scene())
    save(tmp_path / "more/p03.jpg", 77)
    refused = read(tmp_path, allow_refused=0.5).account.refused
    assert {one.reason for one in refused} == {
        "boxes of a picture of which there are two with one name", "no file says which boxes are in it"}
    assert sorted(one.where for one in refused if one.where.endswith("jpg")) == ["more/p03.jpg", "p03.jpg"]
    assert "`more/p03.jpg`" in refused[0].repair


def test_a_picture_that_two_files_give_boxes(tmp_path: Path) -> None:
    voc(tmp_path, scene())
    (tmp_path / "more").mkdir()
    (tmp_path / "more/p03.xml").write_text(voc_xml("p03", scene()["p05"]))
    data = read(tmp_path, allow_refused=0.5)
    assert [one.where for one in data.account.refused] == ["more/p03.xml"]


def test_photos_without_a_word_about_them_are_refused(tmp_path: Path) -> None:
    coco(tmp_path, scene())
    save(tmp_path / "images/new.jpg", 99)
    (refusal,) = read(tmp_path, allow_refused=0.5).account.refused
    assert (refusal.where, refusal.reason) == ("images/new.jpg", "no file says which boxes are in it")


def test_another_declared_size_is_said_and_the_real_one_counts(tmp_path: Path) -> None:
    voc(tmp_path, scene())
    (tmp_path / "Annotations/p02.xml").write_text(voc_xml("p02", scene()["p02"], size=(999, 111)))
    data = read(tmp_path, size=160)
    assert [line for line in data.meaning if "999 x 111, really 160 x 120" in line]
    assert len(found(data)["p02"]) == len(scene()["p02"])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_boxes_are_turned_with_a_photo_that_lies_on_its_side(tmp_path: Path, orientation: int) -> None:
    """Against Pillow: a rectangle painted in the file's own frame, its box given in that frame, is found in the upright photo."""
    canvas = pil.new("RGB", (WIDTH, HEIGHT))
    canvas.paste((255, 255, 255), (20, 30, 70, 50))
    box = np.array([[20.0, 30, 70, 50]])
    exif = pil.Exif()
    exif[jpeg.ORIENTATION] = orientation
    out = io.BytesIO()
    canvas.save(out, "PNG", exif=exif)
    upright = open_picture(out)
    assert np.array_equal(upright, np.asarray(ImageOps.exif_transpose(pil.open(out))))
    ys, xs = np.nonzero(upright[:, :, 0] > 128)
    assert turned(box, orientation, upright.shape[:2]).tolist() == [[xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]]


def test_a_declared_size_of_a_photo_on_its_side_turns_its_boxes(tmp_path: Path) -> None:
    coco(tmp_path, scene())
    exif = pil.Exif()
    exif[jpeg.ORIENTATION] = 6
    photo(2).save(tmp_path / "images/p02.jpg", exif=exif)
    data = read(tmp_path)
    assert [line for line in data.meaning if "turned by their Exif mark" in line and "p02" in line]
    before, after = (np.array(boxes["p02"][0][1]) for boxes in (scene(), found(data)))
    np.testing.assert_allclose(after[2:] - after[:2], (before[2:] - before[:2])[::-1], atol=1e-3)  # width and height change places


def test_damaged_files_of_boxes(tmp_path: Path) -> None:
    voc(tmp_path / "v", scene())
    (tmp_path / "v/Annotations/p01.xml").write_text("<annotation><object>")
    (refused, _) = read(tmp_path / "v", allow_refused=0.5).account.refused
    assert refused.where == "Annotations/p01.xml"
    coco(tmp_path / "c", scene())
    text = (tmp_path / "c/boxes.json").read_text()
    for broken in (text[:-20], text.replace('"categories"', '"categories2"'), text.replace("[", "{", 1)):
        (tmp_path / "c/boxes.json").write_text(broken)
        with pytest.raises(DataError, match=r"boxes\.json"):
            read(tmp_path / "c")


def test_wrong_things_in_a_json_are_refused_one_by_one(tmp_path: Path) -> None:
    coco(tmp_path, scene())
    told = coco_json(scene())
    image = {"image_id": 1, "category_id": 1}
    box = [1, 1, 5, 5]
    told["annotations"] += [image | {"bbox": [1, 2, "x", 4]}, image | {"bbox": None}, image | {"category_id": 9, "bbox": box},
                            image | {"image_id": 99, "bbox": box, "id": 7}, "text", {"image_id": [1], "bbox": [], "category_id": {}}]
    told["images"] += ["text", {"id": {}, "file_name": 7}]
    (tmp_path / "boxes.json").write_text(json.dumps(told))
    account = read(tmp_path, allow_refused=0.5).account
    assert account.reasons() == {
        "a corner that is no number": 2, "a class that the file does not list": 2, "an annotation without a box": 1,
        "a box of an image that the file does not list": 1, "boxes of a picture that is not there": 1,
    }  # fmt: skip
    assert account.used == 12 + sum(map(len, scene().values()))


def test_xml_that_could_grow_or_read_other_files_is_refused(tmp_path: Path) -> None:
    bomb = '<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;">]><annotation><name>&c;</name></annotation>'
    for text in (bomb.encode(), bomb.encode("utf-16"), b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><annotation/>'):
        with pytest.raises(ValueError, match="document type"):
            parsed(text)
    assert parsed(b"<annotation><name>a&amp;b</name></annotation>").findtext("name") == "a&b", "control"
    voc(tmp_path, scene())
    (tmp_path / "Annotations/p01.xml").write_text(bomb)
    assert "document type" in read(tmp_path, allow_refused=0.5).account.refused[0].reason


def test_labels_without_photos(tmp_path: Path) -> None:
    for way in ("voc", "coco", "yolo"):
        WAYS[way](tmp_path / way, scene())
        for one in (tmp_path / way).rglob("*.jpg"):
            one.unlink()
        with pytest.raises(DataError, match="no photo"):
            read(tmp_path / way)


def test_no_box_at_all(tmp_path: Path) -> None:
    coco(tmp_path, {name: [] for name in scene()})
    (tmp_path / "boxes.json").write_text(json.dumps(coco_json({name: [] for name in scene()}) | {"info": {"bbox": 0}}))
    with pytest.raises(DataError, match="a box that can be used"):
        read(tmp_path)


def test_a_class_with_one_box_is_said(tmp_path: Path) -> None:
    assert any("`owl`" in line for line in read(with_row(tmp_path, "3.png,1,1,30,30,owl")).meaning if "one box" in line)


def test_rare_classes_reach_every_part(tmp_path: Path) -> None:
    whole: Scene = {f"q{i:02}": [("dog", (10, 10, 50, 60))] + ([("rare", (60, 10, 90, 60))] if i % 10 == 3 else []) for i in range(40)}
    csv(tmp_path, whole)
    for seed in range(4):
        data = read(tmp_path, seed)
        rare = data.spec.target.names.index("rare")
        assert (data.test.batch(torch.arange(len(data.test)))["box_class"] == rare).any()
        assert (data.train.batch(torch.arange(len(data.train)))["box_class"] == rare).any()


def test_duplicates_stay_on_one_side(tmp_path: Path) -> None:
    rows = ["file,xmin,ymin,xmax,ymax,class"]
    for i in range(20):
        for copy, quality in enumerate((95, 50)):
            save(tmp_path / f"{i}-{copy}.jpg", i, quality=quality)
            rows.append(f"{i}-{copy}.jpg,5,5,50,60,a")
    (tmp_path / "b.csv").write_text("\n".join(rows))
    for seed in range(3):
        data = read(tmp_path, seed)
        sides = [{name[:-6] for name in split.where} for split in (data.train, data.valid, data.test)]  # type: ignore[attr-defined]
        assert sum(map(len, sides)) == len(set.union(*sides)) == 20


def test_one_camera_is_no_reason_to_stop(tmp_path: Path) -> None:
    """All photos show one place and are nearly alike; what moves in them is to be found. Exact copies still stay together."""
    rows = ["file,xmin,ymin,xmax,ymax,class"]
    for i in range(20):
        shown = photo(0)
        shown.paste((255, 0, 0), (5 + 7 * (i // 2), 50, 13 + 7 * (i // 2), 58))
        shown.save(tmp_path / f"{i}.png")
        rows.append(f"{i}.png,{5 + 7 * (i // 2)},50,{13 + 7 * (i // 2)},58,a")
    (tmp_path / "b.csv").write_text("\n".join(rows))
    data = read(tmp_path)
    assert any("as of one camera" in line for line in data.meaning)
    sides = [{int(name[:-4]) // 2 for name in split.where} for split in (data.train, data.valid, data.test)]  # type: ignore[attr-defined]
    assert sum(map(len, sides)) == len(set.union(*sides)) == 10


def test_five_thousand_boxes_in_one_photo_and_a_large_photo(tmp_path: Path) -> None:
    photo(0, 8000, 6250).save(tmp_path / "huge.jpg", quality=60)  # 50 megapixels
    save(tmp_path / "a.jpg", 1), save(tmp_path / "b.jpg", 2)
    random = np.random.default_rng(0)
    corners = random.uniform(0, 6000, (5000, 2))
    rows = [f"huge.jpg,{x:.1f},{y:.1f},{x + 100:.1f},{y + 80:.1f},a" for x, y in corners]
    (tmp_path / "b.csv").write_text("\n".join(["file,xmin,ymin,xmax,ymax,class", *rows, "a.jpg,5,5,50,60,a", "b.jpg,5,5,50,60,a"]))
    data = read(tmp_path)
    assert data.account.used == 5005
    assert sum(len(s.labels()["boxes"]) for s in (data.train, data.valid, data.test)) == 5002  # type: ignore[attr-defined]


# -- which reader opens what ----------------------------------------------------------------------


def test_photos_in_class_folders_and_with_a_table_of_classes_stay_photos(tmp_path: Path) -> None:
    for name in ("cat", "labels"):
        for i in range(3):
            save(tmp_path / "folders" / name / f"{i}.jpg", i)
    for i in range(6):
        save(tmp_path / "table" / f"{i}.jpg", i)
    (tmp_path / "table/labels.csv").write_text("file,label\n" + "\n".join(f"{i}.jpg,{'ab'[i % 2]}" for i in range(6)))
    (tmp_path / "table/notes.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    (tmp_path / "folders/package.json").write_text('{"images": 1, "annotations": 2}')
    (tmp_path / "folders/feed.xml").write_text("<rss></rss>")
    for folder in ("folders", "table"):
        assert reader_of(tmp_path / folder) is PhotoReader


def test_the_reader_of_a_run_goes_by_its_target(tmp_path: Path) -> None:
    coco(tmp_path / "c", scene())
    for i in range(3):
        save(tmp_path / "plain" / f"{i}.jpg", i)
    for folder in ("c", "plain"):
        assert reader_for(tmp_path / folder, "image", "boxes") is BoxReader
        assert reader_for(tmp_path / folder, "image", "classes") is PhotoReader
    spec = Spec(input=Image(channels=3, height=64, width=96, fit="pad"), target=Boxes(names=("dog", "owl")))
    names, x = BoxReader(tmp_path / "plain", Config()).inputs(spec)
    assert (len(names), tuple(x.shape)) == (3, (3, 3, 64, 96))
    with pytest.raises(DataError, match="files of boxes"):
        BoxReader(tmp_path / "plain", Config()).rows(spec)


def test_other_data_of_a_run_are_in_its_terms(tmp_path: Path) -> None:
    coco(tmp_path, scene())
    spec = Spec(input=Image(channels=1, height=64, width=96, fit="pad"), target=Boxes(names=("owl", "dog", "cat")))
    rows = BoxReader(tmp_path, Config()).rows(spec)
    assert isinstance(rows, BoxSplit)
    batch = rows.batch(torch.arange(len(rows)))
    assert tuple(batch["x"].shape) == (12, 1, 64, 96)
    assert set(batch["box_class"].tolist()) == {1, 2}
    few = Spec(input=spec.input, target=Boxes(names=("dog",)))
    with pytest.raises(DataError, match="a class that was not learned"):
        BoxReader(tmp_path, Config()).rows(few)
    left = BoxReader(tmp_path, Config(allow_refused=1)).rows(few)
    assert isinstance(left, BoxSplit)
    assert len(left.labels()["boxes"]) == sum(name == "dog" for boxes in scene().values() for name, _ in boxes)


# -- names in yaml --------------------------------------------------------------------------------

words = st.text(st.characters(codec="utf-8", exclude_characters="'\"\\\n\r", exclude_categories=("C", "Z")), min_size=1, max_size=8)


@given(st.lists(words, min_size=1, max_size=6))
@settings(max_examples=60)
def test_every_form_of_names_reads_alike(names: list[str]) -> None:
    quotes = [f"'{name}'" for name in names]
    wanted = dict(enumerate(names))
    assert in_yaml(f"path: ../x # here\nnames: [{', '.join(quotes)}]  # all\nnc: 3") == wanted
    assert in_yaml("names: [\n  " + ",\n  ".join(quotes) + "\n]\nnc: 3") == wanted
    assert in_yaml("names:\n" + "\n".join(f"- {name}" for name in quotes) + "\ntrain: a") == wanted
    assert in_yaml("names:\n" + "\n".join(f"    {i}: {name}" for i, name in enumerate(quotes))) == wanted
    assert in_yaml("names: {" + ", ".join(f"{i}: {name}" for i, name in enumerate(quotes)) + "}") == wanted


def test_a_yaml_without_names() -> None:
    assert in_yaml("train: a\nval: b\n# names: [a]") == {}


# -- real data ------------------------------------------------------------------------------------


def test_blood_cells_in_four_ways(shared_data: Path, tmp_path: Path) -> None:
    """BCCD as it is published (VOC), and written anew in three other ways from what was read: all four give the same boxes."""
    packed = shared_data / "bccd" / "bccd.zip"
    if not packed.is_file():
        pytest.skip("needs shared/data/bccd")
    data = read(packed, size=320)
    assert [len(s) for s in (data.train, data.valid, data.test)] == [205, 87, 72]
    assert data.spec.target == Boxes(names=("Platelets", "RBC", "WBC"))
    assert data.account.used == 364 + 4886
    assert [one.reason for one in data.account.refused] == ["a box without a size"] * 2, "two clicks"
    boxes = {k: [(name, tuple((np.array(b) - [0, 16, 0, 16]).tolist())) for name, b in v] for k, v in found(data).items()}
    boxes = {k: [(name, tuple(round(c) for c in b)) for name, b in v] for k, v in boxes.items()}
    with zipfile.ZipFile(packed) as archive:
        some = {k: boxes[k] for k in sorted(boxes)[:40]}
        for stem in some:
            content = archive.read(f"BCCD/JPEGImages/{stem}.jpg")
            for folder in ("coco/images", "yolo/images", "csv"):
                (tmp_path / folder).mkdir(parents=True, exist_ok=True)
                (tmp_path / folder / f"{stem}.jpg").write_bytes(content)
    names = ["Platelets", "RBC", "WBC"]
    images = [{"id": i, "file_name": f"{stem}.jpg"} for i, stem in enumerate(some)]
    annotations = [{"image_id": i, "category_id": names.index(name), "bbox": [b[0], b[1], b[2] - b[0], b[3] - b[1]]}
                   for i, one in enumerate(some.values()) for name, b in one]
    (tmp_path / "coco/c.json").write_text(json.dumps({
        "images": images, "annotations": annotations, "categories": [{"id": i, "name": name} for i, name in enumerate(names)]}))
    (tmp_path / "yolo/classes.txt").write_text("\n".join(names))
    rows = ["filename,xmin,ymin,xmax,ymax,class"]
    for stem, one in some.items():
        rows += [f"{stem}.jpg,{b[0]},{b[1]},{b[2]},{b[3]},{name}" for name, b in one]
        lines = [(names.index(name), (b[0] + b[2]) / 1280, (b[1] + b[3]) / 960, (b[2] - b[0]) / 640, (b[3] - b[1]) / 480)
                 for name, b in one]
        (tmp_path / f"yolo/images/{stem}.txt").write_text("\n".join(" ".join(map(str, line)) for line in lines))
    (tmp_path / "csv/b.csv").write_text("\n".join(rows))
    reference = {k: v for k, v in found(data).items() if k in some}
    for way in ("coco", "yolo", "csv"):
        assert same(found(read(tmp_path / way, size=320)), reference, atol=0.02), way


# -- files that are broken in every way -----------------------------------------------------------

PIECES = (b"-1", b"1e400", b"NaN", b"null", b"[]", b"{}", b'"', b"\n", b",", b"<", b"&", b"9" * 40, b"\0", b"true")


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folders = {way: tmp_path_factory.mktemp(way) for way in WAYS}
    for way, folder in folders.items():
        WAYS[way](folder, scene(6))
    return folders


WOUNDS = st.lists(st.tuples(st.floats(0, 0.999), st.sampled_from(PIECES), st.integers(0, 5)), min_size=1, max_size=8)


@given(st.sampled_from(list(WAYS)), st.integers(0, 10**6), WOUNDS)
@settings(max_examples=60)
def test_a_broken_file_is_read_or_refused_and_nothing_else(originals: dict[str, Path], way: str, which: int, wounds: list[Any]) -> None:
    """Pieces are put into a file of boxes, and bytes of it taken out: what comes back is data or a DataError, never a traceback."""
    folder = originals[way]
    files = sorted(one for one in folder.rglob("*") if one.suffix in (".xml", ".json", ".txt", ".csv", ".yaml"))
    file = files[which % len(files)]
    whole = file.read_bytes()
    content = whole
    for place, piece, taken in wounds:
        at = int(place * len(content))
        content = content[:at] + piece + content[at + taken :]
    file.write_bytes(content)
    with suppress(DataError):
        reader = reader_of(folder)
        if reader is BoxReader:
            assert BoxReader(folder, Config(allow_refused=1)).data(0).account.used > 0
    file.write_bytes(whole)


@pytest.mark.parametrize("told", ['"width": 1e999', f'"width": {"9" * 400}', '"width": "wide"', '"width": null'])
def test_sizes_that_are_none_are_not_believed(tmp_path: Path, told: str) -> None:
    coco(tmp_path, scene())
    text = (tmp_path / "boxes.json").read_text()
    (tmp_path / "boxes.json").write_text(text.replace('"width": 160', told))
    data = read(tmp_path, size=160)
    assert sum(map(len, found(data).values())) == sum(map(len, scene().values()))
    assert not any("another size" in line for line in data.meaning)
