"""The reading half with dlt: its REST source, each test case and its steps, into PostgreSQL.

`python -m benchmarks.peers.by_dlt`: Zephyr, the database and a folder as JSON on its input; prints seconds and rows.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.mover import IN_FLIGHT

PAGE = 1000
Tables = dict[str, Any]
NO_STEPS = 422
"""The service's answer where a test case has a script in words instead."""


def prepare(folder: Path) -> None:
    """Before dlt is imported: it tells nobody of this, writes to the folder, and asks as many at once as the engine."""
    os.environ.update(
        RUNTIME__DLTHUB_TELEMETRY="false",
        DLT_DATA_DIR=str(folder),
        DLT_PROJECT_DIR=str(folder),
        DLT_LOCAL_DIR=str(folder),
        EXTRACT__WORKERS=str(IN_FLIGHT),
        EXTRACT__MAX_PARALLEL_ITEMS=str(IN_FLIGHT),
    )


def config(zephyr: Tables) -> Tables:
    """Pages of the list, then a call for each test case; a session that keeps its connections."""
    requests = importlib.import_module("requests")
    session = requests.Session()
    session.mount("http://", requests.adapters.HTTPAdapter(pool_connections=1, pool_maxsize=IN_FLIGHT))
    pages = {"type": "offset", "limit": PAGE, "offset_param": "startAt", "limit_param": "maxResults"}
    cases = {"path": "testcases", "params": {"projectKey": zephyr["project"]}, "data_selector": "values"}
    steps = {
        "path": "testcases/{resources.test_case.key}/teststeps",
        "data_selector": "values",
        "response_actions": [{"status_code": NO_STEPS, "action": "ignore"}],
    }
    auth = {"type": "bearer", "token": zephyr["token"]}
    return {
        "client": {"base_url": zephyr["base_url"], "auth": auth, "paginator": pages, "session": session},
        "resources": [
            {"name": "test_case", "endpoint": cases},
            {"name": "step", "endpoint": steps, "include_from_parent": ["key"], "parallelized": True},
        ],
    }


def credentials(folder: Path) -> Any:
    """A server on a unix socket in this folder, which asks for no password; dlt wants one, and a host."""
    postgres = importlib.import_module("dlt.destinations.impl.postgres.configuration")
    found = postgres.PostgresCredentials()
    found.parse_native_representation(f"postgresql://ztoq:none@localhost:5432/postgres?host={folder}")
    return found


def main() -> None:
    """Reads, loads, and counts what is there."""
    order = json.load(sys.stdin)
    prepare(Path(order["folder"]))
    dlt = importlib.import_module("dlt")
    rest = importlib.import_module("dlt.sources.rest_api")
    destination = dlt.destinations.postgres(credentials=credentials(order["socket"]))
    source = rest.rest_api_source(config(order["zephyr"]), max_table_nesting=0)  # as the engine keeps a record: whole
    began = time.perf_counter()
    pipeline = dlt.pipeline("reading", destination=destination, dataset_name="by_dlt")
    pipeline.run(source).raise_on_failed_jobs()
    seconds = time.perf_counter() - began
    with pipeline.sql_client() as client:
        rows = [client.execute_sql(f"SELECT count(*) FROM {table}")[0][0] for table in ("test_case", "step")]
    print(json.dumps({"seconds": seconds, "test cases": rows[0], "steps": rows[1]}))


if __name__ == "__main__":
    main()
