"""Counts the records of Chirper.ai dumps with the standard library alone: `json` and `csv`.

An independent definition of `rows_read`: nothing of the project is imported. A record is an account, an item of its
page, an action; a row of a CSV (two where it repeats a chirp of another); a line of the API's layout.
"""

from __future__ import annotations

import csv
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any


def accounts(path: Path) -> list[dict[str, Any]]:
    """Return the accounts of a file of JSON lines."""
    with path.open(encoding="utf-8") as stream:
        return [json.loads(line) for line in stream if line.strip()]


def items(account: dict[str, Any]) -> int:
    """Return the number of chirps on the page of an account."""
    return max(len(account.get("tweet_index") or []), len(account.get("tweet_content") or []))


def rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV."""
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


def count_file(path: Path) -> int:
    """Count the records of one file."""
    if path.suffix == ".csv":
        return sum(1 + bool(row.get("retweeted_user")) for row in rows(path))
    read = accounts(path)
    if read and "user_herf" in read[0]:
        return sum(1 + items(account) + len(account.get("action_list") or []) for account in read)
    return len(read)


def count_folder(folder: Path) -> dict[str, int]:
    """Count the records of every JSON, JSON-lines and CSV file below a folder."""
    found = sorted(path for path in folder.rglob("*") if path.suffix in (".json", ".jsonl", ".csv"))
    return {path.relative_to(folder).as_posix(): count_file(path) for path in found}


def chirp_ids(folder: Path) -> set[str]:
    """Return the distinct ids of the chirps of all accounts."""
    files = folder.glob("chirper_user_*.json")
    return {chirp for path in files for account in accounts(path) for chirp in account["tweet_index"]}


UNITS = ("second", "minute", "hour", "day", "month", "year")


def units(path: Path) -> dict[str, str]:
    """Return, of each chirp whose time always stands apart from its text, the finest unit that it is shown with."""
    found: dict[str, str] = {}
    odd = set()
    for account in accounts(path):
        for chirp, lag in zip(account["tweet_index"], account.get("tweet_time_lag") or [], strict=False):
            words = lag.split(" ")
            unit = words[1].rstrip("s") if len(words) == 2 else ""
            if unit not in UNITS:
                odd.add(chirp)
            elif chirp not in found or UNITS.index(unit) < UNITS.index(found[chirp]):
                found[chirp] = unit
    return {chirp: unit for chirp, unit in found.items() if chirp not in odd}


def verbs(path: Path) -> Counter[str]:
    """Count the English verbs of actions, told by the text after the name that the line starts with."""
    found: Counter[str] = Counter()
    for account in accounts(path):
        handle = account["user_herf"].rsplit("/", 1)[1]
        for action in account.get("action_list") or []:
            name = account["user_name"]
            for prefix in (f"{name}@{handle} ", f"{name} ", f"@{handle} "):
                if len(prefix) > 1 and action.startswith(prefix):
                    found[action.removeprefix(prefix).split(" ", 1)[0]] += 1
                    break
            else:
                found["?"] += 1
    return found


def main() -> None:
    """Print path and number of records of every file below a folder."""
    for path, n in count_folder(Path(sys.argv[1])).items():
        sys.stdout.write(f"{n}\t{path}\n")


if __name__ == "__main__":
    main()
