"""The console logger: what our own code says, and errors; the rest of Dagster's events stay in its event log."""

import logging
import sys

import dagster as dg


class _OwnWordsOnly(logging.Filter):
    """Lets through messages of steps and errors, without Dagster's prefix."""

    def filter(self, record: logging.LogRecord) -> bool:
        meta = getattr(record, "dagster_meta", {})
        is_event = meta.get("dagster_event") is not None
        record.own = meta.get("orig_message") or record.getMessage()
        return record.levelno >= logging.ERROR or not is_event


@dg.logger(None, description="Progress of the steps, one line each.")
def console(init_context: dg.InitLoggerContext) -> logging.Logger:
    """Return a logger that writes to standard error."""
    logger = logging.Logger("ethogram", logging.INFO)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(own)s", datefmt="%H:%M:%S"))
    handler.addFilter(_OwnWordsOnly())
    logger.addHandler(handler)
    return logger
