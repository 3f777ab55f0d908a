"""HTTP load by `wrk`: one thread, keep-alive connections, one request in flight on each."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field

from benchmarks.processes import BenchmarkError

# wrk prepares the request once and calls no Lua while it runs; only `done` is ours.
SCRIPT = """
wrk.method = "{method}"
wrk.body = {body}
{headers}
{delay}
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    '\\nRESULT {{"requests": %d, "duration": %d, "errors": %d, "p50": %d, "p99": %d}}\\n',
    summary.requests, summary.duration,
    e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50), latency:percentile(99)))
end
"""

# Each connection waits before each request, 0 to twice the mean, in whole milliseconds.
DELAY = """
delay = function()
  return math.floor(math.random() * 2 * {pause} + math.random())
end
"""


@dataclass(frozen=True)
class Request:
    """What is asked, over and over, and what the right answer is."""

    label: str
    method: str
    target: str
    expected: object
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None


@dataclass(frozen=True)
class Load:
    """What one run measured; latencies in milliseconds."""

    per_second: float
    p50: float
    p99: float
    requests: int


def require_wrk() -> str:
    """Give the path of wrk, or say how to get it."""
    path = shutil.which("wrk")
    if path is None:
        raise BenchmarkError("wrk is not installed: `apt-get install wrk` (Debian, Ubuntu)")
    return path


def run_wrk(
    request: Request, port: int, *, connections: int, seconds: float, pause: float = 0.0
) -> Load:
    """Load a server on a loopback port; raise `BenchmarkError` on any failed request.

    With a `pause`, each connection waits so many milliseconds, on average, before each request.
    """
    url = f"http://127.0.0.1:{port}{request.target}"
    # wrk takes whole seconds only.
    limits = ["-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "5s"]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(_write_script(request, pause))
        script.flush()
        done = subprocess.run(
            [require_wrk(), *limits, "-s", script.name, url],
            check=False,
            capture_output=True,
            text=True,
        )
    result = done.stdout.rpartition("RESULT ")[2]
    if done.returncode != 0 or not result.startswith("{"):
        raise BenchmarkError(f"wrk failed:\n{done.stdout}{done.stderr}")
    figures = json.loads(result)
    if figures["errors"]:
        raise BenchmarkError(f"{figures['errors']} failed requests:\n{done.stdout}")
    return Load(
        per_second=figures["requests"] / (figures["duration"] / 1e6),
        p50=figures["p50"] / 1e3,
        p99=figures["p99"] / 1e3,
        requests=figures["requests"],
    )


def _write_script(request: Request, pause: float) -> str:
    lines = [f"wrk.headers[ [[{name}]] ] = [[{value}]]" for name, value in request.headers.items()]
    body = "nil" if request.body is None else f"[[{request.body}]]"
    delay = DELAY.format(pause=pause) if pause else ""
    return SCRIPT.format(method=request.method, body=body, headers="\n".join(lines), delay=delay)
