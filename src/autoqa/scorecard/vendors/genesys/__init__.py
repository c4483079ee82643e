"""Genesys Cloud evaluation forms."""
