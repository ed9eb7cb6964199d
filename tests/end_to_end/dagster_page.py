"""`dagster dev` as a user starts it, in a session of its own, and the GraphQL questions that the page asks."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

START_SECONDS = 300
STOP_SECONDS = 40

LOCATIONS = """
{ repositoriesOrError { __typename ... on RepositoryConnection { nodes { name location { name } } } } }
"""
ADD_PARTITION = """
mutation($repository: RepositorySelector!, $key: String!) {
  addDynamicPartition(repositorySelector: $repository, partitionsDefName: "corpus", partitionKey: $key) { __typename }
}
"""
LAUNCH = """
mutation($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
  }
}
"""
RUNS = """
{ runsOrError { __typename ... on Runs { results { runId status jobName tags { key value } } } } }
"""
MATERIALIZATION = """
query($key: AssetKeyInput!, $partitions: [String!]) {
  assetOrError(assetKey: $key) {
    __typename
    ... on Asset {
      assetMaterializations(partitions: $partitions, limit: 1) {
        metadataEntries {
          __typename label
          ... on IntMetadataEntry { intValue }
          ... on MarkdownMetadataEntry { mdStr }
          ... on TableMetadataEntry { table { records } }
          ... on TableSchemaMetadataEntry { schema { columns { name type description } } }
        }
      }
    }
  }
}
"""


class Page:
    """A running `dagster dev`."""

    def __init__(self, port: int, process: subprocess.Popen[bytes], log: Path) -> None:
        self.url, self.process, self.log = f"http://127.0.0.1:{port}/graphql", process, log
        self.repository: dict[str, str] = {}

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """Ask GraphQL and return ``data``."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(self.url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            value = json.load(answer)
        assert "errors" not in value, value["errors"]
        return dict(value["data"])

    def wait(self, what: str, is_done: Callable[[], Any], seconds: float) -> Any:
        """Return what `is_done` returns as soon as it is true."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert self.process.poll() is None, f"dagster dev ended by itself:\n{self.tail()}"
            if found := is_done():
                return found
            time.sleep(0.5)
        raise AssertionError(f"{what}: not within {seconds} s\n{self.tail()}")

    def is_ready(self) -> bool:
        """Tell whether the code location is loaded."""
        try:
            found = self.ask(LOCATIONS)["repositoriesOrError"]
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False
        for node in found.get("nodes", []):
            self.repository = {
                "repositoryName": node["name"],
                "repositoryLocationName": node["location"]["name"],
            }
        return bool(self.repository)

    def launch(self, corpus_id: str) -> str:
        """Launch the job ``corpus`` for a partition and return the id of the run."""
        tags = [{"key": "dagster/partition", "value": corpus_id}]
        selector = {**self.repository, "jobName": "corpus"}
        params = {"selector": selector, "runConfigData": {}, "executionMetadata": {"tags": tags}}
        found = self.ask(LAUNCH, params=params)["launchRun"]
        assert found["__typename"] == "LaunchRunSuccess", found
        return str(found["run"]["runId"])

    def runs(self, corpus_id: str) -> dict[str, str]:
        """Return the status of each run of the job ``corpus`` for a partition, by id."""
        found = self.ask(RUNS)["runsOrError"]["results"]
        tag = {"key": "dagster/partition", "value": corpus_id}
        return {run["runId"]: run["status"] for run in found if run["jobName"] == "corpus" and tag in run["tags"]}

    def has_succeeded(self, corpus_id: str) -> bool:
        """Tell whether a run of the partition has succeeded; none may have failed."""
        statuses = set(self.runs(corpus_id).values())
        assert not statuses & {"FAILURE", "CANCELED"}, self.tail()
        return "SUCCESS" in statuses

    def metadata(self, key: list[str], corpus_id: str | None) -> dict[str, dict[str, Any]]:
        """Return the metadata of the newest materialisation of an asset, by label."""
        partitions = None if corpus_id is None else [corpus_id]
        asset = self.ask(MATERIALIZATION, key={"path": key}, partitions=partitions)["assetOrError"]
        found = asset["assetMaterializations"]
        assert found, f"{'/'.join(key)} was not materialised"
        return {entry["label"]: entry for entry in found[0]["metadataEntries"]}

    def tail(self) -> str:
        """Return the end of what dagster said."""
        return self.log.read_text(errors="replace")[-6000:]


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def group_members(group: int) -> list[int]:
    """Return the processes of a group that are still alive."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,pgid=,stat="], capture_output=True, text=True, check=True)
    rows = [line.split() for line in listed.stdout.splitlines()]
    return [int(pid) for pid, pgid, state in rows if int(pgid) == group and not state.startswith("Z")]


def session_members(session: int) -> list[int]:
    """Return the processes of a session that are still alive, whatever group they moved to."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,sess=,stat="], capture_output=True, text=True, check=True)
    rows = [line.split() for line in listed.stdout.splitlines()]
    return [int(pid) for pid, sess, state in rows if int(sess) == session and not state.startswith("Z")]


@contextmanager
def dagster_dev(environment: Mapping[str, str], log: Path) -> Iterator[Page]:
    """Start ``python -m pipeline dev`` in a session of its own, wait for the page, and stop the whole group."""
    port = free_port()
    command = [sys.executable, "-m", "pipeline", "dev", "--port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env=dict(environment), start_new_session=True
        )
    page = Page(port, process, log)
    try:
        page.wait("the page", page.is_ready, START_SECONDS)
        yield page
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
        end = time.monotonic() + STOP_SECONDS
        while session_members(process.pid) and time.monotonic() < end:
            process.poll()
            time.sleep(0.2)
        left = session_members(process.pid)
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        process.wait(timeout=10)
    assert not left, f"still running {STOP_SECONDS} s after the signal: {left}\n{page.tail()}"
