"""A place where nobody may come: it counts who does, and hangs up."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class Sink:
    """A listener; nobody is answered."""

    host: str
    port: int
    hits: int = 0


@contextmanager
def sink_at(host: str, port: int = 0) -> Iterator[Sink]:
    """Listens to the end of the block; port 0 takes a free one."""
    with socket.create_server((host, port)) as listener:
        sink = Sink(host, listener.getsockname()[1])

        def take() -> None:
            while True:
                try:
                    taken, _ = listener.accept()
                except OSError:
                    return  # the block has ended
                sink.hits += 1
                taken.close()

        thread = threading.Thread(target=take)
        thread.start()
        try:
            yield sink
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
