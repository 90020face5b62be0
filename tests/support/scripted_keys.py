"""Keys that are told what to give, and remember what was given back."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from typing_extensions import override

from services.orchestrator.source.keys import AuthRefs, Keys, Purpose, Token
from services.orchestrator.source.location import Location


@dataclass
class ScriptedKeys(Keys):
    """Gives `value`, nothing where it is empty; asked for a fresh one, the next of `fresh`."""

    value: str = "key-1"
    fresh: list[str] = field(default_factory=list)
    troubles: list[Exception] = field(default_factory=list)
    """Raised first, one a call."""
    known_troubles: list[Exception] = field(default_factory=list)
    """The same for `known`."""
    asked: list[tuple[Purpose, str]] = field(default_factory=list)
    """For what, and by which holder."""
    released: list[str] = field(default_factory=list)

    @override
    async def token(
        self, location: Location, refs: AuthRefs, purpose: Purpose, *, fresh: bool = False
    ) -> Token | None:
        self.asked.append((purpose, refs.holder))
        if self.troubles:
            raise self.troubles.pop(0)
        if fresh and self.fresh:
            self.value = self.fresh.pop(0)
        return Token(self.value) if self.value else None

    @override
    def release(self, holder: str) -> None:
        self.released.append(holder)

    @override
    def known(self) -> Sequence[str]:
        if self.known_troubles:
            raise self.known_troubles.pop(0)
        return (self.value, *self.fresh)
