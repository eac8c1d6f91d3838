"""The Claude Code CLI: `claude mcp add`, `claude mcp login`, and a call of a tool.

The environment says: CLAUDE_CODE, the program; HOME, an empty folder of its own; DEPUTY_URL; PERSON, where somebody
opens links (support/somebody.rs); CLIENT, the name by which the person knows it. Nothing of its vendor's is needed:
what it takes for the model is below, and asks for one tool.
"""
import http.server
import json
import os
import pty
import re
import select
import subprocess
import threading
import time

import requests

PROGRAM, HOME = os.environ["CLAUDE_CODE"], os.environ["HOME"]
BASE = os.environ["DEPUTY_URL"].rstrip("/")
TOOL = "mcp__deputy__list_calendars"
RESULTS = []


class Model(http.server.BaseHTTPRequestHandler):
    """Asks for the tool where it is offered, and ends when it has the result."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.answer(b"", "text/plain")

    do_GET = do_HEAD

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if "messages" not in asked or "count_tokens" in self.path:
            return self.answer(b'{"input_tokens":1}', "application/json")
        said = [part for message in asked["messages"] if isinstance(message["content"], list) for part in message["content"]]
        results = [part for part in said if part["type"] == "tool_result"]
        RESULTS.extend(json.dumps(part) for part in results)
        offered = any(tool.get("name") == TOOL for tool in asked.get("tools", []))
        if offered and not results:
            block, delta, why = (
                {"type": "tool_use", "id": "toolu_1", "name": TOOL, "input": {}},
                {"type": "input_json_delta", "partial_json": "{}"},
                "tool_use",
            )
        else:
            block, delta, why = {"type": "text", "text": ""}, {"type": "text_delta", "text": "Done."}, "end_turn"
        usage = {"input_tokens": 1, "output_tokens": 1}
        message = {"id": "msg_1", "type": "message", "role": "assistant", "model": asked["model"], "content": [], "stop_reason": None, "stop_sequence": None, "usage": usage}
        if not asked.get("stream"):
            content = [block | {"text": "Done."} if block["type"] == "text" else block]
            return self.answer(json.dumps(message | {"content": content, "stop_reason": why}).encode(), "application/json")
        events = [
            {"type": "message_start", "message": message},
            {"type": "content_block_start", "index": 0, "content_block": block},
            {"type": "content_block_delta", "index": 0, "delta": delta},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": why, "stop_sequence": None}, "usage": usage},
            {"type": "message_stop"},
        ]
        body = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
        self.answer(body.encode(), "text/event-stream")

    def answer(self, body, kind):
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Model)
threading.Thread(target=server.serve_forever, daemon=True).start()
ENVIRONMENT = {
    "HOME": HOME,
    "PATH": os.environ["PATH"],
    "TERM": "dumb",
    "DISABLE_AUTOUPDATER": "1",
    "DISABLE_TELEMETRY": "1",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "ENABLE_TOOL_SEARCH": "false",
    "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{server.server_port}",
    "ANTHROPIC_API_KEY": "none",
}


def claude(*args):
    done = subprocess.run([PROGRAM, *args], env=ENVIRONMENT, cwd=HOME, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    print("$ claude", *args, "\n" + done.stdout + done.stderr, flush=True)
    return done.stdout + done.stderr


def log_in():
    """It wants a terminal; it listens for its answer itself."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(HOME)
        os.execve(PROGRAM, [PROGRAM, "mcp", "login", "--no-browser", "deputy"], ENVIRONMENT)
    said, asked, deadline = "", False, time.time() + 60
    while time.time() < deadline:
        if not select.select([terminal], [], [], 1)[0]:
            continue
        try:
            piece = os.read(terminal, 65536)
        except OSError:
            break
        if not piece:
            break
        said += piece.decode(errors="replace")
        link = re.search(re.escape(f"{BASE}/oauth/authorize?") + r"[^\s\x07\x1b]+", said)
        if link and not asked and "Waiting" in said:
            asked = True
            answer = requests.post(os.environ["PERSON"] + "open", json={"url": link[0]}, timeout=60)
            assert answer.ok, answer.text
            assert requests.get(answer.json()["sent_to"], timeout=60).ok
    print("$ claude mcp login\n" + said, flush=True)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, said
    return said


def call():
    del RESULTS[:]
    claude("-p", "Which calendars have I?", "--allowedTools", TOOL)
    return "\n".join(RESULTS)


claude("mcp", "add", "--transport", "http", "deputy", f"{BASE}/mcp")
assert "Needs authentication" in claude("mcp", "list")
log_in()
assert "Connected" in claude("mcp", "list")
found = call()
assert "primary" in found, found

taken = requests.post(os.environ["PERSON"] + "take-away", json={"client": os.environ["CLIENT"]}, timeout=60)
assert taken.ok, taken.text
assert "Needs authentication" in claude("mcp", "list")
assert "primary" not in call()
log_in()
assert "primary" in call()
