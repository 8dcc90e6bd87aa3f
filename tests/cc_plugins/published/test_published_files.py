"""Every layout in which sets are published, written here and read back: pixels, labels, learning rates, notes."""

import io
import tempfile
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from cc_plugins.published import _files, _spaces
from ccbench import testing
from ccbench.archive import CompressedDataset, EncodedImages, FloatImages, RawImages, Whitening
from ccbench.budget import Budget
from ccbench.data import ImageDataset
from ccbench.errors import Skipped, UserError
from ccbench.methods.compress import compress
from ccbench.offers.discovery import Plugins
from ccbench.offers.expressions import parse

IPC = 2
CIFAR = (np.array([0.4914, 0.4822, 0.4465]), np.array([0.2023, 0.1994, 0.2010]))


@pytest.fixture(scope="module")
def chosen(lab):
    """Two training images of each class: positions, pixels, labels."""
    data = lab.splits.train
    ids = np.concatenate([np.flatnonzero(data.labels == c)[[3, 1]] for c in range(4)])
    return ids, np.array(data.images[ids]), np.array(data.labels[ids])


@pytest.fixture(scope="module")
def drawn():
    """Pictures that are no images: float32 (8, 3, 32, 32), and their labels."""
    return torch.from_numpy(np.random.default_rng(0).normal(0, 2, (8, 3, 32, 32)).astype(np.float32)), np.repeat(
        range(4), 2
    )


def make(lab, file, more="", ipc=IPC, warnings=None, **changes):
    bench = lab.bench()
    vars(bench).update(changes)
    text = f"published[ipc={ipc},file={file}{',' if more else ''}{more}]"
    expression = parse(text, lab.plugins)
    return compress(expression, Budget.from_ipc(ipc, bench.root.shape), bench, warnings=warnings)


def normalised(pixels, space=CIFAR, dtype=torch.float32):
    values = (pixels / 255 - space[0]) / space[1]
    return torch.from_numpy(np.ascontiguousarray(values.transpose(0, 3, 1, 2))).to(dtype)


def saved(path, held):
    torch.save(held, path)
    return path


def dc(path, images, labels, sets=1):
    data = [[images + 0, torch.from_numpy(labels)] for _ in range(sets)]
    return saved(path, {"data": data, "accs_all_exps": {"ConvNet": [0.25, 0.27]}})


def notes(made):
    return " | ".join(made.meta["notes"])


def refused(lab, file, more="", **changes):
    with pytest.raises(UserError) as caught:
        make(lab, file, more, **changes)
    assert "Traceback" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.float64])
def test_a_result_of_dc_with_real_images(lab, chosen, tmp_path, dtype):
    ids, pixels, labels = chosen
    told: list[str] = []
    made = make(lab, dc(tmp_path / "res_DC.pt", normalised(pixels, dtype=dtype), labels), warnings=told)
    assert isinstance(made.payload, FloatImages)
    assert made.payload.values.dtype == (np.float16 if dtype == torch.float16 else np.float32)
    assert made.payload.space.std.tolist() == CIFAR[1].tolist()
    assert np.array_equal(made.payload.decode(slice(None)), pixels)
    assert made.labels.tolist() == labels.tolist()
    assert made.ids.tolist() == ids.tolist()
    assert "normalised as cifar10: it makes whole pixels" in notes(made)
    assert "8 of 8 pictures are training images, with the same labels" in notes(made)
    assert "ConvNet 26.00 % (networks: 2)" in notes(made)
    assert told == made.meta["notes"]  # and users hear it
    raw = make(lab, tmp_path / "res_DC.pt", "store=uint8")
    assert isinstance(raw.payload, RawImages)
    assert np.array_equal(raw.payload.images, pixels)


def test_notes_of_a_method_stand_before_those_of_the_data(lab, chosen, tmp_path):
    file = dc(tmp_path / "res.pt", normalised(chosen[1]), chosen[2])
    bench = lab.bench()
    expression = parse(f"published[ipc=2,file={file}]", lab.plugins)
    made = compress(expression, Budget.from_ipc(2, bench.root.shape), bench, meta={"notes": ["of the data"]})
    assert made.meta["notes"][-1] == "of the data"
    assert len(made.meta["notes"]) > 1


def test_one_of_several_experiments_has_to_be_named(lab, chosen, tmp_path):
    _, pixels, labels = chosen
    images = normalised(pixels)
    data = [[images, torch.from_numpy(labels)], [images.flip(0), torch.from_numpy(labels[::-1].copy())]]
    file = saved(tmp_path / "res.pt", {"data": data})
    assert "set=0 to set=1" in refused(lab, file)
    assert "holds 2 sets" in refused(lab, file, "set=2")
    assert np.array_equal(make(lab, file, "set=0").payload.decode(slice(None)), pixels)
    assert np.array_equal(make(lab, file, "set=-1").payload.decode(slice(None)), pixels[::-1])


def test_distilled_pictures_have_to_be_told_what_they_were_normalised_by(lab, drawn, tmp_path):
    file = dc(tmp_path / "res.pt", *drawn)
    text = refused(lab, file)
    assert "cannot be told" in text
    assert "normalise=" in text
    assert "zca=FILE" in text
    made = make(lab, file, "normalise=cifar10")
    np.testing.assert_array_equal(made.payload.values, drawn[0].permute(0, 2, 3, 1).numpy())
    assert set(made.ids.tolist()) == {-1}
    assert "as told" in notes(made)
    assert make(lab, file, "normalise=0.5:0.4:0.3/0.2:0.3:0.4").payload.space.mean.tolist() == [0.5, 0.4, 0.3]
    own = make(lab, file, "normalise=own").payload.space
    np.testing.assert_allclose(own.mean, (lab.splits.train.images / 255).mean((0, 1, 2)), rtol=1e-4)
    assert "three means" in refused(lab, file, "normalise=cifar")
    assert "above 0" in refused(lab, file, "normalise=0:0:0/0:0:0")


@pytest.mark.parametrize("name", ["none", "bytes", "half", "imagenet", "cifar10-pixels", "cifar100"])
def test_whole_pixels_tell_the_normalisation(lab, chosen, tmp_path, name):
    space = tuple(np.array(part) for part in _spaces.NAMED[name])
    made = make(lab, dc(tmp_path / "res.pt", normalised(chosen[1], space), chosen[2]))
    assert f"normalised as {name}:" in notes(made)
    assert np.array_equal(made.payload.decode(slice(None)), chosen[1])


def test_the_data_s_own_normalisation_is_found(lab, chosen, tmp_path):
    pixels = lab.splits.train.images.reshape(-1, 3) / 255
    made = make(lab, dc(tmp_path / "res.pt", normalised(chosen[1], (pixels.mean(0), pixels.std(0))), chosen[2]))
    assert "normalised as own:" in notes(made)


def test_pixels_under_several_normalisations_are_refused(lab, tmp_path):
    zeros = torch.zeros(8, 3, 32, 32)
    zeros[:, :, ::2] = 1
    text = refused(lab, dc(tmp_path / "res.pt", zeros, np.repeat(range(4), 2)))
    assert "none, bytes" in text
    assert "normalise=NAME" in text


def test_mtt_and_datm_in_one_folder(lab, drawn, tmp_path):
    logits = torch.from_numpy(np.random.default_rng(1).normal(0, 3, (8, 4)).astype(np.float32))
    saved(tmp_path / "images_best.pt", drawn[0])
    saved(tmp_path / "images_5000.pt", drawn[0] + 1)
    saved(tmp_path / "labels_5000.pt", torch.zeros(8).long())
    saved(tmp_path / "labels_best.pt", logits)
    saved(tmp_path / "lr_best.pt", torch.tensor(0.0173))
    made = make(lab, tmp_path, "normalise=cifar10")
    np.testing.assert_allclose(made.soft_labels, logits.softmax(1).numpy(), atol=1e-3)
    assert made.labels.tolist() == logits.argmax(1).tolist()
    assert made.learning_rate == pytest.approx(0.0173)
    assert "images_best taken of" in notes(made)
    assert "the softmax of logits" in notes(made)
    named = make(
        lab,
        tmp_path / "images_best.pt",
        f"normalise=cifar10,labels={tmp_path / 'labels_best.pt'},rate={tmp_path / 'lr_best.pt'}",
    )
    assert named.content_digest() == made.content_digest()
    named.save(tmp_path / "a.ccb")
    assert CompressedDataset.open(tmp_path / "a.ccb").learning_rate == made.learning_rate
    (tmp_path / "images_best.pt").unlink()
    (tmp_path / "labels_best.pt").unlink()
    saved(tmp_path / "images_4000.pt", drawn[0])
    assert "several sets" in refused(lab, tmp_path)


def test_a_set_in_parts(lab, drawn, tmp_path):
    for i in range(3):
        saved(tmp_path / f"images_best_{i}.pt", drawn[0][[slice(0, 3), slice(3, 6), slice(6, 8)][i]])
    saved(tmp_path / "labels_best.pt", torch.from_numpy(drawn[1]))
    made = make(lab, tmp_path, "normalise=cifar10")
    np.testing.assert_array_equal(made.payload.values, drawn[0].permute(0, 2, 3, 1).numpy())
    (tmp_path / "images_best_1.pt").unlink()
    assert "some are missing" in refused(lab, tmp_path, "normalise=cifar10")


def test_kip_whose_labels_are_targets_of_a_regression(lab, drawn, tmp_path):
    targets = np.eye(4)[drawn[1]] - 0.25 + np.random.default_rng(2).normal(0, 0.05, (8, 4))
    np.savez(tmp_path / "kip.npz", images=drawn[0].permute(0, 2, 3, 1).numpy(), labels=targets)
    assert "kind=hard" in refused(lab, tmp_path / "kip.npz", "normalise=own")
    made = make(lab, tmp_path / "kip.npz", "normalise=own,kind=hard")
    assert made.labels.tolist() == drawn[1].tolist()
    assert made.soft_labels is None
    np.testing.assert_array_equal(made.payload.values, drawn[0].permute(0, 2, 3, 1).numpy())


def test_datadam_whose_labels_are_floats(lab, chosen, tmp_path):
    saved(tmp_path / "CIFAR10_IPC2_images.pt", normalised(chosen[1]))
    saved(tmp_path / "CIFAR10_IPC2_labels.pt", torch.from_numpy(chosen[2]).float())
    made = make(lab, tmp_path)
    assert "labels stored as floats" in notes(made)
    assert made.labels.tolist() == chosen[2].tolist()
    assert "no labels" in refused(lab, tmp_path / "CIFAR10_IPC2_images.pt")


def test_probabilities_and_one_hot_rows(lab, drawn, tmp_path):
    soft = torch.from_numpy(np.random.default_rng(3).dirichlet(np.ones(4), 8).astype(np.float32))
    for name, labels in (("soft", soft), ("hot", torch.eye(4)[drawn[1]])):
        saved(tmp_path / f"{name}.pt", {"images": drawn[0], "labels": labels, "syn_lr": 0.02})
    made = make(lab, tmp_path / "soft.pt", "normalise=cifar10")
    np.testing.assert_allclose(made.soft_labels, soft.numpy(), atol=1e-3)
    assert made.learning_rate == 0.02
    hot = make(lab, tmp_path / "hot.pt", "normalise=cifar10")
    assert (hot.soft_labels, hot.labels.tolist()) == (None, drawn[1].tolist())


def whitening(pixels):
    flat = (pixels.transpose(0, 3, 1, 2).reshape(len(pixels), -1) / 255).astype(np.float64)
    rng = np.random.default_rng(4)
    half = rng.normal(0, 0.01, (flat.shape[1], flat.shape[1]))
    return flat.mean(0), np.eye(flat.shape[1]) * 3 + half + half.T


def test_whitened_pictures_bring_their_transform(lab, chosen, tmp_path):
    _, pixels, labels = chosen
    mean, matrix = whitening(pixels)
    space = Whitening(mean, matrix)
    file = dc(tmp_path / "res.pt", space.values(torch.from_numpy(pixels).permute(0, 3, 1, 2)), labels)
    assert "zca=FILE" in refused(lab, file)
    saved(tmp_path / "zca.pt", {"mean_vector": torch.from_numpy(mean)[None], "transform_matrix": torch.tensor(matrix)})
    np.savez(tmp_path / "zca.npz", mean=mean, matrix=matrix)
    made = [make(lab, file, f"zca={tmp_path / name}") for name in ("zca.pt", "zca.npz")]
    assert isinstance(made[0].payload.space, Whitening)
    assert made[0].content_digest() == made[1].content_digest()
    assert np.abs(made[0].payload.decode(slice(None)).astype(int) - pixels).max() <= 1
    assert "whitened or normalised" in refused(lab, file, f"zca={tmp_path / 'zca.pt'},normalise=own")
    np.savez(tmp_path / "other.npz", mean=mean)
    assert "holds no whitening" in refused(lab, file, f"zca={tmp_path / 'other.npz'}")
    np.savez(tmp_path / "small.npz", mean=mean[:12], matrix=matrix[:12, :12])
    assert "not for images of 32 x 32" in refused(lab, file, f"zca={tmp_path / 'small.npz'}")


def folders(root, pixels, labels, names, suffix=".png", **options):
    for i, (image, label) in enumerate(zip(pixels, labels, strict=True)):
        place = root / names[label]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place / f"class{label:05d}_id{i:05d}{suffix}", **options)
    return root


def test_class_folders_of_png_are_kept_as_they_are(lab, chosen, tmp_path):
    ids, pixels, labels = chosen
    root = folders(tmp_path / "set", pixels, labels, [f"{c:05d}" for c in range(4)])
    (root / "00001" / ".DS_Store").write_bytes(b"x")
    (root / "00001" / "labels.tar").write_bytes(b"x")
    made = make(lab, root)
    assert isinstance(made.payload, EncodedImages)
    assert np.array_equal(np.stack([made.payload.decode(i) for i in range(8)]), pixels)
    assert made.ids.tolist() == ids.tolist()
    assert "by the number in their names" in notes(made)
    assert "1 files left out" in notes(made)
    assert isinstance(make(lab, root, "store=uint8").payload, RawImages)
    assert "8 bits" in refused(lab, root, "store=float16")
    assert "for arrays" in refused(lab, root, "normalise=own")


def test_class_folders_of_jpeg_by_the_names_of_classes(lab, chosen, tmp_path):
    _, pixels, labels = chosen
    large = np.repeat(np.repeat(pixels, 2, 1), 2, 2)  # DC3 stores more pixels than the data have
    root = folders(tmp_path / "set", large, labels, lab.splits.train.classes, ".jpg", quality=95)
    made = make(lab, root)
    assert made.payload.codec == "jpeg"
    assert made.payload.shape == (64, 64)
    assert sorted(made.labels.tolist()) == sorted(labels.tolist())
    assert "pictures of 64 x 64 pixels for images of 32 x 32" in notes(made)
    assert float(made.nominal_kept(lab.splits.train.shape)) == pytest.approx(8 / 96)
    first = lab.splits.train.classes[made.labels[0]]
    with Image.open(sorted((root / first).iterdir())[0]) as image:
        assert np.array_equal(made.payload.decode(0), np.asarray(image))


def test_folders_of_other_names_need_an_order(lab, chosen, tmp_path):
    _, pixels, labels = chosen
    root = folders(tmp_path / "set", pixels, labels, ["d", "c", "b", "a"])
    assert "classes=FILE" in refused(lab, root)
    (tmp_path / "names.txt").write_text("\n".join(lab.splits.train.classes[::-1]))
    made = make(lab, root, f"classes={tmp_path / 'names.txt'}")
    assert (made.ids >= 0).all()
    (tmp_path / "names.txt").write_text("red\ngreen\nblue\n")
    assert "names 3 classes" in refused(lab, root, f"classes={tmp_path / 'names.txt'}")
    (tmp_path / "names.txt").write_text("red\ngreen\nblue\nyellow\n")
    assert "yellow" in refused(lab, root, f"classes={tmp_path / 'names.txt'}")


def test_classes_in_another_order_are_seen_by_the_training_images(lab, chosen, tmp_path):
    ids, pixels, labels = chosen
    file = dc(tmp_path / "res.pt", normalised(pixels), 3 - labels)
    assert "classes are in another order" in refused(lab, file)
    (tmp_path / "names.txt").write_text("\n".join(lab.splits.train.classes[::-1]))
    made = make(lab, file, f"classes={tmp_path / 'names.txt'}")
    assert (made.labels.tolist(), made.ids.tolist()) == (labels.tolist(), ids.tolist())
    soft = torch.nn.functional.one_hot(torch.from_numpy(3 - labels), 4).float() * 0.9 + 0.025
    saved(tmp_path / "soft.pt", [normalised(pixels), soft])
    turned = make(lab, tmp_path / "soft.pt", f"classes={tmp_path / 'names.txt'}")
    assert turned.soft_labels.argmax(1).tolist() == labels.tolist()


def test_pictures_are_not_looked_for_among_too_many(lab, chosen, tmp_path, monkeypatch):
    monkeypatch.setattr("cc_plugins.published._real.MOST", 1000)
    _, pixels, labels = chosen
    made = make(lab, dc(tmp_path / "res.pt", normalised(pixels), 3 - labels))
    assert "not looked for" in notes(made)
    assert set(made.ids.tolist()) == {-1}
    made = make(lab, folders(tmp_path / "set", pixels, 3 - labels, [f"{c}" for c in range(4)]))
    assert set(made.ids.tolist()) == {-1}


def test_single_images_of_another_label_are_told_and_kept(lab, chosen, tmp_path):
    _, pixels, labels = chosen
    other = labels.copy()
    other[0] = 1
    made = make(lab, dc(tmp_path / "res.pt", normalised(pixels), other))
    assert "1 of 8 pictures that are training images have other labels" in notes(made)
    assert made.ids[0] == -1


def test_another_number_than_the_budget_names_its_own(lab, drawn, tmp_path):
    file = dc(tmp_path / "res.pt", *drawn)
    assert "ipc=2 among its parameters" in refused(lab, file, "normalise=cifar10", ipc=3)
    file = dc(tmp_path / "odd.pt", drawn[0][:7], drawn[1][:7])
    assert "fraction=0.07291666667" in refused(lab, file, "normalise=cifar10", ipc=3)
    bench = lab.bench()
    with pytest.raises(Skipped, match="names no file"):
        compress(parse("published", lab.plugins), Budget.from_ipc(1, bench.root.shape), bench)


def test_pictures_of_another_size_go_where_they_are_trained(lab, tmp_path):
    data = lab.splits.train
    small = ImageDataset.from_arrays(np.array(data.images[:, ::2, ::2]), data.labels, data.classes, name="small")
    images = torch.rand(8, 3, 32, 32)
    made = make(lab, dc(tmp_path / "res.pt", images, np.repeat(range(4), 2)), "normalise=none", root=small)
    assert "32 x 32 pixels for images of 16 x 16" in notes(made)


class Vast:
    """Pickled, an array of a billion numbers that are not in the file."""

    def __reduce__(self):
        made = np.zeros(1).__reduce__()[0]
        return made, (np.ndarray, (10**9,), b"d")


class Code:
    def __reduce__(self):
        return (print, ("code of a file ran",))


def npy(shape, there):
    held = io.BytesIO()
    np.lib.format.write_array_header_1_0(held, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return held.getvalue() + b"\0" * there


def deflated(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


def hostile(tmp_path):
    """Files by name, and what has to be said of each."""
    good, labels = torch.rand(8, 3, 32, 32), np.repeat(range(4), 2)
    nan = good.clone()
    nan[0, 0, 0, 0] = torch.nan
    big = 17 << 20
    (tmp_path / "huge.npy").write_bytes(npy((1 << 40, 3, 32, 32), 100))
    (tmp_path / "cut.pt").write_bytes(saved(tmp_path / "whole.pt", [good, good]).read_bytes()[:5000])
    (tmp_path / "text.pt").write_text("not a tensor")
    np.savez(tmp_path / "objects.npz", images=np.array([Code()], object), labels=labels)
    np.savez(tmp_path / "names.npz", pictures=np.zeros(3))
    return {
        saved(tmp_path / "code.pt", Code()): "pickles that could run code are not opened",
        tmp_path / "objects.npz": "pickles that could run code are not opened",
        tmp_path / "names.npz": "neither 'data' (DC, DSA, DM) nor 'images'",
        dc(tmp_path / "nan.pt", nan, labels): "not finite",
        saved(tmp_path / "wide.pt", [torch.zeros(1).expand(10**9, 3, 32, 32), good]): "more values than the file holds",
        deflated(tmp_path / "bomb.npz", {"images.npy": npy((big // 4,), big)}): "more than a set of pictures",
        deflated(tmp_path / "bomb.pt", {"a/data.pkl": b"\0" * big}): "more than a set of pictures",
        deflated(tmp_path / "pickle.pt", {"a/data.pkl": np.random.default_rng(0).bytes(big)}): "a pickle of more than",
        saved(tmp_path / "vast.pt", [Vast(), good]): "more than a set of pictures",
        saved(tmp_path / "ids.pt", [torch.arange(8), torch.zeros(8)]): "ids[file=...]",
        deflated(tmp_path / "claims.npz", {"images.npy": npy((1 << 40,), 8)}): "more values than it holds",
        tmp_path / "huge.npy": "more values than it holds",
        tmp_path / "cut.pt": "cannot be read",
        tmp_path / "text.pt": "cannot be read",
        saved(tmp_path / "grey.pt", [torch.rand(8, 1, 32, 32), torch.zeros(8)]): "no three colours",
        saved(tmp_path / "axes.pt", [torch.rand(8, 3, 32, 3), torch.zeros(8)]): "which axis",
        saved(tmp_path / "flat.pt", [torch.rand(8, 3072), torch.zeros(8)]): "holds no pictures",
        saved(tmp_path / "whole_numbers.pt", [torch.ones(8, 3, 4, 4).long(), torch.zeros(8)]): "holds no pictures",
        saved(tmp_path / "none.pt", [torch.rand(0, 3, 4, 4), torch.zeros(0)]): "holds no pictures",
        saved(tmp_path / "strings.pt", [["a"], ["b"]]): "no array of numbers",
        saved(tmp_path / "three.pt", [good, good, good]): "no pair of images and labels",
        saved(tmp_path / "empty.pt", {"data": []}): "no list of sets",
        saved(tmp_path / "short.pt", [good, torch.zeros(7)]): "another number of labels",
        saved(tmp_path / "classes.pt", [good, torch.zeros(8) + 4]): "none of the 4 classes",
        saved(tmp_path / "wider.pt", [good, torch.rand(8, 5)]): "another number of classes",
        saved(tmp_path / "halves.pt", [good, torch.zeros(8) + 0.5]): "no whole numbers",
        saved(tmp_path / "rate.pt", {"images": good, "labels": torch.zeros(8), "lr": -1.0}): "no learning rate",
    }  # fmt: skip


def test_broken_and_hostile_files_give_one_clear_error(lab, tmp_path, capfd):
    for file, says in hostile(tmp_path).items():
        assert says in refused(lab, file, "normalise=none"), file.name
    assert "code of a file ran" not in "".join(capfd.readouterr())
    assert len(list(tmp_path.iterdir())) > 20


def test_broken_pictures_give_one_clear_error(lab, chosen, tmp_path):
    _, pixels, labels = chosen
    names = [f"{c}" for c in range(4)]
    root = folders(tmp_path / "cut", pixels, labels, names)
    victim = next(iter(sorted((root / "2").iterdir())))
    victim.write_bytes(victim.read_bytes()[:200])
    assert f"{victim} is no picture" in refused(lab, root)
    victim.write_bytes(b"GIF89a")
    assert "is no picture" in refused(lab, root)
    root = folders(tmp_path / "sizes", pixels, labels, names)
    Image.fromarray(pixels[0][:16]).save(root / "3" / "z.png")
    assert "must all have one size" in refused(lab, root)
    root = folders(tmp_path / "kinds", pixels, labels, names)
    Image.fromarray(pixels[0]).save(root / "3" / "z.jpg")
    assert "several kinds" in refused(lab, root)
    huge = tmp_path / "bomb" / "0"
    huge.mkdir(parents=True)
    Image.new("1", (9000, 9000)).save(huge / "a.png")
    assert "at most" in refused(lab, huge.parent)
    (tmp_path / "nothing").mkdir()
    assert "neither class folders" in refused(lab, tmp_path / "nothing")


def test_sizes_are_looked_at_before_anything_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(_files, "MOST", 1000)
    monkeypatch.setattr(_files, "torch_saved", None)
    file = saved(tmp_path / "large.pt", torch.zeros(1000))
    with pytest.raises(UserError, match="more than a set of pictures"):
        _files.opened(file)


def test_what_a_file_holds_is_part_of_the_version(tmp_path, drawn):
    plugins, versions = Plugins(), set()
    for shift in (0, 1):
        file = dc(tmp_path / "res.pt", drawn[0] + shift, drawn[1])
        versions.add(parse(f"published[file={file}]", plugins).version)
    assert len(versions) == 2


FOLDER = tempfile.TemporaryDirectory()
torch.save([torch.rand(8, 3, 32, 32), torch.arange(8) % 4], f"{FOLDER.name}/set.pt")


@pytest.mark.parametrize("check", testing.checks(f"published[ipc=2,normalise=half,file={FOLDER.name}/set.pt]"))
def test_conformance(check):
    check()


@pytest.mark.parametrize("tensor", [torch.eye(3).to_sparse(), torch.zeros(3, device="meta")], ids=["sparse", "meta"])
def test_tensors_that_hold_no_plain_values_are_refused(tmp_path, tensor):
    with pytest.raises(UserError, match="no plain tensor"):
        _files.array(tensor, tmp_path, "x")
