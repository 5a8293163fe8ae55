"""Write grafana.schema.json, units.json and the licence from the folder in which README.md had npm install things."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent

WHOLE = ("dashboard", "panel", "row")
"""Types that must be complete. Options of a panel need not be: Grafana lays them over the defaults of its plugin."""


def bare(data: Any, *, complete: bool) -> Any:
    """Return a schema without its descriptions, which are longer than all else, and with `required` if `complete`."""
    if isinstance(data, dict):
        dropped = {key for key in ("description", "required") if not isinstance(data.get(key), dict)}
        dropped -= {"required"} if complete else set()
        return {key: bare(value, complete=complete) for key, value in data.items() if key not in dropped}
    return [bare(each, complete=complete) for each in data] if isinstance(data, list) else data


def renew(folder: Path) -> None:
    """Read what was installed and generated in `folder`."""
    packages = folder / "node_modules" / "@grafana"
    whole = json.loads((folder / "whole.json").read_text(encoding="utf-8"))
    version = json.loads((packages / "schema" / "package.json").read_text(encoding="utf-8"))["version"]
    types = {name: bare(data, complete=name in WHOLE) for name, data in sorted(whole["properties"].items())}
    # What a data source asks for a mark stands beside Grafana's own fields.
    types["dashboard"]["properties"]["annotations"]["properties"]["list"]["items"]["additionalProperties"] = True
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(data, sort_keys=True)}" for name, data in types.items())
    comment = f"Made from the types of @grafana/schema {version}, Apache License 2.0; see README.md"
    text = f'{{"$comment": {json.dumps(comment)}, "properties": {{\n{lines}\n}}}}\n'
    (HERE / "grafana.schema.json").write_text(text, encoding="utf-8")
    formats = (packages / "data" / "dist" / "esm" / "valueFormats" / "categories.mjs").read_text(encoding="utf-8")
    units = sorted(set(re.findall(r'\bid: "([^"]+)"', formats)))
    (HERE / "units.json").write_text(json.dumps(units) + "\n", encoding="utf-8")
    shutil.copyfile(next((packages / "schema").glob("LICENSE*")), HERE / "LICENSE-grafana-schema")


if __name__ == "__main__":
    renew(Path(sys.argv[1]))
