"""Who uses the kernel."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tidelab.domain.ticket import TicketError, issue, public_text
from tidelab.widgets.faces import current_face
from tidelab.widgets.identity import app_visitor


def test_faces():
    assert current_face({}) == "lab"
    assert current_face({"VOILA_BASE_URL": "/"}) == "app"
    assert current_face({"TIDELAB_FACE": "report"}) == "report"


def test_a_ticket_leads_to_the_persons_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("TIDELAB_DATA", str(tmp_path))
    key = Ed25519PrivateKey.generate()
    visitor = app_visitor(issue(key, "../bob", "count"), "count", {"TIDELAB_TICKET_KEY": public_text(key)})
    assert visitor.user == "../bob"
    assert visitor.runs_root.is_relative_to(tmp_path / "homes")
    assert ".." not in visitor.runs_root.parts


@pytest.mark.parametrize("ticket", ["", "ada", "a.b"])
def test_without_a_true_ticket_nobody(ticket):
    with pytest.raises(TicketError):
        app_visitor(ticket, "count", {"TIDELAB_TICKET_KEY": public_text(Ed25519PrivateKey.generate())})
    with pytest.raises(TicketError, match="without the key"):
        app_visitor(ticket, "count", {})
