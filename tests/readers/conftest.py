import json

import pytest

from autoqa.readers import Quarantine, read


@pytest.fixture
def line():
    """One line of uniform JSONL, with changes; a field set to ``...`` is left out."""

    def make(**changes):
        record = {
            "conversation_id": "c1",
            "channel": "chat",
            "language": "en",
            "turns": [
                {"speaker": "agent", "text": "Good morning, how can I help?"},
                {"speaker": "customer", "text": "My parcel is late."},
            ],
        }
        record |= changes
        return json.dumps({k: v for k, v in record.items() if v is not ...})

    return make


@pytest.fixture
def read_file(tmp_path):
    """Write one file, read it, and return conversations, quarantine and quarantine rows."""

    def run(name, content, **options):
        path = tmp_path / "in" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        rows_path = tmp_path / "quarantine.jsonl"
        with Quarantine(rows_path) as quarantine:
            found = list(read([path], quarantine=quarantine, **options))
        rows = [json.loads(row) for row in rows_path.read_text().splitlines()]
        assert quarantine.records_read == len(found) + quarantine.records_quarantined
        assert quarantine.records_quarantined == sum(row["kept"] is False for row in rows)
        return found, quarantine, rows

    return run
