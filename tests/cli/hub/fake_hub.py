"""A Hugging Face Hub on this machine, with what `push` and `--hub` ask for."""

import base64
import contextlib
import hashlib
import http.server
import json
import re
import threading


class Hub:
    """The repositories of a fake hub.

    Attributes:
        files: Content by name of each repository.
        private: Whether each repository is private.
        tokens: The tokens that were sent.
    """

    def __init__(self):
        self.files = {}
        self.private = {}
        self.tokens = set()


class Handler(http.server.BaseHTTPRequestHandler):
    hub = None

    def log_message(self, *_):
        pass

    def answer(self, content, status=200, **headers):
        if not isinstance(content, bytes):
            content = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.hub.tokens.add(self.headers["Authorization"])
        url = f"http://{self.headers['Host']}"
        if self.path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked.get('organization', 'me')}/{asked['name']}"
            self.hub.files.setdefault(name, {})
            self.hub.private[name] = (
                asked.get("private") or asked.get("visibility") == "private"
            )
            return self.answer({"url": f"{url}/{name}", "name": name})
        if self.path == "/api/validate-yaml":
            return self.answer({"errors": [], "warnings": []})
        name, verb = re.match(
            r"/api/models/([^/]+/[^/]+)/(preupload|commit)/main", self.path
        ).groups()
        if verb == "preupload":
            files = [
                {
                    "path": file["path"],
                    "uploadMode": "regular",
                    "shouldIgnore": False,
                }
                for file in json.loads(body)["files"]
            ]
            return self.answer({"files": files})
        for line in map(json.loads, body.splitlines()):
            if line["key"] == "file":
                value = line["value"]
                self.hub.files[name][value["path"]] = base64.b64decode(
                    value["content"]
                )
        return self.answer(
            {
                "commitUrl": f"{url}/{name}/commit/{'0' * 40}",
                "commitOid": "0" * 40,
            }
        )

    def do_GET(self):
        found = re.match(
            r"/([^/]+/[^/]+)/resolve/(\w+)/(.+)", self.path.partition("?")[0]
        )
        name, revision, file = found.groups() if found else ("", "", "")
        content = self.hub.files.get(name, {}).get(file)
        if content is None:
            return self.answer(b"", 404, X_Error_Code="EntryNotFound")
        return self.answer(
            content,
            ETag=f'"{hashlib.sha1(content).hexdigest()}"',
            X_Repo_Commit="0" * 40 if revision == "main" else revision,
        )

    do_HEAD = do_GET  # noqa: N815


@contextlib.contextmanager
def started():
    """Yields a hub and its address."""
    hub = Hub()
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), type("Bound", (Handler,), {"hub": hub})
    )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
