"""Tickets: who the page says is looking, and what is refused."""

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from tidelab.domain import ticket
from tidelab.domain.ticket import LIFETIME_S, TicketError, issue, public_key, public_text, verify

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
NOW = 1_800_000_000.0


@given(user=st.text(min_size=1, max_size=60))
def test_a_ticket_comes_back_whatever_the_name(user):
    said = verify(issue(KEY, user, "count", now=NOW), KEY.public_key(), "count", now=NOW)
    assert (said.user, said.app, said.exp) == (user, "count", int(NOW) + LIFETIME_S)


def test_key_travels_as_text():
    assert (
        verify(issue(KEY, "ada", "count", now=NOW), public_key(public_text(KEY)), "count", now=NOW).user
        == "ada"
    )


@pytest.mark.parametrize("text", ["", "abc", "ÿ" * 43, public_text(KEY)[:-4]])
def test_something_else_is_no_key(text):
    with pytest.raises(TicketError):
        public_key(text)


def _resigned(body: dict[str, object], key: Ed25519PrivateKey = KEY) -> str:
    raw = json.dumps(body).encode()
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (raw, key.sign(raw)))


def test_forged_with_another_key():
    with pytest.raises(TicketError, match="not signed by this apps service"):
        verify(
            issue(Ed25519PrivateKey.generate(), "ada", "count", now=NOW), KEY.public_key(), "count", now=NOW
        )


def test_changed_name_under_the_old_signature():
    body, signature = issue(KEY, "ada", "count", now=NOW).split(".")
    changed = base64.urlsafe_b64decode(body + "==").replace(b'"ada"', b'"eve"')
    forged = f"{base64.urlsafe_b64encode(changed).rstrip(b'=').decode()}.{signature}"
    with pytest.raises(TicketError, match="not signed"):
        verify(forged, KEY.public_key(), "count", now=NOW)


def test_for_another_app():
    with pytest.raises(TicketError, match="for another app"):
        verify(issue(KEY, "ada", "count", now=NOW), KEY.public_key(), "other", now=NOW)


def test_too_old_to_the_second():
    old = issue(KEY, "ada", "count", now=NOW)
    assert verify(old, KEY.public_key(), "count", now=NOW + LIFETIME_S).user == "ada"
    with pytest.raises(TicketError, match="too old"):
        verify(old, KEY.public_key(), "count", now=NOW + LIFETIME_S + 1)


def test_signed_for_another_purpose():
    with pytest.raises(TicketError, match="another purpose"):
        verify(
            _resigned({"user": "ada", "app": "count", "exp": NOW + 9, "for": "mail"}),
            KEY.public_key(),
            "count",
            now=NOW,
        )


@given(st.text(max_size=300))
def test_any_text_is_refused_with_words_and_never_repeated(text):
    with pytest.raises(TicketError) as error:
        verify(text, KEY.public_key(), "count", now=NOW)
    assert len(text) < 12 or text not in str(error.value)


@given(st.integers(0, 400), st.integers(1, 255))
def test_any_changed_byte_is_refused(position, change):
    text = bytearray(issue(KEY, "ada", "count", now=NOW).encode())
    position %= len(text)
    text[position] ^= change
    mutated = text.decode("latin-1")
    try:
        said = verify(mutated, KEY.public_key(), "count", now=NOW)
    except TicketError:
        return
    # base64 ignores the unused bits of its last character: another spelling of the same ticket, not another ticket.
    assert said == ticket.Ticket("ada", "count", int(NOW) + LIFETIME_S)
