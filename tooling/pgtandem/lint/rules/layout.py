"""TH18, TH19 the text of bodies, which sqlfluff takes for a string constant and does not read."""

import re
from collections.abc import Iterator

from pgtandem.lint.finding import Finding
from pgtandem.lint.pgparser import pb, scan
from pgtandem.lint.project import Project
from pgtandem.lint.source import Source

MAX_LINE = 100
_CAPITAL = re.compile(r"[A-Z]")


def body_text(source: Source, _project: Project) -> Iterator[Finding]:
    """TH18: words lower case, lines up to 100 characters, no tabs, no blanks at a line's end.

    Rendered lines may be longer: their width follows from the mapping's names.
    """
    for routine in source.routines:
        raw = routine.text.encode()
        for number, row in enumerate(routine.text.split("\n"), start=routine.text_line):
            for is_wrong, message, cure in (
                (
                    len(row) > MAX_LINE and not source.rendered,
                    f"line of {len(row)} characters",
                    f"at most {MAX_LINE}",
                ),
                ("\t" in row, "tab", "use spaces"),
                (row != row.rstrip() and row.strip() != "", "blanks at the end", "remove them"),
            ):
                if is_wrong:
                    yield Finding(source.path, number, "TH18", f"{message} in a body", cure)
        seen: set[int] = set()
        for token in scan(routine.text).tokens:
            word = raw[token.start : token.end].decode()
            if token.token in (pb.SCONST, pb.SQL_COMMENT, pb.C_COMMENT) or word.startswith('"'):
                continue
            is_word = token.token == pb.IDENT or token.keyword_kind != pb.NO_KEYWORD
            line = routine.text_line + raw[: token.start].count(b"\n")
            if is_word and _CAPITAL.search(word) and line not in seen:
                seen.add(line)
                message = f"{word} in a body has capitals"
                cure = "write words in lower case; quote a name that needs them"
                yield Finding(source.path, line, "TH18", message, cure)


def no_plain_backslash(source: Source, _project: Project) -> Iterator[Finding]:
    """TH19: a literal with a backslash is e''.

    A body is read with the session's standard_conforming_strings: off makes another value of it.
    """
    for routine in source.routines:
        raw = routine.text.encode()
        for token in scan(routine.text).tokens:
            text = raw[token.start : token.end]
            if token.token == pb.SCONST and text.startswith(b"'") and b"\\" in text:
                line = routine.text_line + raw[: token.start].count(b"\n")
                message = "a plain literal with a backslash depends on the session"
                yield Finding(source.path, line, "TH19", message, "write e'' and double it")
