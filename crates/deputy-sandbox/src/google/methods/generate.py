#!/usr/bin/env python3
"""Writes methods.json from Google's discovery documents.

usage: generate.py DIR > methods.json
DIR holds calendar.v3.json, gmail.v1.json, drive.v3.json, docs.v1.json and oauth2.v2.json as Google's
Python client ships them (google-api-python-client, googleapiclient/discovery_cache/documents).

What is kept: of each method its id, verb, path, scopes, parameters, and the names of the request and
response schemas; of each schema the names of its properties and which schema each one refers to
(enough to check a `fields` mask). The fields' meaning is in methods.rs.
"""
import json
import pathlib
import sys

LEFT_OUT = ("cse", "smimeInfo", "teamdrives", "accessproposals", "approvals")
APIS = ("calendar.v3", "gmail.v1", "drive.v3", "docs.v1", "oauth2.v2")


def parameter(spec):
    out = {"in": spec["location"], "type": spec["type"]}
    for name in ("required", "repeated", "enum", "minimum", "maximum", "default", "format"):
        if name in spec and spec[name] is not False:
            out[name] = spec[name]
    return out


def refers(spec):
    """The schema that a property leads to: a name, "" for a plain value, "*" for any keys."""
    if "$ref" in spec:
        return spec["$ref"]
    if spec.get("type") == "array":
        return refers(spec["items"])
    if "additionalProperties" in spec or spec.get("type") == "any":
        return "*"
    if spec.get("type") == "object":
        return {name: refers(sub) for name, sub in spec.get("properties", {}).items()}
    return ""


def methods(api, resource, base, scopes):
    for name, m in resource.get("methods", {}).items():
        path = "/" + base + m["path"]
        out = {
            "id": m["id"],
            "http": m["httpMethod"],
            "path": path,
            "scopes": [scopes.setdefault(s, len(scopes)) for s in m.get("scopes", [])],
            "parameters": {k: parameter(p) for k, p in sorted(m.get("parameters", {}).items())},
        }
        if "request" in m:
            out["request"] = m["request"]["$ref"]
        if "response" in m:
            out["response"] = m["response"]["$ref"]
        if m.get("supportsMediaUpload"):
            out["upload"] = m["mediaUpload"]["protocols"]["simple"]["path"]
        if m.get("supportsMediaDownload"):
            out["download"] = True
        yield out
    for name, sub in resource.get("resources", {}).items():
        if name not in LEFT_OUT:
            yield from methods(api, sub, base, scopes)


def main():
    folder = pathlib.Path(sys.argv[1])
    scopes, apis = {}, []
    for file in APIS:
        doc = json.loads((folder / f"{file}.json").read_text())
        apis.append({
            "name": doc["name"],
            "version": doc["version"],
            "revision": doc["revision"],
            "methods": list(methods(doc["name"], doc, doc["servicePath"], scopes)),
            "schemas": {
                name: {k: refers(p) for k, p in spec.get("properties", {}).items()}
                for name, spec in doc["schemas"].items()
            },
        })
    lines = ["{", '"scopes":' + json.dumps(list(scopes), separators=(",", ":")) + ",", '"apis":[']
    for i, api in enumerate(apis):
        lines.append("{" + ",".join(f'"{k}":{json.dumps(api[k])}' for k in ("name", "version", "revision")) + ',"methods":[')
        lines.append(",\n".join(json.dumps(m, separators=(",", ":")) for m in api["methods"]))
        lines.append('],"schemas":{')
        lines.append(",\n".join(f"{json.dumps(n)}:{json.dumps(s, separators=(',', ':'))}" for n, s in api["schemas"].items()))
        lines.append("}}" + ("," if i + 1 < len(apis) else ""))
    lines.append("]}")
    print("\n".join(lines))


main()
