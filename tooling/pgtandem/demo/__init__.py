"""The demonstration: a shop with a flat product table, its old and its new program."""
