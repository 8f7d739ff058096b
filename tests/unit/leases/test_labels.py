"""A lease as labels and back; the same names as the images use."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.leases import granted, simulated
from tidelab.containers import names
from tidelab.leases import Request, Seen, labels


def test_there_and_back(book):
    book.set_inventory([*simulated(2), *simulated(2, "mig", first=2)])
    for lease in (
        granted(book, "ada", request=Request(count=2)),
        granted(book, "bo", request=Request("mig", 2, "1g.10gb"), pool="apps"),
    ):
        back = labels.lease_from(Seen("docker:c", True, labels.of(lease)))
        assert back is not None
        assert (back.id, back.owner, back.request, back.held, back.pool) == (
            *(lease.id, lease.owner, lease.request, lease.held, lease.pool),
        )
        assert back.started == pytest.approx(lease.started, abs=0.001)
        assert (back.state, back.place) == ("active", "docker:c")


def test_names_are_those_of_the_containers():
    for name in ("USER", "SERVER", "USE_CASE", "LEASE", "DEVICES"):
        assert getattr(labels, name) == getattr(names, name)
    assert labels.PREFIX == names.LABEL


@pytest.mark.parametrize(
    "change",
    [
        {labels.LEASE: ""},
        {labels.USER: ""},
        {labels.DEVICES: ""},
        {labels.DEVICES: "SIM-0"},
        {labels.DEVICES: "/0"},
        {labels.DEVICES: "SIM-0/-1"},
        {labels.DEVICES: "SIM-0/²"},
        {labels.DEVICES: "SIM-0/99999999999"},
        {labels.DEVICES: "SIM-0/0,SIM-0/0"},
        {labels.DEVICES: "SIM-0/0" * 2000},
        {labels.GPU: "half"},
        {labels.POOL: "everybody"},
    ],
)
def test_labels_that_make_no_sense_are_no_lease(book, change):
    told = labels.of(granted(book, "ada")) | change
    assert labels.lease_from(Seen("docker:c", True, told)) is None


def test_a_date_that_makes_no_sense_is_no_date(book):
    lease = granted(book, "ada")
    for since in ("yesterday", "nan", "-5", "1e300", "inf"):
        told = labels.lease_from(Seen("docker:c", True, labels.of(lease) | {labels.SINCE: since}))
        assert told.started == 0.0, since


@given(
    st.dictionaries(
        st.sampled_from([labels.LEASE, labels.USER, labels.DEVICES, labels.GPU, labels.POOL, labels.SINCE]),
        st.text(max_size=30),
    )
)
@settings(max_examples=50)
def test_no_text_breaks_it(text):
    labels.lease_from(Seen("docker:c", True, text))
