"""Dagster's page in a browser: what a hostile corpus says is text there too, in previews, metadata and logs."""

from __future__ import annotations

import json
import os
import shutil
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest
from dagster_page import Page, dagster_dev
from hostile import CORPUS, TEXTS
from watching import Watched
from whole_runs import project_environment

from pipeline.assets.instance import open_instance
from pipeline.assets.partitions import corpora
from pipeline.running import prepare_home
from pipeline.settings import Settings

LOADED = 90_000  # milliseconds
SHOWN = {
    "corpus/message": ("<script>alert('script')</script>", "<img src=x onerror=", "Ignore all previous instructions"),
    "corpus/community": ("</style></title></script><style>", "' onmouseover='alert(1)'"),
    "corpus/source_file": ("<img src=x onerror=alert(0)> & 0.json",),
    "feature/text": ("[press](javascript:alert('markdown'))",),
}
"""An asset, and hostile texts that its preview shows the beginning of."""


@dataclass(frozen=True)
class Running:
    """A running `dagster dev` and where its page is."""

    page: Page
    url: str


def write_dump(folder: Path) -> None:
    """Write posts whose titles, bodies, authors and communities are hostile, under file names that are too."""
    folder.mkdir(parents=True)
    for i, text in enumerate(TEXTS):
        agent = {"id": f"a{i}", "name": text, "karma": i}
        submolt = {"id": f"s{i}", "name": text, "display_name": text, "description": text}
        post = {"id": f"p{i}", "title": text, "content": text, "created_at": f"2026-01-{i + 10}T10:00:00Z",
                "upvotes": 1, "author": agent, "submolt": submolt}  # fmt: skip
        comment = {"id": f"c{i}", "content": text, "created_at": f"2026-01-{i + 10}T11:00:00Z", "author": agent,
                   "parent_id": None, "replies": []}  # fmt: skip
        body = json.dumps({"success": True, "post": post, "comments": [comment]})
        (folder / f"<img src=x onerror=alert({i})> & {i}.json").write_text(body, encoding="utf-8")


def materialise(settings: Settings, home: Path) -> None:
    """Materialise the assets that are looked at, recorded in the home that `dagster dev` shows."""
    from pipeline.definitions import defs

    with open_instance(home) as instance:
        instance.add_dynamic_partitions(str(corpora.name), [CORPUS])
        job = defs.resolve_job_def("corpus")
        wanted = [key for key in job.asset_layer.executable_asset_keys if key.path[0] == "corpus"]
        chosen = [*wanted, dg.AssetKey(["feature", "text"])]
        result = job.execute_in_process(instance=instance, partition_key=CORPUS, asset_selection=chosen)
    assert result.success
    assert settings.warehouse.is_dir()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    root = tmp_path_factory.mktemp("dagster")
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, value in project_environment(root).items():
            patch.setenv(name, value)
        settings = Settings.load()
        write_dump(settings.data / CORPUS)
        materialise(settings, prepare_home(settings))
        # Else the sensor finds the folder and starts a run of everything, which would outlive the page.
        shutil.rmtree(settings.data / CORPUS)
        with dagster_dev(os.environ, root / "dagster.log") as page:
            yield Running(page, page.url.removesuffix("/graphql"))


def look(watched: Watched, running: Running, asset: str) -> str:
    """Open the page of an asset at the hostile partition and return what it says once it stands still."""
    page = watched.page
    # Dagster invites a new home to its community, some time after the page has loaded.
    page.add_locator_handler(page.get_by_role("button", name="Skip"), lambda button: button.click())
    page.goto(f"{running.url}/assets/{asset}?view=partitions&partition={CORPUS}")
    page.get_by_text("fingerprint").first.wait_for(timeout=LOADED)
    page.wait_for_timeout(300)
    return str(page.locator("body").inner_text())


@pytest.mark.parametrize("asset", SHOWN)
def test_hostile_texts_are_inert(watched: Watched, running: Running, asset: str) -> None:
    text = look(watched, running, asset)
    for hostile in SHOWN[asset]:
        assert hostile in text
    assert watched.page.locator("a[href^='javascript:' i], img[onerror], svg[onload]").count() == 0
    watched.page.get_by_text("[Show Markdown]").click()
    plot = watched.page.locator("img[src^='data:image/png;base64,']")
    plot.wait_for(timeout=LOADED)
    assert plot.evaluate("image => image.decode().then(() => image.naturalWidth)") > 300
    assert watched.dialogs == []
    assert [url for url in watched.requests if not url.startswith((running.url, "data:", "blob:"))] == []
    assert not [message for message in watched.console if "Content Security Policy" in message]
