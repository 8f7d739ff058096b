"""What FFmpeg is allowed to do for each kind of live source, and that a login never shows, whatever is written around it."""

import ssl
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.certificates import make_certificate
from tidelab.streams.errors import StreamError
from tidelab.streams.live.address import AUTHORITY, LOGIN, Address
from tidelab.streams.live.connecting import authority_file, certificate_fault, options_of

SECRET = "p4ssw0rd"


@pytest.mark.parametrize(
    ("text", "kind", "shown", "target"),
    [
        ("udp://@:1234", "mpegts", "udp://@:1234", "udp://@:1234"),
        ("udp://@239.0.0.1:1234", "mpegts", "udp://239.0.0.1:1234", "udp://239.0.0.1:1234"),
        ("udp://127.0.0.1:1234?reuse=1", "mpegts", "udp://127.0.0.1:1234?…", "udp://127.0.0.1:1234?reuse=1"),
        ("http://cam.example/live.ts", "mpegts", "http://cam.example/live.ts", "http://ada:p4ssw0rd@cam.example/live.ts"),
        ("https://x:y@cam.example:8443/a/b?k=v", "mpegts", "https://cam.example:8443/a/b?…", "https://x:y@cam.example:8443/a/b?k=v"),
    ],
)  # fmt: skip
def test_transport_streams(text: str, kind: str, shown: str, target: str) -> None:
    address = Address.parse(text, {LOGIN: f"ada:{SECRET}"})
    assert (address.kind, address.shown, address.target) == (kind, shown, target)
    assert address.is_secure == text.startswith("https")
    assert SECRET not in repr(address)


def test_each_source_may_use_its_own_protocols_alone(tmp_path: Path) -> None:
    own, _ = make_certificate(tmp_path)

    def of(text: str, **environment: str) -> dict[str, str]:
        return options_of(Address.parse(text, environment))

    for text, allowed in (
        ("rtsp://h/x", {"rtsp", "rtsps", "rtp", "tcp", "tls", "udp"}),
        ("udp://@:1", {"udp"}),
        ("http://h/x", {"http", "tcp"}),
        ("https://h/x", {"https", "tls", "tcp"}),
    ):
        assert set(of(text)["protocol_whitelist"].split(",")) == allowed
    assert of("http://h/x")["max_redirects"] == "0"
    # Only the machine's own address is listened on where one is named; a group is joined, and nothing is bound to it.
    assert of("udp://127.0.0.1:1")["localaddr"] == "127.0.0.1"
    assert "localaddr" not in of("udp://@:1") | of("udp://239.0.0.1:1") | of("udp://[ff02::1]:1")
    for text in ("rtsps://h/x", "https://h/x"):
        found = of(text, **{AUTHORITY: str(own)})
        assert (found["tls_verify"], found["ca_file"]) == ("1", str(own))
        assert of(text)["tls_verify"] == "1"
    assert "tls_verify" not in of("rtsp://h/x")


def test_certificates_are_those_of_the_system_where_nobody_gives_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own.pem").write_text("")
    address = Address.parse("rtsps://h/x", {})
    assert authority_file(address, {"SSL_CERT_FILE": str(tmp_path / "own.pem")}) == str(tmp_path / "own.pem")
    paths: Any = ssl.DefaultVerifyPaths(None, None, "", "/none.pem", "", "/none")
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths)
    found = authority_file(address, {"SSL_CERT_FILE": "/none.pem"})
    assert found == "" or Path(found).is_file()


def unusable(folder: Path, kind: str) -> Path:
    """Write a file that holds no certificate in PEM."""
    pem, key = make_certificate(folder)
    content = {
        "DER": ssl.PEM_cert_to_DER_cert(pem.read_text()),
        "empty": b"",
        "text": b"no certificate",
        "key": key.read_bytes(),
        "torn": pem.read_bytes()[:200],
    }[kind]
    file = folder / "camera.crt"
    file.write_bytes(content)
    return file


@pytest.mark.parametrize("kind", ["DER", "empty", "text", "key", "torn"])
def test_a_file_without_certificates_in_pem_is_told_before_anything_is_opened(
    tmp_path: Path, kind: str
) -> None:
    file = unusable(tmp_path, kind)
    with pytest.raises(
        StreamError, match=r"camera\.crt, which holds no certificates in PEM .*openssl x509 -inform der"
    ):
        Address.parse("rtsps://127.0.0.1/live", {AUTHORITY: str(file)})
    # Whoever reads a camera without TLS needs no certificate.
    assert Address.parse("rtsp://127.0.0.1/live", {AUTHORITY: str(file)}).authority == ""


@pytest.mark.parametrize("kind", ["DER", "empty"])
def test_certificates_that_are_spoilt_later_are_a_sentence(tmp_path: Path, kind: str) -> None:
    own, _ = make_certificate(tmp_path / "own")
    address = Address.parse("rtsps://127.0.0.1/live", {AUTHORITY: str(own)})
    own.write_bytes(unusable(tmp_path, kind).read_bytes())
    assert "certificate.pem cannot be used" in certificate_fault(address)
    own.unlink()
    assert "certificate.pem cannot be used (No such file or directory)" in certificate_fault(address)


@given(
    st.sampled_from(["rtsp", "rtsps", "http", "https", "udp", "RTSP", "loop", "loop:rtsp", "ftp", ""]),
    st.text(max_size=12), st.text(max_size=12), st.text(max_size=20),
)  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_no_text_around_a_login_makes_it_show(scheme: str, name: str, host: str, rest: str) -> None:
    text = f"{scheme}://{name}:{SECRET}@{host}/{rest}"
    try:
        said = repr(Address.parse(text, {}))
    except StreamError as error:
        said = str(error)
    assert SECRET not in said
