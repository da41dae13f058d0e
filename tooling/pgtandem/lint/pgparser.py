"""PostgreSQL's own parser: the one place that imports postgast.

postgast's type stub (0.2.0) has field names that Python's grammar refuses, so that a type checker
stops at the import. It is therefore imported by name, and its trees are `Node`: a protobuf message
of the type that PostgreSQL's headers describe under the same name.
"""

from importlib import import_module
from typing import Any, TypeAlias

Node: TypeAlias = Any
"""A message of `pb`, such as ``pb.RangeVar``."""

_postgast: Any = import_module("postgast")
pb: Any = import_module("postgast.pg_query_pb2")
Message: Any = import_module("google.protobuf.message").Message

PgQueryError: Any = _postgast.PgQueryError
parse: Any = _postgast.parse
parse_plpgsql: Any = _postgast.parse_plpgsql
scan: Any = _postgast.scan
unwrap_node: Any = _postgast.unwrap_node
walk: Any = _postgast.walk


def code_tokens(text: str) -> list[Node]:
    """The tokens of SQL or PL/pgSQL without comments; `start` and `end` are byte offsets.

    Raises:
        PgQueryError: not even the lexer can read it.
    """
    comments = (pb.SQL_COMMENT, pb.C_COMMENT)
    return [token for token in scan(text).tokens if token.token not in comments]
