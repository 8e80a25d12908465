"""dlt as a process: `rest_api` source, merge by primary key, PostgreSQL, tuned as dlt's documentation advises
(https://dlthub.com/docs/reference/performance): large buffers, one file per worker, parallel normalize and load,
CSV by COPY, no child tables. Arguments: port, address of the API, records a page. Settings and credentials come
from the environment, as dlt reads them. `POST /load?since=` runs it."""

import json
import sys
import time
import urllib.request
from email.utils import parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlparse

import dlt
from dlt.sources.rest_api import rest_api_source

port, api, page_size = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])


def orders(token, window):
    return rest_api_source(
        {
            "client": {
                "base_url": api,
                "auth": {"type": "bearer", "token": token},
                "paginator": {
                    "type": "offset",
                    "limit": page_size,
                    "total_path": None,
                    "stop_after_empty_page": True,
                },
            },
            "resources": [
                {
                    "name": "orders",
                    "primary_key": "id",
                    "write_disposition": "merge",
                    "endpoint": {
                        "path": "api/purchase_orders",
                        "params": {"order_by": "id", "dir": "asc", **window},
                    },
                }
            ],
        },
        max_table_nesting=0,
    )


def load(since):
    began = time.perf_counter()
    with urllib.request.urlopen(urllib.request.Request(f"{api}/oauth2/token", method="POST")) as answer:
        token = json.load(answer)["access_token"]
        read_at = parsedate_to_datetime(answer.headers["Date"]).strftime("%Y-%m-%dT%H:%M:%SZ")
    window = {"updated-at[lt]": read_at}
    if since is not None:
        window["updated-at[gt_or_eq]"] = since
    pipeline = dlt.pipeline("bench", destination="postgres", dataset_name="bench")
    steps = []
    for name, step in (
        ("extract", lambda: pipeline.extract(orders(token, window))),
        ("normalize", lambda: pipeline.normalize()),
        ("load", lambda: pipeline.load(raise_on_failed_jobs=True)),
    ):
        step_began = time.perf_counter()
        info = step()
        steps.append({"id": name, "beganAt": step_began - began, "endedAt": time.perf_counter() - began})
        if name == "normalize":
            records = info.row_counts["orders"]
    return {
        "records": records,
        "wallMs": (time.perf_counter() - began) * 1000,
        "readAt": read_at,
        "steps": steps,
    }


class Server(BaseHTTPRequestHandler):
    def do_POST(self):
        since = parse_qs(urlparse(self.path).query).get("since", [None])[0]
        try:
            status, body = 200, json.dumps(load(since))
        except Exception as error:
            status, body = 500, repr(error)
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    server = HTTPServer(("127.0.0.1", port), Server)
    print('{"ready":true}', flush=True)
    server.serve_forever()
