"""What the OAuth clients' scripts have in common: whose client it is, and somebody to open its links.

The environment says: DEPUTY_URL; CLIENT, the name by which the person knows this client; PERSON, where somebody
opens links (support/somebody.rs).
"""
import os
import random
import time

import requests

BASE = os.environ["DEPUTY_URL"].rstrip("/")
API = f"{BASE}/api"
CLIENT = os.environ["CLIENT"]
# Nobody listens there: the person says where the browser was sent.
REDIRECT = f"http://127.0.0.1:{random.randrange(20000, 60000)}/callback"
TOOL = f"{API}/v1/tools/list_calendars/call"


def _person(what, **body):
    answer = requests.post(os.environ["PERSON"] + what, json=body, timeout=60)
    assert answer.ok, f"{what}: {answer.text}"
    return answer.json()


def open_link(url):
    """The person opens the link, signs in where needed, and allows it; where the browser is sent then."""
    sent_to = _person("open", url=url)["sent_to"]
    assert sent_to.startswith(REDIRECT + "?"), sent_to
    return sent_to


def take_away():
    """The person takes this client's access away, on a page."""
    _person("take-away", client=CLIENT)


def discover():
    """The authorization server's own description."""
    return requests.get(f"{BASE}/.well-known/oauth-authorization-server", timeout=60).json()


def register(server):
    """RFC 7591, which these libraries leave to their users."""
    answer = requests.post(server["registration_endpoint"], json={"client_name": CLIENT, "redirect_uris": [REDIRECT]}, timeout=60)
    assert answer.status_code == 201, answer.text
    return answer.json()["client_id"]


def later(hours):
    """From now on, this program's clock is ahead."""
    real = time.time
    time.time = lambda: real() + hours * 3600
