"""WebSocket against Autobahn's fuzzing client: `python -m conformance.autobahn`.

Autobahn|Testsuite is the reference of RFC 6455 and RFC 7692: 517 cases. It runs on Python 2.7 only;
it is installed beside it, under `conformance/.autobahn/`, on first use. The exit code is 1 if a
case failed, or if there is no Python 2.7.
"""

from __future__ import annotations

import argparse
import collections
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.processes import find_free_port

HERE = Path(__file__).parent
LIBRARY = HERE / ".autobahn"
PACKAGE = "autobahntestsuite==25.10.1"
CASES = 517
_PASSED = {"OK", "NON-STRICT", "INFORMATIONAL"}
_RUN = (
    f"import site, sys; site.addsitedir({str(LIBRARY)!r}); sys.argv[0] = 'wstest'; "
    "from autobahntestsuite.wstest import run; run()"
)


def find_python() -> str | None:
    """A Python 2.7, from PATH or of pyenv."""
    for name in ("python2.7", "python2"):
        found = shutil.which(name)
        if found and _is_27(found):
            return found
    kept = sorted(Path.home().glob(".pyenv/versions/2.7*/bin/python2.7"))
    return str(kept[-1]) if kept else None


def _is_27(python: str) -> bool:
    said = subprocess.run([python, "--version"], check=False, capture_output=True)
    return said.returncode == 0 and b"Python 2.7" in said.stdout + said.stderr


def install(python: str) -> None:
    """Install the suite, once."""
    if not (LIBRARY / "autobahntestsuite").exists():
        print(f"installing {PACKAGE}", file=sys.stderr)
        command = [python, "-m", "pip", "install", "-q", "--target", str(LIBRARY), PACKAGE]
        subprocess.run(command, check=True, capture_output=True)


def run(python: str, cases: list[str], seconds: float) -> dict[str, dict[str, str]]:
    """The behaviour in each case."""
    port = find_free_port()
    with tempfile.TemporaryDirectory() as folder:
        reports = Path(folder) / "reports"
        spec = Path(folder) / "spec.json"
        url = f"ws://127.0.0.1:{port}/ws"
        spec.write_text(
            json.dumps(
                {
                    "outdir": str(reports),
                    "servers": [{"agent": "actionhero", "url": url}],
                    "cases": cases,
                    "exclude-cases": [],
                    "exclude-agent-cases": {},
                }
            )
        )
        server = subprocess.Popen(
            [sys.executable, "-m", "conformance.echo_server", str(port)], stdout=subprocess.PIPE
        )
        try:
            assert server.stdout is not None
            server.stdout.readline()
            subprocess.run(
                [python, "-c", _RUN, "-m", "fuzzingclient", "-s", str(spec)],
                check=True,
                env={"PATH": "/usr/bin:/bin", "HOME": folder},
                cwd=folder,
                stdout=subprocess.DEVNULL,
                timeout=seconds,
            )
        finally:
            server.terminate()
            server.wait()
        behaviours: dict[str, dict[str, str]] = json.loads((reports / "index.json").read_text())[
            "actionhero"
        ]
        return behaviours


def main() -> int:
    """Run the cases and print what came of them."""
    parser = argparse.ArgumentParser(prog="python -m conformance.autobahn", description=__doc__)
    parser.add_argument("--cases", nargs="*", default=["*"], help='such as "12.*" (all)')
    parser.add_argument("--seconds", type=float, default=3600.0, help="give up after (3600)")
    options = parser.parse_args()
    python = find_python()
    if python is None:
        print("the suite needs Python 2.7, and there is none on this machine", file=sys.stderr)
        return 1
    install(python)
    found = run(python, options.cases, options.seconds)
    return report(found, CASES if options.cases == ["*"] else 1)


def report(found: dict[str, dict[str, str]], least: int) -> int:
    """Print what came of the cases; 1 if one failed, or there were too few."""
    failed = {
        case: one
        for case, one in found.items()
        if one["behavior"] not in _PASSED or one["behaviorClose"] not in _PASSED
    }
    counts = collections.Counter(one["behavior"] for one in found.values())
    print(f"{len(found)} cases: {dict(counts)}")
    for case, one in sorted(failed.items()):
        print(f"FAILED {case}: {one['behavior']}, close {one['behaviorClose']}")
    if len(found) < least:
        print(f"there should be {least} cases")
    return 1 if failed or len(found) < least else 0


if __name__ == "__main__":
    sys.exit(main())
