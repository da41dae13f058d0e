"""Both APIs as one application: `uvicorn --app-dir examples shop_api.app:app`.

The connection string is in SHOP_DSN, or in libpq's own variables.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError

from shop_api import new, old


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    dsn = os.environ.get("SHOP_DSN", "")
    app.state.dsn = dsn
    app.state.engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(dsn))
    yield
    app.state.engine.dispose()


app = FastAPI(
    title="A shop on both shapes",
    description="`/old` writes the flat table, `/new` the hierarchy. Each sees what the other did.",
    lifespan=_lifespan,
)
app.include_router(old.router)
app.include_router(new.router)

AGAIN = {"40001", "40P01", "55P03"}
"""Two writers met: serialization failure, deadlock, lock timeout."""
NOT_THERE = {"42P01", "3F000", "42883"}
"""Tables, schema or functions of the new shape are not there yet."""


def _answer(error: psycopg.Error) -> JSONResponse:
    state = error.sqlstate or ""
    code = 500
    if state in AGAIN:
        code = 409
    elif state in NOT_THERE:
        code = 503
    elif state.startswith(("22", "23", "TD")):
        code = 422
    message = error.diag.message_primary or str(error)
    return JSONResponse({"detail": message, "sqlstate": state or None}, status_code=code)


@app.exception_handler(psycopg.Error)
def database_error(_: Request, error: psycopg.Error) -> JSONResponse:
    """An error of the database, from the new API."""
    return _answer(error)


@app.exception_handler(DBAPIError)
def sqlalchemy_error(_: Request, error: DBAPIError) -> JSONResponse:
    """The same through SQLAlchemy, from the old API."""
    if isinstance(error.orig, psycopg.Error):
        return _answer(error.orig)
    return JSONResponse({"detail": str(error), "sqlstate": None}, status_code=500)
