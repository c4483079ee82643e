"""What is computed from transcripts: embeddings, n-grams, statistics, tokens."""
