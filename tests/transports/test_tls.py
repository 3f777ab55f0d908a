import logging
import ssl
from pathlib import Path

import pytest

from actionhero.errors import SettingsError
from actionhero.transports.tls import CertificateFiles, Tls, load_context, tls_of
from tests.certificates import Certificate, make_certificate, run_openssl


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("tls"))


def why_not(certificate: Path, key: Path | str = "") -> str:
    with pytest.raises(SettingsError) as caught:
        load_context(CertificateFiles("web", str(certificate), str(key)))
    assert "\n" not in caught.value.message
    return caught.value.message


def test_what_is_offered_is_modern(made: Certificate) -> None:
    tls = tls_of("web", str(made.certificate), str(made.key), ("http/1.1",))
    assert tls is not None
    assert tls.context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert tls.context.options & ssl.OP_NO_RENEGOTIATION
    assert tls.context.options & ssl.OP_NO_COMPRESSION


def test_one_file_may_hold_both(made: Certificate, tmp_path: Path) -> None:
    both = tmp_path / "both.pem"
    both.write_bytes(made.key.read_bytes() + made.certificate.read_bytes())
    assert tls_of("web", str(both), "") is not None


def test_without_a_certificate_there_is_no_tls() -> None:
    assert tls_of("web", "", "") is None
    with pytest.raises(SettingsError, match=r"tcp\.key is set, but tcp\.certificate is not"):
        tls_of("tcp", "", "key.pem")


def test_a_file_that_cannot_be_read_is_named(made: Certificate, tmp_path: Path) -> None:
    absent = tmp_path / "no.pem"
    assert why_not(absent, made.key) == (
        f"web.certificate: {absent} cannot be read: No such file or directory"
    )
    assert why_not(made.certificate, absent).startswith(f"web.key: {absent} cannot be read")
    assert why_not(made.certificate, tmp_path).endswith("cannot be read: Is a directory")


def test_a_file_that_holds_something_else_is_named(made: Certificate, tmp_path: Path) -> None:
    assert "does not hold a certificate in PEM form" in why_not(made.key, made.key)
    assert "does not hold a private key" in why_not(made.certificate, made.certificate)
    assert "web.certificate: " in why_not(made.certificate)
    binary = tmp_path / "der"
    binary.write_bytes(bytes(range(256)))
    assert "does not hold a certificate" in why_not(binary, made.key)


def test_a_file_that_is_damaged_is_named(made: Certificate, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.pem"
    text = made.certificate.read_text()
    damaged.write_text(text[:100] + text[150:])
    said = why_not(damaged, made.key)
    assert said.startswith(f"web.certificate: the certificate in {damaged} with the key in")
    assert "cannot be used: " in said


def test_the_key_of_another_certificate_is_told(made: Certificate, tmp_path: Path) -> None:
    other = make_certificate(tmp_path, "other")
    said = why_not(made.certificate, other.key)
    assert f"the key in {other.key} does not belong to the certificate in" in said


def test_an_encrypted_key_is_told_and_how_to_decrypt_it(made: Certificate, tmp_path: Path) -> None:
    encrypted, plain = tmp_path / "encrypted.key", tmp_path / "plain.pem"
    run_openssl("pkey", "-in", made.key, "-aes256", "-passout", "pass:x", "-out", encrypted)
    said = why_not(made.certificate, encrypted)
    assert said.startswith(f"web.key: {encrypted} is encrypted")
    command = said.partition("`")[2].partition("`")[0].split()
    assert command[:3] == ["openssl", "pkey", "-in"]
    command = ["-passin", "pass:x", *command[2:-1], str(plain)]
    run_openssl("pkey", *command)
    load_context(CertificateFiles("web", str(made.certificate), str(plain)))


def test_files_are_read_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    made, other = make_certificate(tmp_path), make_certificate(tmp_path, "other")
    tls = Tls(CertificateFiles("web", str(made.certificate), str(made.key)))
    first = tls.context
    with caplog.at_level(logging.INFO, "actionhero.server"):
        other.certificate.replace(made.certificate)
        tls.reload()
        assert tls.context is first
        assert "the certificate that was read last stays: web.key: " in caplog.text
        other.key.replace(made.key)
        tls.reload()
        assert tls.context is not first
        assert "read web.certificate again" in caplog.text
