"""The last asset: publishes a corpus and builds the catalogue that users open."""

import dagster as dg

from pipeline.assets.build import STEP_ASSETS
from pipeline.assets.partitions import corpora
from pipeline.assets.resource import WarehouseResource
from pipeline.steps.publication import publish


@dg.asset(
    key=["analysis", "catalogue"],
    deps=[key for asset in STEP_ASSETS for key in asset.keys],
    partitions_def=corpora,
    group_name="analysis",
    kinds={"duckdb"},
    description="warehouse/ethogram.duckdb: every table of every published corpus, with comments. "
    "Built beside the old file and swapped in, so readers never see half a run.",
)
def catalogue(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> dg.MaterializeResult[None]:
    """Publish the corpus of the partition."""
    store = warehouse.store()
    build = publish(store, context.partition_key)
    for sentence in build.warnings:
        context.log.warning(sentence)
    return dg.MaterializeResult(
        metadata={
            "path": dg.MetadataValue.path(str(build.path)),
            "dagster/row_count": build.rows,
            "bytes": build.path.stat().st_size,
            "seconds": round(build.seconds, 3),
            "corpora": ", ".join(build.corpora),
        }
    )
