"""The pages of people: HTML that works without scripts."""

from __future__ import annotations
