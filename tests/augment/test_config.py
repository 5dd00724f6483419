import dataclasses
import json

import numpy as np
import pytest

from fractalgen.augment import IPMix, IPMixConfig
from fractalgen.errors import ArgumentError, ArgumentTypeError, FractalgenError


def test_a_config_is_what_its_options_are(bank, images):
    config = IPMixConfig(k=2, beta=2.0, image_ops="all")
    given = IPMix(bank, config)
    by_name = IPMix(bank, k=2, beta=2.0, image_ops="all")
    assert given.config == by_name.config == config
    np.testing.assert_array_equal(given.batch(images, range(24)), by_name.batch(images, range(24)))
    assert IPMix(bank).config == IPMixConfig()
    assert IPMix(bank, config, k=4).config == dataclasses.replace(config, k=4)


def test_a_config_is_plain_and_frozen_whatever_it_was_given():
    config = IPMixConfig(
        k=np.int64(2),
        patch_sizes=[np.int8(4), "image"],
        mixing_ops=["add"],
        beta=np.float32(2),
        image_ops=["mirror"],
    )
    fields = dataclasses.asdict(config)
    assert IPMixConfig(**json.loads(json.dumps(fields))) == config
    assert hash(config) == hash(IPMixConfig(**fields))
    assert type(config.k) is int
    assert config.patch_sizes == (4, "image")
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.k = 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k": 9}, "k must be a whole number from 1 to 8, not 9"),
        ({"levels": "image"}, "levels must be a list of one or more of image, patch, pixel"),
        ({"framework": "chains"}, "framework: 'chains' is unknown; did you mean 'chain'"),
    ],
)
def test_a_wrong_option_is_named_with_and_without_a_bank(bank, options, message):
    for make in (lambda: IPMixConfig(**options), lambda: IPMix(bank, **options)):
        with pytest.raises(ArgumentError, match=message) as caught:
            make()
        assert isinstance(caught.value, (FractalgenError, ValueError))


def test_an_unknown_option_and_another_config_are_refused(bank):
    with pytest.raises(ArgumentTypeError, match="no option 'patch_size': did you mean 'patch_siz"):
        IPMix(bank, patch_size=4)
    for other in (3, {"k": 3}, IPMixConfig):
        with pytest.raises(ArgumentTypeError, match="config must be an IPMixConfig, not"):
            IPMix(bank, other)


def test_both_can_be_read(bank):
    assert repr(IPMixConfig(k=2)).startswith("IPMixConfig(k=2, t=3, patch_sizes='cifar', ")
    assert repr(IPMix(bank, k=2)) == (
        f"IPMix(uint8 of shape (12, 40, 40, 3), {IPMixConfig(k=2)!r}, engine='compiled')"
    )
