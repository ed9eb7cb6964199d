"""The console logger: what our own code says; Dagster's events and errors stay in its event log.

Errors are told once, at the end, by `pipeline.headless.failures`: a sentence each, without the steps that then did not
run.
"""

import logging
import sys

import dagster as dg

_named = ""


def name_lines(corpus_id: str) -> None:
    """Begin each line of this process with a corpus, where several processes write to one console."""
    global _named
    _named = f"{corpus_id}: "


class _OwnWordsOnly(logging.Filter):
    """Lets through messages of steps, without Dagster's prefix."""

    def filter(self, record: logging.LogRecord) -> bool:
        meta = getattr(record, "dagster_meta", {})
        is_event = meta.get("dagster_event") is not None
        record.own = meta.get("orig_message") or record.getMessage()
        return record.levelno < logging.ERROR and not is_event


@dg.logger(None, description="Progress of the steps, one line each.")
def console(init_context: dg.InitLoggerContext) -> logging.Logger:
    """Return a logger that writes to standard error."""
    logger = logging.Logger("ethogram", logging.INFO)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(f"%(asctime)s {_named}%(own)s", datefmt="%H:%M:%S"))
    handler.addFilter(_OwnWordsOnly())
    logger.addHandler(handler)
    return logger
