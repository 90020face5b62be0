"""Answers that are made while they are sent."""

from collections.abc import AsyncGenerator, Mapping

from starlette.responses import StreamingResponse
from starlette.types import Send
from typing_extensions import override


class Streamed(StreamingResponse):
    """Ends what it streams from as soon as the browser is gone."""

    def __init__(
        self,
        content: AsyncGenerator[bytes, None],
        *,
        media_type: str,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(content, media_type=media_type, headers=headers)
        self._content = content

    @override
    async def stream_response(self, send: Send) -> None:
        try:
            await super().stream_response(send)
        finally:
            # A generator left behind at a yield would keep its call, or its place as a viewer.
            await self._content.aclose()
