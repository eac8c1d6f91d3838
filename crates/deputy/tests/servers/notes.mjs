// A server over stdio without dependencies, of the older protocol. The file named by the last argument
// holds the description of its tool `read_note`, so that a test can play an upgrade; `hang` never answers, and
// `append` writes a line to `lines` beside that file and never answers.
import { appendFileSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";

const description = () => readFileSync(process.argv.at(-1), "utf8").trim();
const object = { type: "object", properties: {}, additionalProperties: false };
const reads = { readOnlyHint: true };

const answer = ({ method, params }) => {
  switch (method) {
    case "initialize":
      return {
        protocolVersion: "2025-11-25",
        capabilities: { tools: {} },
        serverInfo: { name: "notes", version: "1" },
      };
    case "ping":
      return {};
    case "tools/list":
      return {
        tools: [
          { name: "read_note", description: description(), inputSchema: object, annotations: reads },
          { name: "count", description: "Counts the notes", inputSchema: object, annotations: reads },
          { name: "write_note", description: "Writes a note", inputSchema: object },
          { name: "append", description: "Appends a line", inputSchema: object },
          { name: "hang", description: "Never answers", inputSchema: object, annotations: { readOnlyHint: false } },
        ],
      };
    case "tools/call":
      if (params.name === "append") {
        appendFileSync(join(dirname(process.argv.at(-1)), "lines"), `by ${process.pid}\n`);
        return undefined;
      }
      if (params.name === "hang") {
        console.error("hanging");
        return undefined;
      }
      return { content: [{ type: "text", text: `${params.name} by ${process.pid}` }] };
    default:
      throw new Error(`no such method: ${method}`);
  }
};

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  if (request.id === undefined) continue;
  let body;
  try {
    body = { result: answer(request) };
  } catch (error) {
    body = { error: { code: -32601, message: error.message } };
  }
  if (body.error || body.result) console.log(JSON.stringify({ jsonrpc: "2.0", id: request.id, ...body }));
}
