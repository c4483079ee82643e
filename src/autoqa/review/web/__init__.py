"""The review page: server-rendered HTML and a JSON API over the services of `autoqa.review`."""

from __future__ import annotations
