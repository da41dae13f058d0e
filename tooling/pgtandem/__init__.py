"""pgtandem: move a live PostgreSQL database to its new shape and keep both shapes true."""

__version__ = "0.1.0"
