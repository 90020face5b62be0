"""Scripts, looks and pictures: sent small, and again only when they have changed."""

import os

from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import Scope
from typing_extensions import override

from services.dashboard.pages import HERE


def assets() -> Mount:
    """Where they are.

    They alone are compressed: the length of a page that holds a secret beside what others
    wrote would tell of the secret.
    """
    return Mount(
        "/static",
        GZipMiddleware(_Checked(directory=HERE / "static"), compresslevel=6),
        name="static",
    )


class _Checked(StaticFiles):
    """Has browsers keep files, and ask each time whether they are still the same."""

    @override
    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        answer = super().file_response(full_path, stat_result, scope, status_code)
        answer.headers["Cache-Control"] = "no-cache"
        return answer
