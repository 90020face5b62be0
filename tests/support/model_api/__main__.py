"""`python -m tests.support.model_api --port 0`: serves the scripted model API until interrupted."""

import argparse
import signal
from pathlib import Path

from tests.support.model_api.server import serving_model_api


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.support.model_api", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=0, help="port; 0 takes a free one")
    parser.add_argument("--log", type=Path, help="append one JSON line per request to this file")
    parser.add_argument(
        "--think", type=float, default=0.0, metavar="SECONDS", help="how long each turn takes"
    )
    options = parser.parse_args()
    leave = {signal.SIGINT, signal.SIGTERM}
    # Blocked before any thread starts, so that every thread inherits it and only sigwait sees them.
    signal.pthread_sigmask(signal.SIG_BLOCK, leave)
    with serving_model_api(
        host=options.host, port=options.port, think_seconds=options.think, log=options.log
    ) as api:
        print(f"model api: {api.url}", flush=True)
        signal.sigwait(leave)


if __name__ == "__main__":
    main()
