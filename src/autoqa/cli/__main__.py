"""``python -m autoqa.cli`` is the command ``autoqa``."""

from __future__ import annotations

from autoqa.cli import main

if __name__ == "__main__":
    main()
