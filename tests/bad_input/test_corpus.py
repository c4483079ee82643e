"""Every bad file is accepted with a note or quarantined with a reason: no crash, no silent loss."""

from __future__ import annotations

from autoqa.readers import REASONS
from autoqa.store import to_dict


def test_the_corpus_is_large_and_nothing_in_it_is_an_error_of_ours(cases):
    assert len(cases) >= 60
    reasons = {name for case in cases for name in (*case.reasons, *case.notes)}
    assert reasons <= REASONS.keys()
    assert "reader_failed" not in reasons


def test_a_bad_file_comes_to_what_the_corpus_says(case, bad_files, read_all):
    found, quarantine, _ = read_all(bad_files.paths[case.name])
    assert (len(found), dict(quarantine.counts), dict(quarantine.notes)) == (
        case.kept,
        dict(case.reasons),
        dict(case.notes),
    )
    for labelled in found:  # what is kept can be stored
        for record in (labelled.transcript, *labelled.ratings, *labelled.surveys):
            to_dict(record)


def test_the_whole_folder_comes_to_the_sum_of_its_files(bad_files, in_all, read_all):
    found, quarantine, rows = read_all(bad_files.folder)
    assert len(found) == in_all.kept
    assert dict(quarantine.counts) == in_all.reasons
    assert dict(quarantine.notes) == in_all.notes
    assert {row["reason"] for row in rows} <= REASONS.keys()
