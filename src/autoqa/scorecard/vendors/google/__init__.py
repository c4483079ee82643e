"""Google QaScorecard revisions."""
