"""What counts as signed: by tables, without a database."""

import hashlib
import hmac

import pytest

from processing.signatures import (
    DELIVERY,
    SIGNATURE,
    TIMESTAMP,
    TOLERANCE,
    WORKSPACE,
    Headers,
    Unsigned,
    digest_of,
    headers_of,
    message_digest,
    signed_headers,
    signer,
)

NOW = 1_800_000_000
BODY = '{"ticket_id": "Ä-1"}'.encode()
GOOD = signed_headers("secret", workspace="north", timestamp=NOW, delivery_id="d-1", body=BODY)


def test_the_digest_is_the_documented_one():
    by_hand = hmac.new(b"secret", b"1800000000." + BODY, hashlib.sha256).hexdigest()

    assert digest_of("secret", NOW, BODY) == by_hand
    assert GOOD[SIGNATURE] == f"sha256={by_hand}"


def test_what_is_signed_is_read():
    assert headers_of(GOOD, NOW) == Headers("north", NOW, "d-1", digest_of("secret", NOW, BODY))


@pytest.mark.parametrize("offset", [0, TOLERANCE, -TOLERANCE])
def test_a_clock_may_be_five_minutes_off(offset):
    assert headers_of(GOOD, NOW + offset).timestamp == NOW


@pytest.mark.parametrize("offset", [TOLERANCE + 1, -TOLERANCE - 1, 10**9])
def test_what_is_late_or_early_is_refused(offset):
    with pytest.raises(Unsigned, match="5 minutes"):
        headers_of(GOOD, NOW + offset)


@pytest.mark.parametrize("name", [WORKSPACE, TIMESTAMP, DELIVERY, SIGNATURE])
@pytest.mark.parametrize("value", ["", " ", "ä", "a b", "x\n", "9" * 400, "-1", "1e9", "nan", "٣", "sha256=zz", "../x"])
def test_what_is_not_wellformed_is_named(name, value):
    wellformed = {(WORKSPACE, "-1"), (WORKSPACE, "1e9"), (WORKSPACE, "nan"), (WORKSPACE, "x\n")}
    wellformed |= {(DELIVERY, value) for value in ("-1", "1e9", "nan", "x\n")}
    if (name, value) in wellformed:
        return
    with pytest.raises(Unsigned, match=name):
        headers_of({**GOOD, name: value}, NOW)


def test_one_of_two_secrets_is_enough():
    claimed = headers_of(GOOD, NOW)

    assert signer(claimed, BODY, ["secret", "other"]) == 0
    assert signer(claimed, BODY, ["other", "secret"]) == 1
    assert signer(claimed, BODY, ["other", "another"]) is None
    assert signer(claimed, BODY, []) is None


@pytest.mark.parametrize(
    "changed",
    [
        {"body": b'{"ticket_id":"\xc3\x84-1"}'},
        {"body": BODY + b"\n"},
        {"body": b""},
        {"timestamp": NOW + 1},
    ],
)
def test_a_signature_holds_for_these_bytes_at_this_time(changed):
    body = changed.get("body", BODY)
    claimed = headers_of({**GOOD, TIMESTAMP: str(changed.get("timestamp", NOW))}, NOW)

    assert signer(claimed, body, ["secret"]) is None


def test_an_empty_secret_signs_nothing():
    with pytest.raises(ValueError, match="empty"):
        digest_of("", NOW, BODY)


def test_a_message_keeps_its_name_under_another_id():
    again = headers_of({**GOOD, DELIVERY: "d-2"}, NOW)

    assert message_digest(again, BODY) == message_digest(headers_of(GOOD, NOW), BODY)
    assert message_digest(again, BODY + b" ") != message_digest(again, BODY)
