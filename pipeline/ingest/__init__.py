"""A dump becomes canonical rows: files, framing, formats, cleaning, accounting, quarantine.

Order of reading: `scan` lists the files and says what each is, `framing` cuts them into JSON documents, the adapter
in `formats` turns documents into records, `mapping` turns records into observations with canonical columns, and
`merge` turns the observations of all files into the tables of layer ``corpus``. `run` drives the steps.
"""

from pipeline.ingest.config import CorpusConfig, load_config
from pipeline.ingest.run import Ingestion, ingest
from pipeline.ingest.scan import Scan, scan

__all__ = ["CorpusConfig", "Ingestion", "Scan", "ingest", "load_config", "scan"]
