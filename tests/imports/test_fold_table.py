"""The constants of tandem._import_key are Unicode's, and nobody changed them by hand."""

from __future__ import annotations

import unicodedata

import pytest

from imports import fold_table


@pytest.mark.skipif(not fold_table.HAS_VERSION, reason="Python 3.11 has the table's Unicode")
def test_the_file_is_as_it_is_made() -> None:
    text = fold_table.FILE.read_text(encoding="utf-8")
    assert fold_table.made_anew(text) == text


@pytest.mark.skipif(not fold_table.HAS_VERSION, reason="Python 3.11 has the table's Unicode")
def test_the_ranges_are_read_from_the_file_as_they_were_written() -> None:
    assert fold_table.unassigned_in_file() == fold_table.unassigned()


def test_what_folds_stays_decomposed() -> None:
    """Then a key's key is the same: folded twice, nothing changes."""
    for letter, folded in fold_table.folds().items():
        assert unicodedata.normalize("NFKD", folded) == folded == folded.casefold(), letter


def test_no_character_becomes_an_invisible_one() -> None:
    """Then it is enough to take them out once, before anything else."""
    for code in fold_table.code_points():
        made = unicodedata.normalize("NFKD", chr(code))
        if made != chr(code) and not fold_table.is_in(fold_table.IGNORABLE, code):
            assert not any(fold_table.is_in(fold_table.IGNORABLE, ord(one)) for one in made)
