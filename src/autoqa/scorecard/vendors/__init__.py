"""Evaluation forms of other systems: Amazon Connect, Google and Genesys, in and out."""

from autoqa.scorecard.vendors.exchange import (
    VENDORS,
    Exported,
    Imported,
    export_form,
    form_ids,
    import_form,
)
from autoqa.scorecard.vendors.files import as_yaml
from autoqa.scorecard.vendors.losses import Loss, LossKind, loss_report
from autoqa.scorecard.vendors.naming import VendorIds

__all__ = [
    "VENDORS",
    "Exported",
    "Imported",
    "Loss",
    "LossKind",
    "VendorIds",
    "as_yaml",
    "export_form",
    "form_ids",
    "import_form",
    "loss_report",
]
