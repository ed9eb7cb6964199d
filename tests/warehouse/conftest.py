from __future__ import annotations

from pathlib import Path

import pytest
from warehouse_rows import make_settings

from pipeline.warehouse import Warehouse


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(make_settings(tmp_path))
