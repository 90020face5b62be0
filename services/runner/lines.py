"""Frames lines out of bytes that arrive in pieces."""

LONGEST = 16 * 1024 * 1024


class Lines:
    """Holds at most one unfinished line; a longer one is given up, and those after it are not."""

    def __init__(self, longest: int = LONGEST) -> None:
        self._longest = longest
        self._rest = bytearray()
        self._skipping = False
        self.given_up = 0
        """How many lines were too long to hold."""

    def feed(self, data: bytes) -> list[bytes]:
        """Returns the lines that `data` completes, without their newlines."""
        *ends, rest = data.split(b"\n")
        complete = []
        for end in ends:
            if not self._skipping:
                self._hold(end)
            if not self._skipping:
                complete.append(bytes(self._rest))
            self._rest.clear()
            self._skipping = False
        if not self._skipping:
            self._hold(rest)
        return complete

    def end(self) -> list[bytes]:
        """Returns the last line where it lacked a newline; nothing may be fed after that."""
        rest, self._rest = bytes(self._rest), bytearray()
        return [rest] if rest else []

    def _hold(self, piece: bytes) -> None:
        if len(self._rest) + len(piece) > self._longest:
            self._rest.clear()
            self._skipping = True
            self.given_up += 1
        else:
            self._rest += piece
