"""A service that does nothing but be one: ``python stand_in_service.py [DIRECTION]...``.

It listens, is healthy and leaves as the real ones do. Directions: ``die`` exits
at once with a complaint, ``mute`` never listens, ``deaf`` ignores SIGTERM,
environment as JSON.
"""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from pawl.wire import logs
from pawl.wire.server import serving, terminated


async def main(*directions: str) -> int:
    logs.configure("stand-in")
    if "die" in directions:
        sys.stderr.write("the stand-in was told to die\n")
        return 7
    for direction in directions:
        if direction.startswith("tell:"):
            Path(direction.partition(":")[2]).write_text(json.dumps(dict(os.environ)))
    if "mute" in directions:
        await terminated(with_parent=True)
        return 0
    listen, address_file = os.environ["PAWL_LISTEN"], Path(os.environ["PAWL_ADDRESS_FILE"])
    async with serving(lambda _: None, services=(), listen=listen, address_file=address_file):
        if "deaf" in directions:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            await asyncio.Event().wait()
        await terminated(with_parent=os.environ.get("PAWL_LEAVE_WITH_PARENT") == "1")
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*sys.argv[1:])))
