import pytest

from fractalgen.pool import ThreadTeam


@pytest.mark.parametrize("siblings", ["", "0", "-2", "1.5", "two", "9" * 100])
def test_a_number_of_siblings_that_is_none_leaves_a_thread(monkeypatch, siblings):
    """torchrun says how many processes it started; anything else may have set the variable."""
    monkeypatch.setenv("LOCAL_WORLD_SIZE", siblings)
    parts = []
    ThreadTeam().run(lambda start, stop: parts.append((start, stop)), 40)
    assert sorted(place for start, stop in parts for place in range(start, stop)) == list(range(40))


@pytest.mark.parametrize("threads", [0, -1, 1025, 1.5, float("nan"), "2", True])
def test_a_number_of_threads_that_is_none_is_refused(threads):
    with pytest.raises(ValueError, match="threads must be a whole number from 1 to 1024, not"):
        ThreadTeam(threads)
