"""The front door, and the documentation page that works without a network."""

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

router = APIRouter(include_in_schema=False)

_PAGES = Path(__file__).parent
_HOME = (_PAGES / "home.html").read_text()
_DOCS = (_PAGES / "docs.html").read_text()
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; connect-src 'self'; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
}


@router.get("/")
async def show_home() -> HTMLResponse:
    """What this is and where to go."""
    return HTMLResponse(_HOME, headers=_HEADERS)


@router.get("/docs")
async def show_docs() -> HTMLResponse:
    """The operations, drawn from /openapi.json by a script of our own: nothing is fetched from elsewhere."""
    return HTMLResponse(_DOCS, headers=_HEADERS)
