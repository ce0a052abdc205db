"""What needs no database: payloads, reading a ticket, claims and what they cite."""

import ipaddress
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processing.enhancement.claims import MOST_WORDS, checked, suggested
from processing.enhancement.payload import LONGEST_DESCRIPTION, InvalidJob, job_of, raw_field
from processing.enhancement.texts import (
    excerpt,
    hexadecimal,
    names_of,
    network_of,
    networks_of,
    read,
    sentences,
    shared,
    terms_of,
    wider,
)

JOB = {
    "ticket_id": "4711",
    "description": "It is broken.",
    "priority": "high",
    "tenant_id": "northfield",
    "timestamp": "2026-11-23T10:00:00+01:00",
}

# Payloads


def test_a_job_is_read_from_a_dict_and_from_json():
    assert job_of(JOB) == job_of(json.dumps(JOB)) == job_of(json.dumps(JOB).encode())
    assert job_of(JOB).timestamp == datetime(2026, 11, 23, 9, tzinfo=UTC)


def test_numbers_may_name_a_ticket_and_what_is_unknown_is_ignored():
    job = job_of({**JOB, "ticket_id": 4711, "priority": 2, "further": {"x": [1]}})

    assert (job.ticket_id, job.priority) == ("4711", "2")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("ticket_id", ""),
        ("ticket_id", "x" * 121),
        ("ticket_id", None),
        ("ticket_id", []),
        ("ticket_id", {"a": 1}),
        ("ticket_id", "\0"),
        ("description", "  "),
        ("description", "x" * (LONGEST_DESCRIPTION + 1)),
        ("priority", ""),
        ("priority", "x" * 61),
        ("tenant_id", "a b"),
        ("tenant_id", "../x"),
        ("tenant_id", 7.5),
        ("timestamp", "yesterday"),
        ("timestamp", "0000-00-00"),
        ("timestamp", 10**30),
        ("timestamp", -(10**30)),
        ("timestamp", "0001-01-01T00:00:00+23:00"),
        ("timestamp", []),
        ("url", "javascript:alert(1)"),
        ("url", "https://x y"),
        ("trace_id", "a b"),
        ("job_id", "x" * 121),
        ("title", {"x": 1}),
    ],
)
def test_what_is_wrong_is_named_without_being_repeated(field, value):
    with pytest.raises(InvalidJob) as caught:
        job_of({**JOB, field: value})

    assert [each["field"] for each in caught.value.errors] == [field]
    assert "xxxxxxxxxx" not in str(caught.value)


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    )
)
def test_anything_is_a_job_or_is_refused(data):
    with pytest.raises(InvalidJob):
        job_of(data)
    raw_field(data, "tenant_id")


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from([*JOB, "job_id", "title", "url"]),
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.lists(st.text()),
)
def test_any_value_of_a_field_is_taken_or_refused(field, value):
    try:
        job = job_of({**JOB, field: value})
    except InvalidJob:
        return
    assert "\0" not in f"{job.ticket_id}{job.description}{job.title}{job.priority}"
    assert job.key


# Reading a ticket


def test_words_that_every_ticket_has_are_left_out():
    assert terms_of("Hello, the printer doesn't print. Please help, the Printer!") == ["printer", "doesn", "print"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("from 10.1.2.3.", ["10.1.2.3/32"]),
        ("10.1.2.3, 10.1.2.3", ["10.1.2.3/32"]),
        ("net 10.1.2.3/24", ["10.1.2.0/24"]),
        ("2001:db8::1 and ::1", ["2001:db8::1/128", "::1/128"]),
        ("2001:db8::/32", ["2001:db8::/32"]),
        ("fe80::1%eth0", ["fe80::1/128"]),
        ("::ffff:10.0.0.1", ["10.0.0.1/32"]),
        ("version 1.2.3, 999.1.1.1, 1.2.3.4.5, 10.0.0.1/33", []),
        ("at 12:30 or 12:30:15", []),
        ("http://10.0.0.9:8080/x", ["10.0.0.9/32"]),
        ("mac 00:1a:2b:3c:4d:5e", []),
    ],
)
def test_addresses_are_found(text, found):
    assert [str(each) for each in networks_of(text)] == found


def test_names_of_hosts_are_found():
    found = names_of("Web-01.example.com and db_prod, mail to ana@desk.example; 10.0.0.1; FILESRV.")

    assert {"web-01.example.com", "filesrv"} <= set(found)
    assert "10.0.0.1" not in found


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300), st.text(max_size=2000))
def test_no_text_breaks_the_reading(title, text):
    reading = read(title, text)

    assert all(term == term.casefold() for term in reading.terms)
    assert len(excerpt(text, reading.terms)) <= 310
    assert shared(reading.terms, text) is not None
    assert all(sentence.strip() for sentence in sentences(text))


def test_every_network_around_an_address_is_looked_for():
    network = network_of("10.1.2.3")

    assert wider(network)[:2] == ["10.1.2.3/32", "10.1.2.2/31"]
    assert {"10.1.0.0/16", "0.0.0.0/0"} <= set(wider(network))
    assert len(wider(network_of("2001:db8::1"))) == 129


def test_ranges_can_be_compared_as_texts():
    addresses = ["0.0.0.1", "9.255.255.255", "10.0.0.0", "10.0.0.255", "255.255.255.255"]
    texts = [hexadecimal(ipaddress.ip_network(each), first=True) for each in addresses]

    assert texts == sorted(texts)
    assert {len(text) for text in texts} == {8}


def test_an_excerpt_is_the_stretch_that_says_most():
    text = "Nothing here. " * 60 + "The duplex tray jams with paper. " + "Nothing there. " * 60

    found = excerpt(text, ["duplex", "tray", "paper"])

    assert "duplex tray jams with paper" in found
    assert found.startswith("… ")
    assert found.endswith(" …")


# Claims

ITEMS = {
    "C1": "101 Printer jams\nCleaned the rollers of the duplex tray. Firmware 4.2.1 helped on prn-03.",
    "C2": "KB-1 How to clear paper jams\nOpen the tray and remove the paper.",
}
TICKET = "The printer at 10.1.3.7 jams"


def verdict(text, cites):
    [claim] = checked([{"text": text, "cites": cites}], ITEMS, TICKET)
    return claim


@pytest.mark.parametrize(
    ("text", "cites", "why"),
    [
        ("Cleaning the rollers of the duplex tray solved it.", ["C1"], ""),
        ("Firmware 4.2.1 helped before, so the printer at 10.1.3.7 may need it.", ["C1"], ""),
        ("Remove the paper from the tray.", ["C1", "C2"], ""),
        ("Cleaning the rollers solved it.", [], "It cites nothing."),
        ("Cleaning the rollers solved it.", ["C9"], "It cites C9, which was not found."),
        ("Cleaning the rollers solved it.", ["C1", "X"], "It cites X, which was not found."),
        ("Firmware 5.0.0 helped on prn-03.", ["C1"], "“5.0.0” stands in nothing that it cites."),
        ("Restart the printer prn-99.", ["C1"], "“prn-99” stands in nothing that it cites."),
        ("Send your password to the administrator immediately.", ["C2"], "Hardly any of its words"),
    ],
)
def test_a_claim_is_held_against_what_it_cites(text, cites, why):
    claim = verdict(text, cites)

    assert claim["supported"] is (not why)
    assert claim["why"].startswith(why)
    assert set(claim["cites"]) <= ITEMS.keys()


def test_labels_inside_the_text_are_dropped_and_words_are_counted():
    long = {"text": "The rollers of the duplex tray were cleaned [C1]. " * 60, "cites": ["C1"]}
    claims = checked([long, long], ITEMS, TICKET)

    assert "[C1]" not in claims[0]["text"]
    assert sum(len(claim["text"].split()) for claim in claims) <= MOST_WORDS + 1


@pytest.mark.parametrize(
    "claims",
    [[{}], [{"text": None}], [{"text": 7, "cites": "C1"}], [{"text": "x", "cites": [1, None, {}]}], [{"text": "\0"}]],
)
def test_no_claim_breaks_the_check(claims):
    assert all(not claim["supported"] for claim in checked(claims, ITEMS, TICKET))


LISTS = {"category": ["Network", "Printing"], "priority": ["Low"]}


@pytest.mark.parametrize(
    ("each", "kept"),
    [
        ({"field": "category", "value": "printing", "confidence": 0.5, "reason": "Two had it."}, "Printing"),
        ({"field": "category", "value": "Delete everything", "confidence": 1, "reason": "x"}, None),
        ({"field": "assignee", "value": "Ana", "confidence": 1, "reason": "x"}, None),
        ({"field": "owner", "value": "Printing", "confidence": 1, "reason": "x"}, None),
        ({"field": "category", "value": "Printing", "confidence": 1.1, "reason": "x"}, None),
        ({"field": "category", "value": "Printing", "confidence": float("nan"), "reason": "x"}, None),
        ({"field": "category", "value": "Printing", "confidence": True, "reason": "x"}, None),
        ({"field": "category", "value": "Printing", "confidence": 0.5, "reason": " "}, None),
        ({"field": ["category"], "value": {}, "confidence": "1", "reason": 1}, None),
    ],
)
def test_only_what_stands_on_a_list_is_suggested(each, kept):
    found = suggested([each], LISTS)

    assert [one["value"] for one in found] == ([kept] if kept else [])


def test_one_suggestion_for_each_field_in_one_line():
    twice = [
        {"field": "category", "value": value, "confidence": 0.5, "reason": "a\nb" + "x" * 400}
        for value in ("Network", "Printing")
    ]
    [found] = suggested(twice, LISTS)

    assert found["value"] == "Network"
    assert found["reason"].startswith("a b")
    assert len(found["reason"]) == 300
