"""The official Python MCP client on a Deputy's `/mcp`, in both protocol eras.

The environment says whose: DEPUTY_URL; ALICE, her client's ALICE_TOKEN (everything connected) and her own
ALICE_DECIDES, which may approve; BOB and BOB_TOKEN (the calendar alone). Exits with 1 at the first thing that
is not as it should be.
"""
import contextlib
import os
import secrets
import sys
import traceback

import anyio
import httpx2
import mcp_types as types
import requests
from mcp import Client, StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

URL = os.environ["DEPUTY_URL"].rstrip("/")
# The program, where the client is to start a bridge to the server instead of speaking HTTP itself.
BRIDGE = os.environ.get("BRIDGE")
ALICE, BOB = ((os.environ[name], os.environ[name + "_TOKEN"]) for name in ("ALICE", "BOB"))
HERSELF = (ALICE[0], os.environ["ALICE_DECIDES"])
DAY = {"time_min": "2026-12-01T00:00:00Z", "time_max": "2026-12-02T00:00:00Z"}


def rest(person, verb, path, **body):
    headers = {"Authorization": f"Bearer {person[1]}"}
    answer = requests.request(verb, f"{URL}/api/v1/{path}", json=body or None, headers=headers, timeout=60)
    assert answer.json()["success"], answer.text
    return answer.json()["data"]


@contextlib.asynccontextmanager
async def connected(person, mode, **options):
    if BRIDGE:
        env = {"DEPUTY_URL": URL, "DEPUTY_TOKEN": person[1], "XDG_CONFIG_HOME": "/nowhere"}
        bridge = StdioServerParameters(command=BRIDGE, args=["bridge"], env=env)
        async with Client(stdio_client(bridge), mode=mode, **options) as client:
            yield client
        return
    headers = {"Authorization": f"Bearer {person[1]}"}
    # A client of its own per person; the timeout has to be longer than a call that waits for somebody.
    async with httpx2.AsyncClient(headers=headers, timeout=60) as http:
        async with Client(streamable_http_client(f"{URL}/mcp", http_client=http), mode=mode, **options) as client:
            yield client


def mail(subject):
    return {"to": f"{ALICE[0]}@sandbox.test", "subject": subject, "body": "Готово"}


def event(summary):
    return {"summary": summary, "start_time": "2026-12-01T10:00:00+04:00", "end_time": "2026-12-01T11:00:00+04:00"}


async def names(client):
    listed = await client.list_tools()
    for tool in listed.tools:
        assert tool.title and tool.description and tool.input_schema["type"] == "object", tool
        assert tool.output_schema and tool.annotations.read_only_hint is not None, tool
    return [tool.name for tool in listed.tools]


async def lists_and_calls(mode):
    async with connected(ALICE, mode) as alice, connected(BOB, mode) as bob:
        modern = mode != "legacy"
        assert (alice.protocol_version == "2026-07-28") == modern, alice.protocol_version
        assert alice.server_info is None or alice.server_info.name == "deputy"
        for person, client in ((ALICE, alice), (BOB, bob)):
            assert await names(client) == [tool["name"] for tool in rest(person, "GET", "tools")]
        assert "send_email" in await names(alice)
        assert "list_calendars" in await names(bob) and "send_email" not in await names(bob)

        # The same title in two calendars: two events, each its person's.
        title = "Встреча " + secrets.token_hex(4)
        made = [await client.call_tool("create_calendar_event", event(title)) for client in (alice, bob)]
        ids = [result.structured_content["event"]["id"] for result in made]
        for client, own, other in ((alice, *ids), (bob, *reversed(ids))):
            listed = await client.call_tool("list_calendar_events", DAY | {"query": title})
            assert not listed.is_error and [e["id"] for e in listed.structured_content["events"]] == [own], listed
            stranger = await client.call_tool("get_calendar_event", {"event_id": other})
            assert stranger.is_error, stranger

        refused = await bob.call_tool("send_email", mail("never"))
        assert refused.is_error and "NOT_CONNECTED" in refused.content[0].text, refused
        wrong = await alice.call_tool("list_calendar_events", {"time_min": 5, "time_max": "x"})
        assert wrong.is_error and "/time_min" in wrong.content[0].text, wrong
        try:
            await alice.call_tool("no_such_tool", {})
            raise AssertionError("a tool that does not exist was called")
        except MCPError as error:
            assert error.error.code == -32602, error


async def asks_by_url(mode):
    """The client opens links: the person decides there, and the call goes on."""
    decisions, seen = [], []

    async def opened(_context, params):
        assert isinstance(params, types.ElicitRequestURLParams), params
        assert params.url.startswith(f"{URL}/approvals"), params
        [waiting] = [a for a in rest(ALICE, "GET", "approvals") if a["status"] == "pending"]
        assert waiting["id"] in params.url and waiting["tool"] == "send_email", (waiting, params.url)
        seen.append(waiting["id"])
        decision, action = decisions.pop(0)
        if decision:
            await anyio.to_thread.run_sync(lambda: rest(HERSELF, "POST", f"approvals/{waiting['id']}", decision=decision))
        return types.ElicitResult(action=action)

    subject = "By link " + secrets.token_hex(4)
    async with connected(ALICE, mode, elicitation_callback=opened) as alice:
        decisions.append(("approve", "accept"))
        sent = await alice.call_tool("send_email", mail(subject))
        assert not sent.is_error and sent.structured_content["message_id"], sent
        # Once: the same call is a new question.
        decisions.append(("reject", "accept"))
        rejected = await alice.call_tool("send_email", mail(subject))
        assert rejected.is_error, rejected
        decisions.append((None, "decline"))
        declined = await alice.call_tool("send_email", mail(subject))
        assert declined.is_error and "APPROVAL_REQUIRED" in declined.content[0].text, declined
        assert seen[-1] in declined.content[0].text and len(set(seen)) == 3, (seen, declined)
        rest(HERSELF, "POST", f"approvals/{seen[-1]}", decision="reject")
        assert not decisions

        steps = []

        async def progress(done, total, _message):
            steps.append((done, total))

        found = await alice.call_tool("search_emails", {"query": f'subject:"{subject}" in:inbox'}, progress_callback=progress)
        assert [m["subject"] for m in found.structured_content["emails"]] == [subject], found
        assert steps and steps == sorted(steps) and all(0 <= done <= total for done, total in steps), steps


async def asks_by_text(mode):
    """The client opens no links: the model gets one to pass on, and repeats the call."""
    subject = "By text " + secrets.token_hex(4)
    async with connected(ALICE, mode) as alice:
        for _ in range(2):
            asked = await alice.call_tool("send_email", mail(subject))
            again = await alice.call_tool("send_email", mail(subject))
            for answer in (asked, again):
                assert answer.is_error and f"{URL}/approvals" in answer.content[0].text, answer
            [waiting] = [a for a in rest(ALICE, "GET", "approvals") if a["status"] == "pending"]
            assert waiting["id"] in asked.content[0].text and waiting["id"] in again.content[0].text
            rest(HERSELF, "POST", f"approvals/{waiting['id']}", decision="approve")
            sent = await alice.call_tool("send_email", mail(subject))
            assert not sent.is_error and sent.structured_content["message_id"], sent
        found = await alice.call_tool("search_emails", {"query": f'subject:"{subject}" in:inbox'})
        assert len(found.structured_content["emails"]) == 2, found


async def hears_of_changes(mode, service, tool):
    """A connection goes: its person's client hears of it, nobody else's does."""
    heard = {"alice": 0, "bob": 0}
    changed = anyio.Event()

    def listener(name):
        async def handle(message):
            if isinstance(message, types.ToolListChangedNotification) or isinstance(getattr(message, "root", None), types.ToolListChangedNotification):
                heard[name] += 1
                if name == "alice":
                    changed.set()

        return handle

    async def listen(client, name, ready):
        async with client.listen(tools_list_changed=True) as events:
            ready.set()
            async for _ in events:
                heard[name] += 1
                if name == "alice":
                    changed.set()

    legacy = mode == "legacy"
    options = lambda name: {"message_handler": listener(name)} if legacy else {}
    async with connected(ALICE, mode, **options("alice")) as alice, connected(BOB, mode, **options("bob")) as bob:
        async with anyio.create_task_group() as tasks:
            if not legacy:
                for client, name in ((alice, "alice"), (bob, "bob")):
                    ready = anyio.Event()
                    tasks.start_soon(listen, client, name, ready)
                    await ready.wait()
            assert tool in await names(alice)
            before = await names(bob)
            with anyio.fail_after(30):
                # An older client's stream may come after its first answer; what came before it is kept for it.
                await anyio.to_thread.run_sync(lambda: rest(ALICE, "DELETE", f"integrations/google?service={service}"))
                await changed.wait()
            assert tool not in await names(alice) and "list_calendars" in await names(alice)
            assert await names(bob) == before and heard["bob"] == 0, heard
            tasks.cancel_scope.cancel()


async def main():
    for mode, service, tool in (("legacy", "drive", "create_document"), ("auto", "gmail", "send_email")):
        for check in (lists_and_calls(mode), asks_by_url(mode), asks_by_text(mode), hears_of_changes(mode, service, tool)):
            name = check.__name__
            await check
            print(f"ok {mode}: {name}", flush=True)


if __name__ == "__main__":
    try:
        anyio.run(main)
    except Exception:
        traceback.print_exc()
        sys.exit(1)
