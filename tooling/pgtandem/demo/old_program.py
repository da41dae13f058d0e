"""The demo's old program: a stock SQLAlchemy model that knows `tblproduct` and nothing else.

    PGTANDEM_DEMO_DSN=... python -m pgtandem.demo.old_program [--rate 100] [--workers 2]

It inserts, updates (price, status, name), reads and deletes at a fixed rate; see
`pgtandem.demo.openloop` for how it is steered and what it prints. The connection string comes by
the environment, because everybody can read a command line.
"""

from __future__ import annotations

import argparse
import datetime
import os
import random
from decimal import Decimal
from typing import Any, Final

import psycopg
from sqlalchemy import BigInteger, FetchedValue, Numeric, String, Text, create_engine, func, select
from sqlalchemy.dialects.postgresql import CHAR, JSONB, TIMESTAMP
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from pgtandem.demo.openloop import Mismatch, OpenLoop, serve

DSN_VARIABLE: Final = "PGTANDEM_DEMO_DSN"
OWN_ROWS: Final = 200
"""A worker keeps so many rows of its own before it deletes more than it inserts."""


class Base(DeclarativeBase):
    """The old program's models."""


class Product(Base):
    """The flat table as it was before pgtandem; written years ago and not to be touched."""

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


class Shopkeeper:
    """One worker of the old program, with its own session and its own few products."""

    def __init__(self, dsn: str, number: int) -> None:
        self._number = number
        self._made = 0
        self._own: list[int] = []
        self._engine = create_engine(
            "postgresql+psycopg://",
            creator=lambda: psycopg.connect(dsn, application_name="old_program"),
            pool_size=1,
            max_overflow=0,
        )
        with Session(self._engine) as session:
            self._highest = session.scalar(select(func.max(Product.id))) or 0

    def one(self, draw: random.Random) -> str:
        """A quarter inserts, a tenth deletes, four tenths updates, the rest reads."""
        chance = draw.random()
        if (chance < 0.1 and self._own) or len(self._own) > OWN_ROWS:
            return self._delete(draw)
        if chance < 0.35 or not self._own:
            return self._insert(draw)
        if chance < 0.75:
            return self._update(draw)
        return self._read(draw)

    def _insert(self, draw: random.Random) -> str:
        self._made += 1
        number = draw.randrange(20)
        amount = None if number == 0 else Decimal(draw.randrange(100_000)) / 100
        with Session(self._engine) as session:
            row = Product(
                name=f"Old program {self._number} product {draw.randrange(50)}",
                version=draw.choice((None, "", "1", "2", "2024")),
                catalog=draw.choice((None, "Retail", "B2B")),
                config=f"Configuration {self._made}",
                sku=f"OLD-{self._number}-{self._made}",
                data={"made": self._made, "by": "old program"} if number else None,
                status="active",
                amount=amount,
                currency="EUR" if number % 2 else "USD",
            )
            session.add(row)
            session.commit()
            self._own.append(row.id)
            session.expire_all()
            self._compare(session, row.id, sku=f"OLD-{self._number}-{self._made}", amount=amount)
        return "insert"

    def _update(self, draw: random.Random) -> str:
        # Mostly rows of the shop, which the migration moves meanwhile; else one of our own, which
        # nobody else writes and which therefore must read back as it was written.
        own = draw.random() < 0.4
        key = draw.choice(self._own) if own else 1 + draw.randrange(max(1, self._highest))
        what = draw.random()
        change: dict[str, Any]
        if what < 0.5:
            change = {"amount": Decimal(draw.randrange(100_000)) / 100}
        elif what < 0.8:
            change = {"status": draw.choice(("active", "discontinued", "draft"))}
        else:
            change = {"name": f"Old program renamed {draw.randrange(500)}"}
        with Session(self._engine) as session:
            row = session.get(Product, key)
            if row is None:
                return "miss"
            for name, value in change.items():
                setattr(row, name, value)
            row.updated_at = datetime.datetime.now(datetime.UTC)
            session.commit()
            if own:
                session.expire_all()
                self._compare(session, key, **change)
        return "update"

    def _read(self, draw: random.Random) -> str:
        key = 1 + draw.randrange(max(1, self._highest))
        with Session(self._engine) as session:
            query = select(Product).where(Product.id >= key).order_by(Product.id).limit(10)
            session.scalars(query).all()
        return "read"

    def _delete(self, draw: random.Random) -> str:
        place = draw.randrange(len(self._own))
        with Session(self._engine) as session:
            row = session.get(Product, self._own[place])
            if row is not None:
                session.delete(row)
                session.commit()
        key = self._own.pop(place)
        if row is None:
            raise Mismatch(f"the own row {key} is gone")
        return "delete"

    @staticmethod
    def _compare(session: Session, key: int, **expected: Any) -> None:
        row = session.get(Product, key)
        found = None if row is None else {name: getattr(row, name) for name in expected}
        if found != expected:
            raise Mismatch(f"row {key}: wrote {expected}, read {found}")

    def recover(self) -> None:
        """Nothing: the engine's pool replaces a broken session by itself."""

    def close(self) -> None:
        self._engine.dispose()


def sqlstate(error: Exception) -> str | None:
    """The SQLSTATE that the database gave, if it was the database."""
    original = error.orig if isinstance(error, DBAPIError) else None
    return original.sqlstate if isinstance(original, psycopg.Error) else None


def main() -> None:
    """The program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=100, help="operations a second, all workers")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seconds", type=float, help="stop by itself after this time")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    dsn = os.environ.get(DSN_VARIABLE, "")
    workers = [Shopkeeper(dsn, number) for number in range(arguments.workers)]
    loop = OpenLoop("old_program", workers, arguments.rate, sqlstate, seed=arguments.seed)
    serve(loop, arguments.seconds)


if __name__ == "__main__":
    main()
