"""A reverse proxy that writes down every exchange.

usage: recorder.py ORIGIN FILE

Prints its own URL as the first line of stdout and passes everything on to ORIGIN, changing nothing but the
host in `Location`. FILE gets one JSON object per exchange: method, target (path and query), headers and
bodies (base64), as they were on the wire; status and response are null where none came. Credentials are left out of it.
"""
import base64
import http.client
import http.server
import json
import sys
import threading
import urllib.parse

# About one connection only (RFC 9110, 7.6.1).
HOP = {"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "proxy-connection"}
PRIVATE = {"authorization", "cookie", "set-cookie"}


class Recorder(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def pass_on(self):
        body = self.body()
        server = http.client.HTTPConnection(self.server.origin, timeout=120)
        server.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in HOP | {"content-length", "host"}:
                server.putheader(name, value)
        server.putheader("Host", self.server.origin)
        if body or self.command in ("POST", "PUT", "PATCH"):
            server.putheader("Content-Length", str(len(body)))
        try:
            server.endheaders(body or None)
            answer = server.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException):
            # What the server does to us we do to the client.
            self.note(body, None, b"")
            self.close_connection = True
            return
        finally:
            server.close()
        self.note(body, answer, content)
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() == "location":
                value = value.replace(f"http://{self.server.origin}", self.server.url)
            if name.lower() not in HOP | {"content-length"}:
                self.send_header(name, value)
        if answer.status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = pass_on

    def body(self):
        if self.headers.get("transfer-encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("content-length", 0)))
        whole = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            whole += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return whole

    def note(self, body, answer, content):
        entry = {
            "method": self.command,
            "target": self.path,
            "request": {"headers": public(self.headers.items()), "body": base64.b64encode(body).decode()},
            "status": answer and answer.status,
            "response": answer and {"headers": public(answer.getheaders()), "body": base64.b64encode(content).decode()},
        }
        with self.server.lock:
            self.server.file.write(json.dumps(entry) + "\n")
            self.server.file.flush()

    def log_message(self, *_):
        pass


def public(headers):
    return {name.lower(): value for name, value in headers if name.lower() not in PRIVATE}


def main():
    origin, path = sys.argv[1:]
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
    server.origin = urllib.parse.urlsplit(origin).netloc
    server.url = f"http://127.0.0.1:{server.server_port}"
    server.lock, server.file = threading.Lock(), open(path, "a", encoding="utf-8")
    print(server.url, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
