"""What a linter found, and where."""

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Finding:
    """One finding.

    `path` is as the reader knows the file, `line` counts from 1, `code` names the rule (`TH..` is a
    house rule, anything else a rule of sqlfluff), `message` says what is wrong, `cure` what to do.
    """

    path: str
    line: int
    code: str
    message: str
    cure: str = ""

    def as_text(self) -> str:
        """``file:line: code message; cure`` on one line, the form that editors jump to."""
        text = f"{self.path}:{self.line}: {self.code} {self.message}"
        return f"{text}; {self.cure}" if self.cure else text
