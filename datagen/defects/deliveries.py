"""Files that arrive again under their name with other bytes."""

from __future__ import annotations

from collections.abc import Sequence

from datagen.defects.dialects import is_gzip
from datagen.defects.files import cut_archive, cut_array, is_array
from datagen.defects.model import AnyDefect, DeliveryDefect

DELIVERIES: Sequence[AnyDefect] = (
    # An upload that broke off and was done again: only where one sees that something is missing.
    DeliveryDefect(name="replaced_archive", share=0.03, fits=is_gzip, spoil=cut_archive, reason="truncated_gzip"),
    DeliveryDefect(name="replaced_array", share=0.04, fits=is_array, spoil=cut_array, reason="truncated_json"),
    DeliveryDefect(name="corrected_file", share=0.02, fits=lambda shape, contract: contract.order_by is not None),
)
