"""Much at once, a portion at a time."""

import pytest

from processing.portions import portions


@pytest.mark.parametrize(
    ("count", "parts"), [(0, []), (1, [[0]]), (3, [[0, 1, 2]]), (4, [[0, 1, 2], [3]]), (7, [[0, 1, 2], [3, 4, 5], [6]])]
)
def test_nothing_is_left_out_and_none_is_too_large(count, parts):
    assert list(portions(list(range(count)), 3)) == parts
