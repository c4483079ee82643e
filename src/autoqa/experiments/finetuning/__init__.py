"""Fine-tuning an encoder on turns in context, for several tasks at once."""
