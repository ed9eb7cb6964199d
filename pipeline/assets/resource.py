"""The one resource: the warehouse of this project, as the environment describes it."""

import dagster as dg

from pipeline.settings import Settings
from pipeline.warehouse import Warehouse


class WarehouseResource(dg.ConfigurableResource[Warehouse]):
    """Opens the warehouse; folders and limits come from the environment (``ETHOGRAM_*``), not from run config."""

    def store(self) -> Warehouse:
        """Return the warehouse."""
        return Warehouse(Settings.load())
