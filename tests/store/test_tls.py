"""TLS, through a proxy that ends it before a real server."""

import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from actionhero.errors import SettingsError, StoreEngineError, StoreUnavailableError
from actionhero.store.client import StoreClient
from actionhero.store.url import StoreUrl
from tests.store.fakes import FakeStore, Proxy


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One self-signed file with key and certificate for localhost."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not on PATH: it makes the certificate of this test")
    made = tmp_path_factory.mktemp("tls") / "both.pem"
    request = f"req -x509 -newkey rsa:2048 -nodes -days 2 -keyout {made} -out {made}.crt"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run([openssl, *request.split(), *names], check=True, capture_output=True)
    made.write_text(made.read_text() + Path(f"{made}.crt").read_text())
    return made


@pytest.fixture
async def tls_port(certificate: Path, server_url: StoreUrl) -> AsyncIterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    async with Proxy(server_url.path, context) as proxy:
        yield proxy.port


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
async def test_tls(tls_port: int, certificate: Path) -> None:
    trusted = f"ssl_ca_certs={certificate}"
    for options in (trusted, "ssl_cert_reqs=none", f"{trusted}&ssl_certfile={certificate}"):
        client = await StoreClient.connect(f"valkeys://localhost:{tls_port}?{options}")
        await client.execute("SET", "a", "x" * 100_000)
        assert await client.execute("GET", "a") == b"x" * 100_000
        await client.aclose()


async def test_a_certificate_that_is_not_trusted(tls_port: int) -> None:
    with pytest.raises(StoreEngineError, match=r"not trusted.*ssl_ca_certs"):
        await StoreClient.connect(f"valkeys://localhost:{tls_port}")
    with pytest.raises(SettingsError, match="cannot be read"):
        await StoreClient.connect(f"valkeys://localhost:{tls_port}?ssl_ca_certs=/not/there")


async def test_tls_to_a_peer_without_it() -> None:
    async with FakeStore() as store:
        with pytest.raises(StoreUnavailableError, match="no connection"):
            await StoreClient.connect(
                f"valkeys://127.0.0.1:{store.port}?ssl_cert_reqs=none", connect_timeout=0.2
            )
