"""Charts in asset metadata, as the asset's page shows them without a click.

The page renders Markdown in place only up to 1,000 characters, which no picture within the text stays below. So the PNG
goes into the folder of the run's captured logs, which the webserver serves under ``/logs``, and the Markdown links to
it. It is deleted with the run. Where the logs are not in a folder of this machine, the picture is in the text itself
and a click opens it.
"""

import base64
from pathlib import Path

import dagster as dg


def chart_metadata(instance: dg.DagsterInstance, run_id: str, name: str, png: bytes) -> dg.MetadataValue:
    """Markdown that shows ``png`` under the title ``name``."""
    local_path = getattr(instance.compute_log_manager, "get_captured_local_path", None)
    if local_path is None:
        return dg.MetadataValue.md(f"![{name}](data:image/png;base64,{base64.b64encode(png).decode()})")
    path = Path(local_path([run_id, name], "png"))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(png)
    return dg.MetadataValue.md(f"![{name}](/logs/{run_id}/{name}/png)")
