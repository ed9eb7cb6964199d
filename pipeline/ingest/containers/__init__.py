"""Containers: compressed files, archives, Avro, JSON tables, and JSON documents too large for one piece.

`streams` and `compression` unpack bytes as they are read, `tar` and `zip` list members, `walk` goes through whatever
stands in what within the `limits`, and `listing` makes files of it. `brackets`, `outline` and `split` cut large JSON
documents; `avro` and `json_table` read tables. What the files mean is the business of `pipeline.ingest.formats`.
"""
