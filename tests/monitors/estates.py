"""A copy of the shipped configuration whose local environment is a replica of the test."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import yaml

SHIPPED = Path(__file__).resolve().parents[2] / "config"


def configure(folder: Path, endpoints: Mapping[str, str], probe_interval: str | None = None) -> Path:
    """Write the configuration to `folder` and return it; nothing is called, for its environment has no trunks.

    Probes get all the time there is until their next run: the machine may be busy with other things.
    """
    for name in ("estate", "campaigns", "environments"):
        shutil.copytree(SHIPPED / name, folder / name)
    for path in (folder / "estate").glob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        path.write_text(re.sub(r"timeout: \w+, limit: \w+", "timeout: 15s, limit: 15s", text), encoding="utf-8")
    path = folder / "environments" / "local.yaml"
    local = {**yaml.safe_load(path.read_text(encoding="utf-8")), "endpoints": dict(endpoints)}
    del local["trunks"]
    if probe_interval:
        local["probe_interval"] = probe_interval
    path.write_text(yaml.safe_dump(local), encoding="utf-8")
    return folder
