"""Two builds at once, or in turns, where there is no lock: an object store."""

import pytest

from fractalgen.errors import SetError
from fractalgen.mixing_set.building.build import build
from fractalgen.mixing_set.engines.local import LocalEngine
from fractalgen.mixing_set.stores.shard_store import ShardStore
from tests.mixing_set.small_sets import ifs_recipe

pytest.importorskip("fsspec")

N = 120
SHARD_SIZE = 4


def test_they_draw_different_shards(tmp_path):
    """The second begins and ends while the first is drawing, and little is drawn by both."""
    place = f"memory://{tmp_path.name}/set"
    others = []

    def build_another(done, _):
        if done >= N // 3 and not others:
            others.append(None)
            others.append(build(ifs_recipe(N), place, engine=LocalEngine(1)))

    first = build(
        ifs_recipe(N),
        place,
        shard_size=SHARD_SIZE,
        engine=LocalEngine(1),
        progress=build_another,
    )
    second = others[1]
    assert first.ok
    assert second.ok
    drawn_ahead = 16 + SHARD_SIZE  # by the first, before the second stored them
    assert N <= first.n_drawn + second.n_drawn <= N + drawn_ahead
    assert first.n_missing == first.families[0].missing == second.families[0].missing == 0
    assert len({record.file for record in ShardStore.open(place).records_in_order()}) == N


def test_parts_drawn_at_once_in_one_place_are_the_whole_set(tmp_path):
    whole, place = (f"memory://{tmp_path.name}/{name}" for name in ("whole", "set"))
    build(ifs_recipe(N), whole, shard_size=SHARD_SIZE)
    others = []

    def build_the_other_half(done, _):
        if done and not others:
            others.append(None)
            others.append(build(ifs_recipe(N), place, part="2/2", engine=LocalEngine(1)))

    build(
        ifs_recipe(N),
        place,
        shard_size=SHARD_SIZE,
        part="1/2",
        engine=LocalEngine(1),
        progress=build_the_other_half,
    )
    there, expected = (ShardStore.open(url).location for url in (place, whole))
    assert there.sizes() == expected.sizes()
    assert all(there.read(name) == expected.read(name) for name in expected.sizes())


def test_parts_that_overwrite_at_one_url_go_on(tmp_path):
    """What is there was drawn by the same call, or by one for another part."""
    place = f"memory://{tmp_path.name}/set"
    for part, n_drawn in (("1/2", 4), ("1/2", 0), ("2/2", 4)):
        summary = build(ifs_recipe(8), place, part=part, overwrite=True, shard_size=2)
        assert (summary.n_removed, summary.n_drawn) == (0, n_drawn)
    with pytest.raises(SetError, match=r"holds a set, and --overwrite would remove images"):
        build(ifs_recipe(8), place, part="2/2", overwrite=True)


def test_they_go_through_the_shards_in_another_order(tmp_path):
    place = f"memory://{tmp_path.name}/set"
    build(ifs_recipe(N), place, shard_size=SHARD_SIZE)
    store = ShardStore.open(place)
    store.remove_all()
    orders = [
        [task.shard.number for task in store.tasks(store.description, ifs_recipe(N))]
        for _ in range(5)
    ]
    assert all(sorted(order) == list(range(N // SHARD_SIZE)) for order in orders)
    assert len(set(map(tuple, orders))) == 5
