"""Certificates that tests serve with, made by openssl."""

import shutil
import ssl
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest


class Certificate(NamedTuple):
    """A self-signed certificate for localhost, and its key."""

    certificate: Path
    key: Path

    @property
    def settings(self) -> dict[str, str]:
        """What a transport serves with it by."""
        return {"certificate": str(self.certificate), "key": str(self.key)}

    def client(self) -> ssl.SSLContext:
        """A client that trusts this certificate and no other."""
        return ssl.create_default_context(cafile=self.certificate)


def run_openssl(*args: str | Path, given: bytes = b"") -> bytes:
    """What openssl prints. Skips the test where there is none."""
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("openssl is not on PATH: it makes the certificates of this test")
    done = subprocess.run([program, *args], check=True, capture_output=True, input=given)
    return done.stdout


def make_certificate(folder: Path, name: str = "localhost") -> Certificate:
    """A new certificate for `name`, localhost and 127.0.0.1, in `name`.pem and `name`.key."""
    made = Certificate(folder / f"{name}.pem", folder / f"{name}.key")
    names = f"subjectAltName=DNS:{name},DNS:localhost,IP:127.0.0.1"
    kind = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    files = ("-keyout", made.key, "-out", made.certificate)
    run_openssl(
        "req", "-x509", "-days", "2", "-subj", f"/CN={name}", "-addext", names, *kind, *files
    )
    return made
