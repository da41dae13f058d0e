"""The new API: the hierarchy of products, versions, catalogs, configurations and prices.

It does not know that `tblproduct` exists. Writes go through the upsert functions of the mapping
where they fit, and are plain SQL where they do not: the triggers see both.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import psycopg
from fastapi import APIRouter, Depends, HTTPException, Request, Response
from psycopg.rows import DictRow, dict_row
from psycopg.types.json import Jsonb
from pydantic import BaseModel, ConfigDict, Field

Connection = psycopg.Connection[DictRow]


class CatalogIn(BaseModel):
    """A catalog by its natural key; what is missing of it is made."""

    base: str
    version: str = "1"
    catalog: str = "default"


class ConfigurationIn(BaseModel):
    """A configuration; of a PATCH only what is sent is changed."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = None
    sku: str | None = None
    attributes: dict[str, Any] | None = None
    status: str | None = Field(default=None, max_length=20)
    notes: str | None = None


class ConfigurationOut(ConfigurationIn):
    """A configuration with the names above it and the price in force."""

    config_id: UUID
    catalog_id: UUID
    base: str
    version: str
    catalog: str
    amount: Decimal | None
    currency: str | None


class PriceIn(BaseModel):
    """A price; without a time it begins now."""

    amount: Decimal | None = Field(max_digits=14, decimal_places=2)
    currency: str = Field(default="EUR", max_length=3)
    note: str | None = None
    effective_from: datetime.datetime | None = None


class PriceOut(BaseModel):
    """A price of a configuration's history."""

    amount: Decimal | None
    currency: str | None
    note: str | None
    effective_from: datetime.datetime


class NewName(BaseModel):
    """A new name of a product."""

    name: str


def connection(request: Request) -> Iterator[Connection]:
    """A connection for one request; one transaction, which an error takes back."""
    with psycopg.connect(request.app.state.dsn, row_factory=dict_row) as opened:
        yield opened


# scope: it commits before the client has its answer, not after.
Db = Annotated[Connection, Depends(connection, scope="function")]
router = APIRouter(prefix="/new", tags=["new: the hierarchy"])

CONFIGURATION = """
select
    config.configid as config_id, config.catalogid as catalog_id, base.name as base,
    version.version, catalog.name as catalog, config.name, config.sku, config.attributes,
    config.status, config.notes, price.amount, price.currency
from tblconfig as config
join tblcatalog as catalog using (catalogid)
join tblproductversion as version using (versionid)
join tblbaseproduct as base using (baseproductid)
left join lateral (
    select amount, currency
    from tblconfigprice
    where configid = config.configid and effectivefrom <= clock_timestamp()
    order by effectivefrom desc
    limit 1
) as price on true
"""


def _configuration(db: Db, config_id: UUID) -> DictRow:
    row = db.execute(CONFIGURATION + " where config.configid = %s", (config_id,)).fetchone()
    if row is None:
        raise HTTPException(404, f"There is no configuration {config_id}.")
    return row


def _id(db: Db, query: str, *values: object) -> UUID:
    row = db.execute(query.encode(), values).fetchone()
    assert row is not None  # these functions return an id or raise
    (found,) = row.values()
    assert isinstance(found, UUID)
    return found


@router.get("/products")
def list_products(db: Db, limit: int = 50) -> list[dict[str, Any]]:
    """Products by name, each with the number of its configurations."""
    return db.execute(
        "select base.baseproductid as base_product_id, base.name, count(config.configid)"
        " as configurations from tblbaseproduct as base"
        " left join tblproductversion as version using (baseproductid)"
        " left join tblcatalog as catalog using (versionid)"
        " left join tblconfig as config using (catalogid)"
        " group by base.baseproductid order by base.name limit %s",
        (limit,),
    ).fetchall()


@router.patch("/products/{base_product_id}")
def rename_product(db: Db, base_product_id: UUID, sent: NewName) -> dict[str, Any]:
    """Rename a product: every old row of it gets the name."""
    row = db.execute(
        "update tblbaseproduct set name = %s where baseproductid = %s"
        " returning baseproductid as base_product_id, name",
        (sent.name, base_product_id),
    ).fetchone()
    if row is None:
        raise HTTPException(404, f"There is no product {base_product_id}.")
    return row


@router.put("/catalogs")
def put_catalog(db: Db, sent: CatalogIn) -> dict[str, UUID]:
    """The catalog of this name, found or made with all above it."""
    query = "select tandem_products.add_catalog(%s, %s, %s)"
    return {"catalog_id": _id(db, query, sent.base, sent.version, sent.catalog)}


@router.post("/catalogs/{catalog_id}/configurations", status_code=201)
def add_configuration(db: Db, catalog_id: UUID, sent: ConfigurationIn) -> ConfigurationOut:
    """Add a configuration: the old programs have a row for it at once."""
    attributes = None if sent.attributes is None else Jsonb(sent.attributes)
    made = _id(
        db,
        "select tandem_products.add_configuration(p_catalogid => %s, p_name => %s, p_sku => %s,"
        " p_attributes => %s, p_status => %s, p_notes => %s)",
        *(catalog_id, sent.name, sent.sku, attributes, sent.status, sent.notes),
    )
    return ConfigurationOut(**_configuration(db, made))


@router.get("/configurations")
def list_configurations(
    db: Db, sku: str | None = None, base: str | None = None, limit: int = 50
) -> list[ConfigurationOut]:
    """Configurations, of one sku or one product where that is named."""
    rows = db.execute(
        CONFIGURATION + " where (%(sku)s::text is null or config.sku = %(sku)s)"
        " and (%(base)s::text is null or base.name = %(base)s)"
        " order by base.name, config.name, config.configid limit %(limit)s",
        {"sku": sku, "base": base, "limit": limit},
    )
    return [ConfigurationOut(**row) for row in rows]


@router.get("/configurations/{config_id}")
def one_configuration(db: Db, config_id: UUID) -> ConfigurationOut:
    """One configuration."""
    return ConfigurationOut(**_configuration(db, config_id))


@router.patch("/configurations/{config_id}")
def change_configuration(db: Db, config_id: UUID, sent: ConfigurationIn) -> ConfigurationOut:
    """Change what is sent, NULL included, leave the rest."""
    _configuration(db, config_id)
    values = sent.model_dump(exclude_unset=True)
    if isinstance(values.get("attributes"), dict):
        values["attributes"] = Jsonb(values["attributes"])
    if values:
        # Names of columns are the model's own, so they can be put into the text.
        pairs = ", ".join(f"{name} = %({name})s" for name in values)
        db.execute(
            f"update tblconfig set {pairs} where configid = %(id)s".encode(),
            {**values, "id": config_id},
        )
    return ConfigurationOut(**_configuration(db, config_id))


@router.delete("/configurations/{config_id}", status_code=204)
def remove_configuration(db: Db, config_id: UUID) -> Response:
    """Remove a configuration with its prices."""
    _configuration(db, config_id)
    db.execute("delete from tblconfig where configid = %s", (config_id,))
    return Response(status_code=204)


@router.post("/configurations/{config_id}/prices", status_code=201)
def add_price(db: Db, config_id: UUID, sent: PriceIn) -> ConfigurationOut:
    """Add a price, from now or from the time that is sent."""
    _configuration(db, config_id)
    _id(
        db,
        "select tandem_products.add_price_of_config(p_configid => %s, p_amount => %s,"
        " p_currency => %s, p_note => %s, p_effectivefrom => %s)",
        *(config_id, sent.amount, sent.currency, sent.note, sent.effective_from),
    )
    return ConfigurationOut(**_configuration(db, config_id))


@router.get("/configurations/{config_id}/prices")
def list_prices(db: Db, config_id: UUID) -> list[PriceOut]:
    """The history of prices, and what is to come, the newest first."""
    _configuration(db, config_id)
    rows = db.execute(
        "select amount, currency, note, effectivefrom as effective_from from tblconfigprice"
        " where configid = %s order by effectivefrom desc",
        (config_id,),
    )
    return [PriceOut(**row) for row in rows]
