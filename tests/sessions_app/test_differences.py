"""The difference of two texts tells both of them whole."""

from hypothesis import given
from hypothesis import strategies as st

from sessions_app.differences import differences

texts = st.lists(st.text(alphabet="ab \u00e9.#", max_size=12), max_size=8).map("\n".join)


def told(lines, marks):
    return ["".join(words for _, words in line.pieces) for line in lines if line.mark in marks]


@given(texts, texts)
def test_nothing_is_lost_and_nothing_is_made_up(older, newer):
    lines = differences(older, newer)

    assert told(lines, {"same", "removed"}) == older.splitlines()
    assert told(lines, {"same", "added"}) == newer.splitlines()


def test_a_changed_word_stands_out_in_its_line():
    removed, added = differences("The text of Bob.", "The text of Rita.")

    assert [words for differs, words in removed.pieces if differs] == ["Bob"]
    assert [words for differs, words in added.pieces if differs] == ["Rita"]


def test_the_same_text_has_no_difference():
    assert {line.mark for line in differences("a\nb", "a\nb")} == {"same"}


def test_a_very_long_line_differs_as_a_whole():
    assert len(differences("x " * 5_000, "y " * 5_000)) == 2
