import warnings

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")
pytest.importorskip("torchvision")

with warnings.catch_warnings():  # torchvision's own, about what torch will drop
    warnings.simplefilter("ignore", DeprecationWarning)
    from torchvision import tv_tensors
    from torchvision.transforms import v2

from fractalgen.augment import IPMix  # noqa: E402
from fractalgen.torch import IPMixTransform  # noqa: E402


@pytest.fixture(scope="module")
def aug(bank):
    return IPMix(bank)


def in_planes(pixels):
    return torch.from_numpy(pixels.transpose(2, 0, 1).copy())


def called(transform, *sample):
    torch.manual_seed(11)
    return transform(*sample)


def test_it_composes_with_the_others(aug, images):
    transform = v2.Compose(
        [
            v2.RandomCrop(32, padding=4),
            v2.RandomHorizontalFlip(),
            IPMixTransform(aug),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize((0.5, 0.5, 0.5), (0.25, 0.25, 0.25)),
        ]
    )
    for image in (Image.fromarray(images[0]), tv_tensors.Image(in_planes(images[0]))):
        out = called(transform, image)
        assert out.shape == (3, 32, 32)
        assert out.dtype == torch.float32
        assert -2.001 <= float(out.min()) < -0.5 < 0.5 < float(out.max()) <= 2.001
        assert torch.equal(out, called(transform, image))
        assert not torch.equal(out, transform(image))


def test_every_kind_of_image_gives_the_same_values_in_its_own_kind(aug, images):
    planes = in_planes(images[0])
    transform = IPMixTransform(aug)
    plain = called(transform, planes)
    assert type(plain) is torch.Tensor
    for image in (Image.fromarray(images[0]), tv_tensors.Image(planes)):
        out = called(transform, image)
        assert type(out) is tv_tensors.Image
        assert torch.equal(out, plain)
    params = transform.make_params([])
    expected = aug(images[0], params["seed"]).transpose(2, 0, 1)
    np.testing.assert_allclose(transform.transform(planes, params).numpy(), expected, atol=1e-6)


def test_labels_boxes_and_masks_pass_unchanged(aug, images):
    boxes = tv_tensors.BoundingBoxes(
        torch.tensor([[1, 2, 9, 9]]), format="XYXY", canvas_size=(32, 32)
    )
    mask = tv_tensors.Mask(torch.ones(32, 32, dtype=torch.uint8))
    sample = {
        "image": tv_tensors.Image(in_planes(images[0])),
        "boxes": boxes,
        "mask": mask,
        "label": 3,
        "scores": torch.arange(5.0),
    }
    out = called(IPMixTransform(aug), sample)
    assert not torch.equal(out["image"], sample["image"] / 255)
    for name in ("boxes", "mask", "label", "scores"):
        assert out[name] is sample[name]


def test_grey_images_become_rgb(aug, images):
    grey = Image.fromarray(images[0][..., 0])
    transform = IPMixTransform(aug)
    assert torch.equal(called(transform, grey), called(transform, grey.convert("RGB")))
    planes = tv_tensors.Image(in_planes(images[0])[:1])
    assert torch.equal(called(transform, planes), called(transform, grey))


def test_whole_values_are_the_rounded_ones(aug, images):
    image = tv_tensors.Image(in_planes(images[0]))
    values = called(IPMixTransform(aug), image)
    whole = called(IPMixTransform(aug, dtype=torch.uint8), image)
    assert whole.dtype == torch.uint8
    assert float((whole / 255 - values).abs().max()) <= 0.5 / 255 + 1e-6
    with pytest.raises(ValueError, match=r"torch\.float64"):
        IPMixTransform(aug, dtype=torch.float64)


def test_videos_are_refused(aug):
    with pytest.raises(TypeError, match="not videos"):
        IPMixTransform(aug)(tv_tensors.Video(torch.zeros(2, 3, 32, 32, dtype=torch.uint8)))


def test_it_serves_the_first_version_s_transforms_in_a_dataset(aug, images, tmp_path):
    from torchvision import datasets, transforms

    for label in ("cat", "dog"):
        (tmp_path / label).mkdir()
        Image.fromarray(images[0]).save(tmp_path / label / "0.png")
    transform = transforms.Compose(
        [transforms.RandomHorizontalFlip(), IPMixTransform(aug), transforms.Normalize(0.5, 0.5)]
    )
    folder = datasets.ImageFolder(str(tmp_path), transform)
    batch, labels = next(iter(torch.utils.data.DataLoader(folder, batch_size=2)))
    assert batch.shape == (2, 3, 32, 32)
    assert labels.tolist() == [0, 1]
    assert not torch.equal(batch[0], batch[1])
