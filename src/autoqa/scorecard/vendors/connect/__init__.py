"""Amazon Connect evaluation forms."""
