"""Scorers: from a batch of transcripts to ratings with evidence."""
