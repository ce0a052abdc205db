"""Bytes to text: the mark, then UTF-8, then Windows-1252, then a guess; a person's choice before all."""

import pytest

from sessions_app.parsing.encodings import OFFERED, decode
from sessions_app.parsing.tables import UnreadableFile

TEXT = "Name,Machine name\nGrößenübersicht – „Küche“ ×,groesse\n"
BASIC = "Name,Machine name\nArticle with a name long enough,article\n"


def refusal(data: bytes, encoding: str = "") -> str:
    with pytest.raises(UnreadableFile) as caught:
        decode(data, encoding)
    return caught.value.code


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"])
def test_the_usual_encodings_are_found_out(encoding):
    text, _ = decode(TEXT.encode(encoding))

    assert text == TEXT


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_is_known_by_its_zeros_where_the_mark_is_missing(encoding):
    assert decode(BASIC.encode(encoding)) == (BASIC, encoding)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_is_known_by_its_mark(encoding):
    mark = "\ufeff".encode(encoding)

    assert decode(mark + TEXT.encode(encoding))[0] == TEXT


def test_a_mark_is_no_part_of_the_first_header():
    assert not decode(b"\xef\xbb\xbfID,Name\n")[0].startswith("\ufeff")
    assert not decode(b"\xef\xbb\xbfID,Name\n", "utf-8")[0].startswith("\ufeff")


def test_bytes_that_windows_1252_lacks_are_read_all_the_same():
    text, encoding = decode(b"Name,Machine name\n\x81\x8d\x9d caf\xe9,cafe\n")

    assert text.startswith("Name,Machine name\n")
    assert encoding


@pytest.mark.parametrize("encoding", ["cp1251", "shift_jis", "mac-roman", "cp437", "gb18030"])
def test_a_person_may_choose_the_encoding(encoding):
    text = "Name\nЖ\n" if encoding in {"cp1251", "gb18030", "shift_jis"} else "Name\nÉ\n"

    assert decode(text.encode(encoding), encoding) == (text, encoding)


def test_mojibake_is_what_a_wrong_choice_gives_and_no_error():
    assert decode("Küche".encode(), "cp1252")[0] == "KÃ¼che"


@pytest.mark.parametrize("encoding", OFFERED)
def test_everything_offered_exists(encoding):
    assert decode("abcd".encode(encoding), encoding)[0] == "abcd"


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (b"\xff\xfea", ""),
        (b"caf\xe9", "utf-8"),
        (b"abc", "utf-16-le"),
        (b"abc", "no-such-encoding"),
        (b"abc", "rot13"),
        (b"+2AA-", "utf-7"),
        (b"\\ud800", "unicode_escape"),
    ],
)
def test_an_encoding_that_does_not_fit_is_refused(data, encoding):
    assert refusal(data, encoding) == "wrong_encoding"


@pytest.mark.parametrize(
    "data", [b"a\0b,c\n", b"\0" * 100, bytes(range(256)), b"Name\0Machine name\0\0\n" * 3, "a\0b".encode("utf-16")]
)
def test_zeros_are_no_text(data):
    assert refusal(data) == "binary_file"


def test_control_characters_are_no_text():
    assert refusal(b"\x01\x02\x03\xe9\xe8" * 100) == "binary_file"
