import copy
import pickle

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")

from fractalgen.augment import IPMix  # noqa: E402
from fractalgen.seeding import seed_for  # noqa: E402
from fractalgen.torch import Indexed, IPMixCollate, IPMixDataset  # noqa: E402

MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)


@pytest.fixture(scope="module")
def aug(bank):
    return IPMix(bank)


@pytest.fixture(scope="module")
def labelled(images):
    return [(Image.fromarray(image), label % 3) for label, image in enumerate(images)]


def in_planes(pixels):
    return torch.from_numpy(pixels.transpose(2, 0, 1).copy())


def test_an_item_is_what_the_augmenter_gives_for_its_seed(aug, images, labelled):
    dataset = IPMixDataset(labelled, aug, seed=5)
    dataset.set_epoch(2)
    image, label = dataset[7]
    expected = aug(images[7], seed_for(5, 2, 7))
    assert image.dtype == torch.float32
    assert image.shape == (3, 32, 32)
    assert label == 7 % 3
    np.testing.assert_allclose(image.numpy().transpose(1, 2, 0), expected, atol=1e-6)


def test_views_come_after_the_clean_image_and_are_normalised_alike(aug, images, labelled):
    (clean, first, second), label = IPMixDataset(labelled, aug, views=2, mean=MEAN, std=STD)[3]
    mean, std = np.reshape(MEAN, (3, 1, 1)), np.reshape(STD, (3, 1, 1))
    np.testing.assert_allclose(
        clean.numpy() * std + mean, images[3].transpose(2, 0, 1) / 255, atol=1e-6
    )
    expected = aug.batch(images[3:4], [seed_for(0, 0, 3)], views=2, layout="NCHW")[:, 0]
    for view, raw in zip((first, second), expected, strict=True):
        np.testing.assert_allclose(view.numpy() * std + mean, raw, atol=1e-5)
    assert not torch.equal(first, second)
    assert label == 0


@pytest.mark.parametrize("views", [None, 2])
def test_collating_gives_the_images_of_the_dataset(aug, labelled, views):
    given = {"views": views, "mean": MEAN, "std": STD, "seed": 9}
    dataset, collate = IPMixDataset(labelled, aug, **given), IPMixCollate(aug, **given)
    for adapter in (dataset, collate):
        adapter.set_epoch(4)
    indexed = Indexed(labelled)
    order = [5, 0, 21, 8]
    expected = torch.utils.data.default_collate([dataset[index] for index in order])
    images, labels = collate([indexed[index] for index in order])
    assert torch.equal(labels, expected[1])
    if views is None:
        assert torch.equal(images, expected[0])
    else:
        assert len(images) == 3
        for ours, theirs in zip(images, expected[0], strict=True):
            assert torch.equal(ours, theirs)


def test_the_same_image_in_every_form_gives_the_same_result(aug, images):
    image = images[0]
    forms = [
        image,
        Image.fromarray(image),
        in_planes(image),
        in_planes(image).float() / 255,
    ]
    first, *others = (IPMixDataset([(form, 0)], aug)[0][0] for form in forms)
    for other in others:
        assert torch.equal(first, other)


def test_grey_images_become_rgb(aug, images):
    grey = images[0][..., 0].copy()
    forms = [
        np.stack([grey] * 3, axis=2),
        grey,
        grey[..., None],
        Image.fromarray(grey),
        torch.from_numpy(grey),
        torch.from_numpy(grey)[None],
    ]
    first, *others = (IPMixDataset([(form, 0)], aug)[0][0] for form in forms)
    assert first.shape == (3, 32, 32)
    for other in others:
        assert torch.equal(first, other)


def test_what_is_beside_the_image_is_kept_and_the_image_is_not_changed(aug, images):
    image = images[0].copy()
    _, label, name = IPMixDataset([(image, 4, "a name")], aug)[0]
    assert (label, name) == (4, "a name")
    np.testing.assert_array_equal(image, images[0])


def test_every_epoch_seed_and_index_gives_another_image(aug, images):
    dataset = IPMixDataset([(images[0], 0)] * 2, aug)
    other = IPMixDataset([(images[0], 0)] * 2, aug, seed=1)
    drawn = [dataset[0], dataset[1], other[0]]
    dataset.set_epoch(1)
    drawn.append(dataset[0])
    assert len({image.numpy().tobytes() for image, _ in drawn}) == 4
    dataset.set_epoch(0)
    assert torch.equal(dataset[0][0], drawn[0][0])


def test_the_last_item_is_also_at_minus_one_and_a_loop_ends(aug, labelled):
    dataset = IPMixDataset(labelled[:3], aug)
    assert torch.equal(dataset[-1][0], dataset[2][0])
    assert len(list(dataset)) == len(dataset) == 3
    assert [index for *_, index in Indexed(labelled[:3])] == [0, 1, 2]
    assert Indexed(labelled)[-1][-1] == len(labelled) - 1


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda d: pickle.loads(pickle.dumps(d))])
def test_a_copy_has_an_epoch_of_its_own(aug, labelled, copied):
    dataset = IPMixDataset(labelled, aug)
    dataset.set_epoch(3)
    twin = copied(dataset)
    assert torch.equal(twin[1][0], dataset[1][0])
    twin.set_epoch(4)
    assert (dataset.epoch, twin.epoch) == (3, 4)
    assert not torch.equal(twin[1][0], dataset[1][0])


def test_mistakes_are_named_with_the_way_out(aug, labelled, images):
    class Stream(torch.utils.data.IterableDataset):
        def __iter__(self):
            return iter(labelled)

    with pytest.raises(TypeError, match=r"Stream has no indices .*IPMixTransform"):
        IPMixDataset(Stream(), aug)
    with pytest.raises(ValueError, match="views must be a whole number from 1 to 65536, not 0"):
        IPMixDataset(labelled, aug, views=0)
    with pytest.raises(ValueError, match="mean must be three numbers"):
        IPMixDataset(labelled, aug, mean=(0.5,))
    with pytest.raises(ValueError, match="std must be three numbers from 1e-06"):
        IPMixCollate(aug, std=(0.5, 0.0, 0.5))
    with pytest.raises(ValueError, match="Indexed"):
        IPMixCollate(aug)(labelled[:2])
    with pytest.raises(ValueError, match=r"same size, not \[\(16, 32\), \(32, 32\)\]"):
        IPMixCollate(aug)([(images[0], 0, 0), (images[1][:16], 0, 1)])


@pytest.mark.parametrize("kind", [IPMixDataset, IPMixCollate])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"views": 1.5}, r"views must be a whole number from 1 to 65536, not 1\.5"),
        ({"views": True}, "views must be a whole number from 1 to 65536, not True"),
        ({"seed": 0.5}, r"seed must be a whole number, not 0\.5"),
        ({"seed": "0"}, "seed must be a whole number, not '0'"),
        ({"mean": (0.5, float("nan"), 0.5)}, "mean must be three numbers from 0 to 1"),
        ({"mean": 0.5}, r"mean must be three numbers .* not 0\.5"),
        ({"mean": "abc"}, "mean must be three numbers .* not 'abc'"),
        ({"std": (0.5, -1, 0.5)}, "std must be three numbers from 1e-06"),
        ({"std": (0.5, float("inf"), 0.5)}, "std must be three numbers from 1e-06"),
    ],
)
def test_options_are_checked_when_they_are_given(aug, labelled, kind, options, message):
    given = (labelled, aug) if kind is IPMixDataset else (aug,)
    with pytest.raises(ValueError, match=message):
        kind(*given, **options)


def test_what_does_not_augment_is_refused(labelled):
    for aug in (None, "ipmix", labelled):
        with pytest.raises(
            TypeError, match=r"aug must be an augmenter like fractalgen\.IPMix, not"
        ):
            IPMixDataset(labelled, aug)


@pytest.mark.parametrize("epoch", [1.5, "2", None, True, -1, 2**63])
def test_an_epoch_is_a_whole_number(aug, labelled, epoch):
    dataset = IPMixDataset(labelled, aug)
    with pytest.raises(ValueError, match="epoch must be a whole number from 0"):
        dataset.set_epoch(epoch)
    assert dataset.epoch == 0


def test_indices_are_whole_numbers_of_the_dataset(aug, labelled):
    for dataset in (IPMixDataset(labelled, aug), Indexed(labelled)):
        assert dataset[np.int64(-1)][1] == dataset[len(labelled) - 1][1]
        for index in (len(labelled), -len(labelled) - 1):
            with pytest.raises(IndexError):
                dataset[index]
        for index in (1.0, "0", None, slice(2)):
            with pytest.raises(TypeError, match="cannot be interpreted as an integer"):
                dataset[index]
    with pytest.raises(ValueError, match="the index at the end of an item must be a whole number"):
        IPMixCollate(aug)([(*labelled[0], 0.5)])


def test_items_that_are_no_tuples_are_named(aug, images):
    for item in (images[0], torch.zeros(3, 8, 8), "image.png", None, {}, ()):
        for dataset in (IPMixDataset([item], aug), Indexed([item])):
            with pytest.raises(TypeError, match="a dataset's items must be tuples"):
                dataset[0]
    with pytest.raises(ValueError, match=r"items must be .* not 0 values"):
        IPMixCollate(aug)([])
