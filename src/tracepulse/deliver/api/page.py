"""The page: built files, and one document for every view's address."""

from pathlib import Path, PurePosixPath

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

__all__ = ["Page"]

_VIEWS = frozenset({"now", "incidents", "traces"})
"""First parts of addresses that the page itself reads; see web/src/state/address.ts."""

_NAMED_BY_CONTENT = "public, max-age=31536000, immutable"
"""Files under assets/ carry a hash of what is in them; a changed one has another name."""


class Page(StaticFiles):
    """Serves the built page, also at the addresses of its views, which the page then reads."""

    def __init__(self, folder: Path) -> None:
        super().__init__(directory=folder, html=True)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return a file, or the page for a view. Raises HTTPException."""
        if path.partition("/")[0] in _VIEWS:
            path = "index.html"
        response = await super().get_response(path, scope)
        if response.status_code == 404:
            raise HTTPException(404)
        is_asset = PurePosixPath(path).parts[:1] == ("assets",)
        response.headers["Cache-Control"] = _NAMED_BY_CONTENT if is_asset else "no-cache"
        return response
