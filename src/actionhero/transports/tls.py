"""Certificates: read from their files at the start and again on demand.

- TLS 1.2 or newer with the ciphers that Python picks (forward secrecy only), no renegotiation.
- What was read last goes on serving if the files cannot be read again: a broken renewal is an
  error in the log, not an outage. Connections that are open keep what they began with.
"""

import logging
import ssl
from pathlib import Path

from msgspec import Struct

from actionhero.errors import SettingsError

_log = logging.getLogger("actionhero.server")


class CertificateFiles(Struct, frozen=True):
    """The files of a certificate with its chain and of its key, both PEM, and the section of their
    settings. Without a `key` it is in the file of the certificate."""

    section: str
    certificate: str
    key: str = ""


class Tls:
    """The certificate that new connections get. Raises `SettingsError` if it cannot be used."""

    def __init__(self, files: CertificateFiles, protocols: tuple[str, ...] = ()) -> None:
        self._files = files
        self._protocols = protocols
        self.context = load_context(files, protocols)

    def reload(self) -> None:
        """Read the files again, for the connections from now on."""
        try:
            self.context = load_context(self._files, self._protocols)
        except SettingsError as exc:
            _log.error("the certificate that was read last stays: %s", exc)
        else:
            _log.info("read %s.certificate again", self._files.section)


def tls_of(section: str, certificate: str, key: str, protocols: tuple[str, ...] = ()) -> Tls | None:
    """The TLS of a transport, by its settings; None if it has none. `protocols` are those of ALPN
    (RFC 7301). Raises `SettingsError`."""
    if not certificate:
        if key:
            raise SettingsError(f"{section}.key is set, but {section}.certificate is not")
        return None
    return Tls(CertificateFiles(section, certificate, key), protocols)


def load_context(files: CertificateFiles, protocols: tuple[str, ...] = ()) -> ssl.SSLContext:
    """The files, ready for use. Raises `SettingsError` that says which is wrong, and how."""
    key = files.key or files.certificate
    key_setting = f"{files.section}.{'key' if files.key else 'certificate'}"
    _check_pem(f"{files.section}.certificate", files.certificate, "CERTIFICATE-----")
    _check_pem(key_setting, key, "PRIVATE KEY-----")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    if protocols:
        context.set_alpn_protocols(protocols)
    try:
        context.load_cert_chain(files.certificate, key, password=_refuse_password)
    except _EncryptedError as exc:
        raise SettingsError(
            f"{key_setting}: {key} is encrypted, and nobody is there to type its password; decrypt "
            f"it with `openssl pkey -in {key} -out plain.pem` and name that"
        ) from exc
    except ssl.SSLError as exc:
        raise SettingsError(_why_not(exc, files, key_setting, key)) from exc
    return context


class _EncryptedError(Exception):
    """OpenSSL asked for a password."""


def _refuse_password() -> str:
    raise _EncryptedError


def _check_pem(setting: str, path: str, sign: str) -> None:
    """What OpenSSL would tell of two files in one sentence about neither."""
    what = "a private key" if "KEY" in sign else "a certificate"
    try:
        text = Path(path).read_text(encoding="latin-1")
    except OSError as exc:
        raise SettingsError(f"{setting}: {path} cannot be read: {exc.strerror}") from exc
    if sign not in text:
        raise SettingsError(
            f"{setting}: {path} does not hold {what} in PEM form "
            f"(text with a line -----BEGIN … {sign})"
        )


def _why_not(error: ssl.SSLError, files: CertificateFiles, key_setting: str, key: str) -> str:
    if error.reason == "KEY_VALUES_MISMATCH":
        return (
            f"{key_setting}: the key in {key} does not belong to the certificate in "
            f"{files.certificate}, the first of those there"
        )
    reason = (error.reason or "they are damaged").replace("_", " ").lower()
    return (
        f"{files.section}.certificate: the certificate in {files.certificate} with the key in "
        f"{key} cannot be used: {reason}"
    )
