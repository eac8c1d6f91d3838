"""The official Python MCP client logs in by its own OAuth provider, stays logged in, is thrown out, logs in again."""
import contextlib
import sys
import traceback
from urllib.parse import parse_qs, urlsplit

import anyio
import httpx2
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientMetadata

from oauth_person import BASE, CLIENT, REDIRECT, later, open_link, take_away


class Storage:
    tokens = client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


class Program:
    def __init__(self):
        self.storage, self.asked, self.callback = Storage(), 0, None

    async def redirect(self, url):
        self.asked += 1
        self.callback = await anyio.to_thread.run_sync(open_link, url)

    async def answer(self):
        given = {name: values[0] for name, values in parse_qs(urlsplit(self.callback).query).items()}
        return AuthorizationCodeResult(code=given["code"], state=given["state"], iss=given["iss"])

    @contextlib.asynccontextmanager
    async def started(self):
        """As the program does each time it is started: with what it has stored."""
        metadata = OAuthClientMetadata(client_name=CLIENT, redirect_uris=[REDIRECT])
        provider = OAuthClientProvider(f"{BASE}/mcp", metadata, self.storage, self.redirect, self.answer)
        async with httpx2.AsyncClient(auth=provider, timeout=60) as http:
            async with Client(streamable_http_client(f"{BASE}/mcp", http_client=http), mode="auto") as client:
                yield client


async def main():
    program = Program()

    async def works(client):
        result = await client.call_tool("list_calendars", {})
        assert not result.is_error and result.structured_content["calendars"], result

    async with program.started() as client:
        assert program.asked == 1, program.asked
        await works(client)
        first = program.storage.tokens
        later(hours=2)
        await works(client)
        second = program.storage.tokens
        assert program.asked == 1 and second.refresh_token != first.refresh_token, "it refreshed by itself"

        await anyio.to_thread.run_sync(take_away)
        # This client asks the person by itself, in the middle of the call.
        await works(client)
        assert program.asked == 2, program.asked

    # Another start of the program: nobody is asked.
    async with program.started() as client:
        await works(client)
    assert program.asked == 2, program.asked


if __name__ == "__main__":
    try:
        anyio.run(main)
    except Exception:
        traceback.print_exc()
        sys.exit(1)
