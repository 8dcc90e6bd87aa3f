import numpy as np
import pytest
from skimage.feature import graycomatrix, graycoprops
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from cc_plugins.dcq import clustering, descriptors
from cc_plugins.dcq.clustering import compact, image_rows, kmeans_clusters, random_clusters


def _rng(seed=0):
    return np.random.default_rng(seed)


def _groups(sizes=(30, 10), seed=0):
    truth = np.repeat(np.arange(len(sizes)), sizes)
    rows = (truth[:, None] * 20 + _rng(seed).normal(size=(len(truth), 5))).astype(np.float32)
    order = _rng(seed).permutation(len(truth))
    return rows[order], truth[order]


def test_two_obvious_groups_the_larger_first():
    rows, truth = _groups()
    found = kmeans_clusters(lambda ids: rows[ids], len(rows), 2, _rng())
    assert np.array_equal(found, truth)


def test_more_rows_than_the_sample_and_batches(monkeypatch):
    monkeypatch.setattr(clustering, "SAMPLE", 40)
    rows, truth = _groups((900, 700, 500), seed=1)
    found = kmeans_clusters(lambda ids: rows[ids], len(rows), 3, _rng())
    assert np.array_equal(found, truth)


def test_passes_over_all_rows_come_close_to_kmeans_on_all(monkeypatch):
    monkeypatch.setattr(clustering, "SAMPLE", 300)
    rows = _rng(3).normal(size=(3000, 8)).astype(np.float32)
    found = kmeans_clusters(lambda ids: rows[ids], 3000, 6, _rng())
    inertia = sum(np.square(rows[found == c] - rows[found == c].mean(0)).sum() for c in range(found.max() + 1))
    assert inertia < 1.02 * KMeans(6, n_init=2, random_state=0).fit(rows).inertia_


def test_the_order_of_images_does_not_change_the_partition():
    rows, _ = _groups((40, 30, 20))
    order = _rng(5).permutation(len(rows))
    a = kmeans_clusters(lambda ids: rows[ids], len(rows), 3, _rng())
    b = kmeans_clusters(lambda ids: rows[order][ids], len(rows), 3, _rng())
    assert np.array_equal(a[order], b)


def test_fewer_distinct_rows_than_clusters_leave_no_empty_cluster():
    rows = np.repeat(np.array([[0.0, 1], [5, 5]], np.float32), 6, axis=0)
    found = kmeans_clusters(lambda ids: rows[ids], 12, 5, _rng())
    assert found.tolist() == [0] * 6 + [1] * 6
    assert kmeans_clusters(lambda ids: rows[ids], 12, 1, _rng()).tolist() == [0] * 12


def test_compact():
    assert compact(np.array([7, 3, 3, 9, 7, 3])).tolist() == [1, 0, 0, 2, 1, 0]


def test_random_clusters_are_equal_in_size():
    found = random_clusters(10, 4, _rng())
    assert sorted(np.bincount(found)) == [2, 2, 3, 3]
    assert random_clusters(3, 20, _rng()).max() == 2


def test_pixels():
    image = _rng().integers(0, 256, (2, 4, 5, 3)).astype(np.uint8)
    np.testing.assert_allclose(descriptors.pixels(image), image.reshape(2, -1) / 255, atol=1e-6)
    large = np.kron(image[:, :4, :4], np.ones((1, 16, 16, 1), np.uint8))  # 64 x 64 of flat 16 x 16 blocks
    small = descriptors.pixels(large).reshape(2, 32, 32, 3)
    np.testing.assert_allclose(small, np.kron(image[:, :4, :4], np.ones((1, 8, 8, 1))) / 255, atol=1e-6)


def test_histogram_by_hand():
    image = np.array([[[[0, 0, 0], [63, 63, 63], [64, 0, 0], [255, 255, 255]]]], np.uint8)
    found = descriptors.histogram(image)
    assert found.shape == (1, 64)
    assert {i: found[0, i] for i in np.flatnonzero(found)} == {0: 0.5, 16: 0.25, 63: 0.25}


def test_ccv_by_hand():
    image = np.zeros((1, 30, 30, 3), np.uint8)
    image[0, :, 15:] = 255  # two halves; the mean of 3 x 3 makes columns 14 and 15 grey: 255/3 and 510/3
    found = descriptors.ccv(image)[0]
    regions = {0: 14 / 30, 21: 1 / 30, 42: 1 / 30, 63: 14 / 30}  # 64 colours: 0, 85, 170, 255 in each channel
    assert {i: pytest.approx(found[i]) for i in np.flatnonzero(found)} == regions
    image[:] = 0
    image[0, 5, 5] = 255  # its mean is 28, still the darkest colour
    image[0, 20:22, 20:22] = 255  # means up to 113: four pixels of the second colour and none larger
    found = descriptors.ccv(image)[0]
    assert found[64 + 21] == pytest.approx(4 / 900)  # below 1 %, so not coherent
    assert found[0] == pytest.approx(896 / 900)


def test_ccv_joins_diagonal_neighbours_and_keeps_images_apart():
    assert len(descriptors._neighbours(4, 4)) == 4
    image = _rng().integers(0, 256, (3, 16, 16, 3)).astype(np.uint8)
    together = descriptors.ccv(image)
    assert np.array_equal(together, np.concatenate([descriptors.ccv(i[None]) for i in image]))
    np.testing.assert_allclose(together.sum(1), 1, rtol=1e-6)


def test_glcm_agrees_with_scikit_image():
    images = _rng().integers(0, 256, (2, 9, 11, 3)).astype(np.uint8)
    found = descriptors.glcm(images).reshape(2, 4, 6)
    grey = np.minimum(images @ np.array([0.2125, 0.7154, 0.0721]) / 16, 15).astype(np.uint8)
    names = ("contrast", "dissimilarity", "homogeneity", "energy", "ASM", "correlation")
    angles = (0, np.pi / 2, np.pi / 4 * 3, np.pi / 4)
    for image, rows in zip(grey, found, strict=True):
        p = graycomatrix(image, [1], angles, levels=16, symmetric=True, normed=True)
        expected = np.stack([graycoprops(p, name)[0] for name in names], axis=1)
        order = [0, 1, *((2, 3) if abs(rows[2] - expected[2]).max() < abs(rows[2] - expected[3]).max() else (3, 2))]
        np.testing.assert_allclose(rows, expected[order], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["image", "pca", "histogram", "ccv", "glcm"])
def test_dark_and_bright_images_fall_apart(kind):
    rng = _rng()
    truth = np.arange(30) % 2
    noise = rng.integers(0, np.where(truth, 120, 20)[:, None, None, None], (30, 8, 8, 3))
    images = (truth[:, None, None, None] * 130 + noise).astype(np.uint8)
    rows = image_rows(images, kind, rng)
    found = kmeans_clusters(rows, 30, 2, rng)
    assert adjusted_rand_score(truth, found) == 1


@pytest.mark.parametrize("kind", ["pca", "ccv", "glcm"])
def test_flat_images_give_finite_rows(kind):
    rows = image_rows(np.zeros((4, 3, 1, 3), np.uint8), kind, _rng())(np.arange(4))
    assert np.isfinite(rows).all()
