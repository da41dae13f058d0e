"""The example in examples/shop_api, run through the migration by HTTP as its clients would."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.databases import Database
from support.locks import wait_until
from support.shop import assert_in_step, fill, in_background, one

EXAMPLES = Path(__file__).parents[1] / "examples"
ROWS = 1500


@dataclass
class Api:
    """A running server and the requests to it."""

    url: str

    def __call__(self, method: str, path: str, sent: object = None) -> tuple[int, Any]:
        """Status code and body, None where there is none."""
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if sent is None else json.dumps(sent).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                text = answer.read().decode()
                code = answer.status
        except urllib.error.HTTPError as error:
            text, code = error.read().decode(), error.code
        try:
            return code, json.loads(text) if text else None
        except json.JSONDecodeError:
            return code, text

    def answers(self) -> bool:
        try:
            return self("GET", "/openapi.json")[0] == 200
        except OSError:
            return False


@contextmanager
def running(dsn: str) -> Iterator[Api]:
    """The example by uvicorn on a free port, in a process of its own."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "uvicorn", "--app-dir", str(EXAMPLES)),
                *("--fd", str(listening.fileno()), "--log-level", "warning", "shop_api.app:app"),
            ],
            pass_fds=[listening.fileno()],
            env={**os.environ, "SHOP_DSN": dsn},
        )
    api = Api(f"http://127.0.0.1:{port}")
    try:
        wait_until(lambda: process.poll() is not None or api.answers(), "the API answers")
        assert process.poll() is None
        yield api
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture
def api(db: Database) -> Iterator[Api]:
    owner = db.owner()
    fill(owner, ROWS)
    with running(db.old_app_dsn) as started:
        yield started


def old_client(api: Api) -> str:
    """What a client of the old API does all day, and each answer; ids and times left out."""
    told: list[Any] = []

    def do(method: str, path: str, sent: object = None) -> Any:
        code, body = api(method, path, sent)
        told.append([method, re.sub(r"\d+", "#", path), code, body])
        return body

    made = do(
        "POST",
        "/old/products",
        {"name": "Client's lamp", "config": "brass", "data": {"w": 40}, "amount": "19.90"},
    )
    path = f"/old/products/{made['id']}"
    do("PATCH", path, {"status": "on sale", "amount": "0.50"})
    do("PATCH", path, {"name": "Client's lamp II", "version": "2", "catalog": ""})
    do("PATCH", path, {"amount": None, "currency": None, "data": None})
    do("PATCH", path, {"name": None})
    do("GET", path)
    do("GET", "/old/products?name=Client%27s%20lamp%20II")
    do("GET", "/old/products?limit=3")
    do("POST", "/old/products", {"config": "without a name"})
    do("POST", "/old/products", {"name": "n", "unknown": 1})
    do("DELETE", path)
    do("GET", path)
    do("DELETE", path)
    text = json.dumps(told, indent=1)
    text = text.replace(f'"id": {made["id"]}', '"id": "#"').replace(f"product {made['id']}", "#")
    text = text.replace(f"({made['id']}, ", "(#, ")
    return re.sub(r'"\d{4}-\d\d-\d\dT[^"]+"', '"time"', text)


def test_the_old_api_answers_the_same_before_during_and_after(db: Database, api: Api) -> None:
    owner = db.owner()
    before = old_client(api)
    assert api("GET", "/new/products")[0] == 503

    owner.execute("call tandem.prepare('products')")
    assert old_client(api) == before

    watch = db.owner()
    answers = 0
    with in_background(
        owner,
        lambda: owner.execute(  # type: ignore[arg-type]
            "call tandem.migrate('products', p_batch_rows => 10, p_pause_ms => 20)"
        ),
    ) as migration:
        wait_until(
            lambda: one(watch, "select count(*) from tandem.progress where kind = 'migrate'") == 1,
            "the migration runs",
        )
        while not migration.done():
            assert old_client(api) == before
            answers += 1
        migration.result()
    assert answers > 2
    assert old_client(api) == before
    assert_in_step(watch)

    watch.execute("call tandem.rollback('products')")
    assert old_client(api) == before
    watch.execute("call tandem.rollback('products', p_drop_columns => true)")
    assert old_client(api) == before


def test_each_api_reads_what_the_other_wrote(db: Database, api: Api) -> None:
    owner = db.owner()
    owner.execute("call tandem.prepare('products')")
    owner.execute("call tandem.migrate('products')")
    for table in ("tblbaseproduct", "tblproductversion", "tblcatalog", "tblconfig"):
        owner.execute(f"grant select, insert, update, delete on {table} to old_app".encode())
    owner.execute("grant select, insert, update, delete on tblconfigprice to old_app")
    owner.execute("select tandem.grant_to('old_app', 'writer')")

    code, catalog = api("PUT", "/new/catalogs", {"base": "Desk", "version": "3"})
    assert code == 200
    assert api("PUT", "/new/catalogs", {"base": "Desk", "version": "3"})[1] == catalog
    code, config = api(
        "POST",
        f"/new/catalogs/{catalog['catalog_id']}/configurations",
        {"name": "oak", "sku": "D-1", "attributes": {"legs": 4}, "status": "new", "notes": "ours"},
    )
    assert code == 201
    path = f"/new/configurations/{config['config_id']}"
    _, old = api("GET", "/old/products?name=Desk")
    assert [(row["version"], row["config"], row["sku"], row["data"]) for row in old] == [
        ("3", "oak", "D-1", {"legs": 4})
    ]
    old_path = f"/old/products/{old[0]['id']}"

    assert api("POST", f"{path}/prices", {"amount": "250.00", "note": "list"})[0] == 201
    assert api("GET", old_path)[1]["amount"] == "250.00"
    later = {"amount": "200.00", "effective_from": "2999-01-01T00:00:00Z"}
    assert api("POST", f"{path}/prices", later)[1]["amount"] == "250.00"
    assert api("GET", old_path)[1]["amount"] == "250.00"

    changed = {"amount": "199.00", "status": "sold out", "name": "Desk of old"}
    assert api("PATCH", old_path, changed)[0] == 200
    new = api("GET", path)[1]
    assert (new["base"], new["status"], new["amount"]) == ("Desk of old", "sold out", "199.00")
    assert new["notes"] == "ours"
    assert [p["amount"] for p in api("GET", f"{path}/prices")[1]] == ["200.00", "199.00", "250.00"]

    (base,) = [p for p in api("GET", "/new/products?limit=5000")[1] if p["name"] == "Desk of old"]
    renamed = {"name": "Desk again"}
    assert api("PATCH", f"/new/products/{base['base_product_id']}", renamed)[0] == 200
    assert api("PATCH", path, {"status": None, "sku": "D-2"})[0] == 200
    row = api("GET", old_path)[1]
    assert (row["name"], row["status"], row["sku"]) == ("Desk again", None, "D-2")

    code, body = api("PATCH", path, {"name": "x" * 3000, "status": "y" * 21})
    assert code == 422 and "status" in str(body)
    code, body = api("POST", f"{path}/prices", {"amount": "1.00", "currency": "€€€"})
    assert code == 201
    assert api("GET", old_path)[1]["currency"] == "€€€"

    assert api("DELETE", path)[0] == 204
    assert api("GET", old_path) == (404, {"detail": f"There is no product {old[0]['id']}."})
    assert api("GET", path)[0] == 404
    assert_in_step(owner)


def test_the_page_shows_both(api: Api) -> None:
    code, page = api("GET", "/docs")
    assert code == 200 and "swagger" in page.lower()
    paths = api("GET", "/openapi.json")[1]["paths"]
    assert {path.split("/")[1] for path in paths} == {"old", "new"}
    assert "post" in paths["/new/configurations/{config_id}/prices"]
