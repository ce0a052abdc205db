"""The normal forms by which cells, headers and names are compared."""

import time
import tracemalloc

import pytest

from sessions_app.parsing.text import (
    clean,
    is_formula,
    is_sheet_error,
    normal,
    normal_header,
    shortened,
    slug,
    split_list,
)


@pytest.mark.parametrize(
    "written",
    [
        "Landing Page",
        "landing page",
        "  Landing   Page ",
        "Landing\u00a0Page",
        "Landing\tPage",
        "Landing\nPage",
        "Lan\u200bding Page",
        "\ufeffLanding Page",
        "Landing\u2060 Page",
        "Lan\u00adding Page",
        "\u202eLanding Page\u202c",
        "Landing Page\u200e",
        "\u200fLanding Page",
        "Ｌａｎｄｉｎｇ　Ｐａｇｅ",
        "𝐋anding Page",
    ],
)
def test_labels_that_look_alike_are_equal(written):
    assert normal(written) == "landing page"


@pytest.mark.parametrize("other", ["Landing-Page", "LandingPage", "Landing Pages", "Länding Page"])
def test_labels_that_differ_stay_apart(other):
    assert normal(other) != normal("Landing Page")


def test_composed_and_decomposed_letters_are_equal():
    assert normal("Cafe\u0301") == normal("Café")


@pytest.mark.parametrize(
    "nothing", ["", " ", "-", "–", "—", " - ", "#N/A", "#n/a", "#VALUE!", "#REF!", "#NAME?", "#DIV/0!", "#ERROR!"]
)
def test_errors_of_the_sheet_and_lone_dashes_mean_nothing(nothing):
    assert normal(nothing) == ""
    assert clean(nothing) == ""


@pytest.mark.parametrize("something", ["--", "- a", "#1", "N/A", "0", "#VALUE! in here"])
def test_what_only_resembles_them_is_text(something):
    assert normal(something)
    assert clean(something) == something


@pytest.mark.parametrize(
    ("header", "other"),
    [
        ("Req'd", "Reqd"),
        ("Req’d", "req'd"),
        ("Machine_name", "machine name"),
        ("Machine-Name", "Machine name"),
        ("Settings / Notes", "Settings/notes"),
        ("Mod.", "mod"),
        ("Image Style Group(s)", "image style groups"),
        ("\u00a0Machine\u00a0name ", "Machine name"),
        ("Ｍachine name", "Machine name"),
        ("\u200eMachine name", "Machine name"),
        ("Ma\u200bchine name", "Machine name"),
    ],
)
def test_headers_are_compared_without_marks(header, other):
    assert normal_header(header) == normal_header(other)


@pytest.mark.parametrize(("one", "other"), [("C+", "C"), ("C#", "C"), ("View", "Views"), ("X", "")])
def test_headers_with_another_meaning_stay_apart(one, other):
    assert normal_header(one) != normal_header(other)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("  two words  ", "two words"),
        ("one\r\ntwo\rthree", "one\ntwo\nthree"),
        ("a\u00a0b", "a b"),
        ('=HYPERLINK("https://example.org","Article")', "Article"),
        ('=hyperlink( "https://example.org" ; "He said ""hi""" )', 'He said "hi"'),
        ('=HYPERLINK("https://example.org")', '=HYPERLINK("https://example.org")'),
        ("=1+1", "=1+1"),
        ("'=1+1", "=1+1"),
        ("'-- Disabled --", "-- Disabled --"),
        ("'-", ""),
        ("'tis text", "'tis text"),
        ("'", "'"),
    ],
)
def test_a_cell_is_read_as_people_mean_it(written, meant):
    assert clean(written) == meant


@pytest.mark.parametrize("cell", ["=1+1", " =cmd|'/c calc'!A0", "@SUM(A1)", "+1+2", "-1*(3)", "+49(0)", "=HYPERLINK("])
def test_what_a_spreadsheet_would_evaluate_is_a_formula(cell):
    assert is_formula(cell)


@pytest.mark.parametrize("cell", ["-- Disabled --", "- item", "-5", "+49 123", "a=b", "= heading =", "@ home", ""])
def test_dashes_numbers_and_prose_are_no_formulas(cell):
    assert not is_formula(cell)


def test_an_error_of_the_sheet_is_known_by_its_name():
    assert is_sheet_error(" #Value! ")
    assert not is_sheet_error("#VALUE")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Full content", "full_content"),
        ("Große Café-Karte", "groe_cafe_karte"),
        ("  --a--b--  ", "a_b"),
        ("42x42 (1.5x)", "42x42_1_5x"),
    ],
)
def test_a_slug_is_like_a_machine_name(text, expected):
    assert slug(text) == expected


def test_long_and_foreign_texts_get_slugs_of_their_own():
    made = {slug("x" * 500), slug("x" * 501), slug("日本"), slug("日本語"), slug("🎉"), slug("")}

    assert len(made) == 6
    assert all(0 < len(each) <= 96 for each in made)


def test_a_message_gets_one_short_line():
    assert shortened("a\n b\t\tc") == "a b c"
    assert shortened("x" * 300) == "x" * 199 + "…"


def test_a_list_is_parted_by_commas_semicolons_and_lines():
    assert split_list("a, b;c\nd ,, \n") == ["a", "b", "c", "d"]


def test_no_text_takes_longer_than_its_length():
    """Each of these took hours: quadratic time in a library or a pattern."""
    began = time.process_time()

    normal("a" + "\u0301\u0323" * 200_000)
    normal_header("a" + "\u0301\u0323" * 200_000)
    slug("a" + "\u0301\u0323" * 200_000)
    split_list("a" + " " * 500_000 + "b")
    clean('=HYPERLINK("a","' + '"' * 200_001)
    is_formula("+1" + "(" * 500_000 + "x")

    assert time.process_time() - began < 5


def test_long_cells_are_not_remembered_for_ever():
    tracemalloc.start()
    try:
        for number in range(40):
            normal(f"{number}" + "x" * 200_000)
            normal_header(f"{number}" + "x" * 200_000)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert kept < 1_000_000
