"""What a score must withstand: transcripts changed in ways that should not matter, or not much."""
