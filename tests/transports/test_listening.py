import errno

import pytest

from actionhero.transports.listening import Place, why_not

PLACE = Place("HTTP", "127.0.0.1", 80, "--port", "ACTIONHERO_WEB__PORT", "--host")


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (PermissionError(errno.EACCES, "no"), "port 80 on 127.0.0.1 may not be opened"),
        (OSError(errno.EADDRNOTAVAIL, "no"), "not an address of this machine"),
        (OSError("strange"), "cannot listen on port 80 on 127.0.0.1: strange"),
        (OverflowError("too large"), "cannot listen on port 80 on 127.0.0.1: too large"),
    ],
)
def test_other_failures_are_told(failure: Exception, said: str) -> None:
    assert said in why_not(failure, PLACE)
