"""A shop's old and new HTTP API, side by side on one database; see README.md."""
