"""The old API: it knows `tblproduct` and nothing else, and is not changed for the migration."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import BigInteger, FetchedValue, Numeric, String, Text, select
from sqlalchemy.dialects.postgresql import CHAR, JSONB, TIMESTAMP
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column


class Base(DeclarativeBase):
    """The old program's models."""


class Product(Base):
    """A row of the flat table, as it was years before the migration."""

    __tablename__ = "tblproduct"

    id: Mapped[int] = mapped_column("productid", BigInteger, primary_key=True)
    name: Mapped[str] = mapped_column("productname", Text)
    version: Mapped[str | None] = mapped_column("version", Text)
    catalog: Mapped[str | None] = mapped_column("catalogname", Text)
    config: Mapped[str | None] = mapped_column("configname", Text)
    sku: Mapped[str | None] = mapped_column("sku", Text)
    data: Mapped[Any] = mapped_column("configdata", JSONB(none_as_null=True))
    status: Mapped[str | None] = mapped_column("status", String(20))
    amount: Mapped[Decimal | None] = mapped_column("amount", Numeric(14, 2))
    currency: Mapped[str | None] = mapped_column("currency", CHAR(3))
    created_at: Mapped[datetime.datetime] = mapped_column(
        "createdat", TIMESTAMP(timezone=True), server_default=FetchedValue()
    )
    updated_at: Mapped[datetime.datetime] = mapped_column(
        "updatedat", TIMESTAMP(timezone=True), server_default=FetchedValue()
    )


class ProductIn(BaseModel):
    """What a client sends; of a PATCH only what it names is changed."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = None
    version: str | None = None
    catalog: str | None = None
    config: str | None = None
    sku: str | None = None
    data: dict[str, Any] | None = None
    status: str | None = Field(default=None, max_length=20)
    amount: Decimal | None = Field(default=None, max_digits=14, decimal_places=2)
    currency: str | None = Field(default=None, max_length=3)


class ProductOut(ProductIn):
    """A product as clients of the old API have always seen it."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    created_at: datetime.datetime
    updated_at: datetime.datetime


def session(request: Request) -> Iterator[Session]:
    """A session for one request."""
    with Session(request.app.state.engine) as opened:
        yield opened


Db = Annotated[Session, Depends(session)]
router = APIRouter(prefix="/old/products", tags=["old: the flat table"])


def _found(db: Db, product_id: int) -> Product:
    row = db.get(Product, product_id)
    if row is None:
        raise HTTPException(404, f"There is no product {product_id}.")
    return row


@router.get("", response_model=list[ProductOut])
def list_products(db: Db, name: str | None = None, limit: int = 50) -> list[Product]:
    """Products by their number; with `name` those of that name alone."""
    query = select(Product).order_by(Product.id).limit(limit)
    if name is not None:
        query = query.where(Product.name == name)
    return list(db.scalars(query))


@router.post("", response_model=ProductOut, status_code=201)
def add_product(db: Db, sent: ProductIn) -> Product:
    """Add a product."""
    row = Product(**sent.model_dump(exclude_unset=True))
    db.add(row)
    db.commit()
    return row


@router.get("/{product_id}", response_model=ProductOut)
def one_product(db: Db, product_id: int) -> Product:
    """One product."""
    return _found(db, product_id)


@router.patch("/{product_id}", response_model=ProductOut)
def change_product(db: Db, product_id: int, sent: ProductIn) -> Product:
    """Change what is sent, leave the rest."""
    row = _found(db, product_id)
    for name, value in sent.model_dump(exclude_unset=True).items():
        setattr(row, name, value)
    db.commit()
    return row


@router.delete("/{product_id}", status_code=204)
def remove_product(db: Db, product_id: int) -> Response:
    """Remove a product."""
    db.delete(_found(db, product_id))
    db.commit()
    return Response(status_code=204)
