"""Checks recorded exchanges with a Google against Google's own discovery documents.

usage: check_discovery.py [--answers-only] FILE

FILE is what recorder.py wrote. A request has to be one that the documents describe: a known method, all
required parameters, no unknown or deprecated ones, values in their types and enums, a body in the schema
with what the schema requires of it, a `fields` mask that names what is there. An answer has to be in the
method's schema, within the mask, with the status that its body says. With --answers-only the requests are
taken as they are (they may be wrong on purpose). Prints each violation once and how often it was found;
the exit code is 1 if there is one, or if nothing was checked.
"""
import base64
import collections
import datetime
import email.parser
import email.policy
import gzip
import json
import re
import sys
import urllib.parse

from google_people import document

APIS = ("calendar.v3", "gmail.v1", "drive.v3", "docs.v1", "oauth2.v2")
# No API: pages, OAuth, the control endpoint.
OTHER = re.compile(r"/(o/oauth2/|token$|revoke$|control/|$)")
INTEGERS = {
    "int32": (-(2**31), 2**31 - 1), "uint32": (0, 2**32 - 1), "int64": (-(2**63), 2**63 - 1), "uint64": (0, 2**64 - 1),
}
UPLOADS = {"media", "multipart", "resumable"}


class Wrong(Exception):
    """What a value is not."""


class Api:
    """A discovery document: its methods by verb and path, and its schemas."""

    def __init__(self, name):
        self.name, self.document = name, document(name)
        self.schemas, self.common = self.document["schemas"], self.document["parameters"]
        self.methods = list(self.collect(self.document))

    def collect(self, resource):
        for method in resource.get("methods", {}).values():
            plain = "/" + self.document["servicePath"] + method["path"]
            paths = [(plain, None)]
            for protocol, spec in method.get("mediaUpload", {}).get("protocols", {}).items():
                paths.append((spec["path"], protocol))
            for path, upload in paths:
                yield method, self.pattern(path), upload
        for child in resource.get("resources", {}).values():
            yield from self.collect(child)

    @staticmethod
    def pattern(path):
        parts = re.split(r"\{(\+?\w+)\}", path)
        out = ""
        for n, part in enumerate(parts):
            out += re.escape(part) if n % 2 == 0 else f"(?P<{part.lstrip('+')}>{'.+' if part[0] == '+' else '[^/]+'})"
        return re.compile(out)

    def find(self, verb, path):
        for method, pattern, upload in self.methods:
            found = pattern.fullmatch(path)
            if found and method["httpMethod"] == verb:
                yield self, method, found.groupdict(), upload is not None


class Checker:
    def __init__(self, answers_only):
        self.answers_only = answers_only
        self.apis = [Api(name) for name in APIS]
        self.violations, self.seen = collections.Counter(), collections.Counter()

    # Values

    def scalar(self, spec, value, text=False):
        """A plain value of a schema, or of a parameter (`text`), where everything is written as text."""
        kind, form = spec.get("type"), spec.get("format")
        if kind == "boolean":
            if value not in (("true", "false") if text else (True, False)) or isinstance(value, int) and not isinstance(value, bool):
                raise Wrong("is no boolean")
        elif kind in ("integer", "number"):
            if text:
                try:
                    value = int(value) if kind == "integer" else float(value)
                except ValueError:
                    raise Wrong(f"is no {kind}") from None
            if isinstance(value, bool) or not isinstance(value, int if kind == "integer" else (int, float)):
                raise Wrong(f"is no {kind}")
            low, high = INTEGERS.get(form, (None, None))
            low, high = int(spec.get("minimum", low or -(2**63))), int(spec.get("maximum", high or 2**63))
            if kind == "integer" and not low <= value <= high:
                raise Wrong(f"is not within {low} and {high}")
        elif kind == "string":
            if not isinstance(value, str):
                raise Wrong("is no string")
            self.string(form, value)
            if "enum" in spec and value not in spec["enum"]:
                raise Wrong(f"is {value!r}, none of the enum")
            if "pattern" in spec and not re.fullmatch(spec["pattern"], value):
                raise Wrong(f"does not match {spec['pattern']}")
        else:
            raise Wrong(f"has the type {kind!r}, which this checker does not know")

    @staticmethod
    def string(form, value):
        if form in INTEGERS:
            low, high = INTEGERS[form]
            if not re.fullmatch(r"-?\d+", value) or not low <= int(value) <= high:
                raise Wrong(f"is no {form} in a string")
        elif form in ("date-time", "google-datetime"):
            try:
                moment = datetime.datetime.fromisoformat(value)
            except ValueError:
                raise Wrong("is no time") from None
            # An event's time that has a zone beside it may go without an offset.
            if not re.match(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d", value):
                raise Wrong("is no RFC 3339 time")
            return moment
        elif form == "date":
            if not re.fullmatch(r"\d{4}-\d\d-\d\d", value):
                raise Wrong("is no date")
        elif form == "byte":
            if not re.fullmatch(r"[A-Za-z0-9_-]*={0,2}|[A-Za-z0-9+/]*={0,2}", value):
                raise Wrong("is no base64")
        elif form not in (None, "google-fieldmask", "google-duration"):
            raise Wrong(f"has the format {form!r}, which this checker does not know")
        return None

    def value(self, api, spec, value, at, method, sent):
        """A value of a body. `sent`: of a request."""
        if "$ref" in spec:
            spec = api.schemas[spec["$ref"]]
        kind = spec.get("type")
        if kind == "any":
            return
        if kind == "array":
            if not isinstance(value, list):
                return self.wrong(method, f"{at} is no array")
            for item in value:
                self.value(api, spec["items"], item, at + "[]", method, sent)
        elif kind == "object" or "properties" in spec:
            self.object(api, spec, value, at, method, sent)
        else:
            if value is None and sent:
                return None  # the field is to be cleared, or as if it were not there
            try:
                self.scalar(spec, value)
            except Wrong as wrong:
                self.wrong(method, f"{at} {wrong}")
        return None

    def object(self, api, spec, value, at, method, sent):
        if not isinstance(value, dict):
            if not (value is None and sent):
                self.wrong(method, f"{at} is no object")
            return
        properties, others = spec.get("properties", {}), spec.get("additionalProperties")
        for name, item in value.items():
            inner = properties.get(name, others)
            if inner is None:
                self.wrong(method, f"{at}.{name} is not in the schema {spec.get('id', '')}".rstrip())
                continue
            if sent and inner.get("deprecated"):
                self.wrong(method, f"{at}.{name} is deprecated")
            self.value(api, inner, item, f"{at}.{name if name in properties else '*'}", method, sent)
        if sent and not at.endswith("(beside media)"):
            for name, inner in properties.items():
                if method in inner.get("annotations", {}).get("required", []) and name not in value:
                    self.wrong(method, f"{at}.{name} is required")

    # Masks

    def mask(self, api, schema, text, method):
        """What a `fields` mask names, as nested dicts; a leaf is everything under it."""
        parser = Mask(text)
        try:
            tree = parser.parse()
        except Wrong as wrong:
            self.wrong(method, f"fields={text}: {wrong}")
            return None
        self.named(api, {"$ref": schema} if schema else {}, tree, "fields", method)
        return tree

    def named(self, api, spec, tree, at, method):
        while "$ref" in spec or spec.get("type") == "array":
            spec = api.schemas[spec["$ref"]] if "$ref" in spec else spec["items"]
        for name, inner in tree.items():
            known = spec.get("properties", {}).get(name, spec.get("additionalProperties"))
            if name == "*":
                continue
            if known is None:
                self.wrong(method, f"{at}: {name} is not in the schema {spec.get('id', '')}".rstrip())
            else:
                self.named(api, known, inner, f"{at}/{name}", method)

    def within(self, value, tree, at, method):
        if not tree:
            return
        if isinstance(value, list):
            for item in value:
                self.within(item, tree, at, method)
        elif isinstance(value, dict) and "*" not in tree:
            for name, item in value.items():
                if name not in tree:
                    self.wrong(method, f"{at}.{name} was not asked for by fields")
                else:
                    self.within(item, tree[name], f"{at}.{name}", method)

    # Exchanges

    def wrong(self, method, what, request=False):
        if not (request and self.answers_only):
            self.violations[f"{method}: {what}"] += 1

    def parameters(self, api, method, path, query, upload):
        id, known = method["id"], method.get("parameters", {})
        given = collections.defaultdict(list)
        for name, value in query + list(path.items()):
            given[name].append(value)
        for name, spec in known.items():
            if spec.get("required") and name not in given:
                self.wrong(id, f"the parameter {name} is required", True)
        for name, values in given.items():
            spec = known.get(name, api.common.get(name))
            if upload and name in ("uploadType", "upload_id"):
                if name == "uploadType" and values[0] not in UPLOADS:
                    self.wrong(id, f"uploadType is {values[0]}", True)
                continue
            if spec is None:
                self.wrong(id, f"the parameter {name} is unknown", True)
                continue
            if name in ("oauth_token", "access_token", "key"):
                self.wrong(id, f"the parameter {name} puts a credential into a URL", True)
            if spec.get("deprecated"):
                self.wrong(id, f"the parameter {name} is deprecated", True)
            if len(values) > 1 and not spec.get("repeated"):
                self.wrong(id, f"the parameter {name} is given {len(values)} times", True)
            for value in values:
                try:
                    # Google takes `alt=media` where there is media, though no document lists it in the enum of drive.
                    if not (name == "alt" and value == "media" and method.get("supportsMediaDownload")):
                        self.scalar(spec, value, text=True)
                    if spec.get("format") == "date-time" and self.string("date-time", value).tzinfo is None:
                        raise Wrong("has no offset")
                except Wrong as wrong:
                    self.wrong(id, f"the parameter {name} {wrong}", True)
        return {name: values[0] for name, values in given.items()}

    def sent(self, api, method, entry, given, upload):
        """The body of a request: JSON in the schema, or media beside it."""
        id, body = method["id"], body_of(entry["request"])
        kind = entry["request"]["headers"].get("content-type", "")
        if upload and "upload_id" in given:
            return  # bytes of a session
        if upload and given.get("uploadType") == "media":
            return self.media(method, kind, len(body))
        if upload and given.get("uploadType") == "multipart":
            parts = parts_of(kind, body)
            if parts is None or len(parts) != 2:
                return self.wrong(id, "a multipart upload is multipart/related of two parts", True)
            (kind, body), (media, content) = parts
            self.media(method, media, len(content))
        elif upload and given.get("uploadType") == "resumable":
            self.media(method, entry["request"]["headers"].get("x-upload-content-type", ""), 0)
        if "request" not in method:
            if body:
                self.wrong(id, "a body was sent to a method without one", True)
            return None
        if body and not kind.startswith("application/json"):
            return self.wrong(id, f"a body of the type {kind or 'nothing'}", True)
        try:
            value = json.loads(body or b"{}")
        except ValueError:
            return self.wrong(id, "a body that is no JSON", True)
        # What a schema requires may be in the media instead: a message as a file has no `raw`.
        at = method["request"]["$ref"] + (" (beside media)" if upload else "")
        self.value(api, method["request"], value, at, id, True)
        return None

    def media(self, method, kind, size):
        spec = method["mediaUpload"]
        accepted = spec.get("accept", ["*/*"])
        plain = kind.split(";")[0].strip()
        if "/" not in plain or not any(re.fullmatch(a.replace("*", ".*"), plain) for a in accepted):
            self.wrong(method["id"], f"media of the type {plain or 'nothing'}", True)
        if size > int(spec.get("maxSize", 2**63)):
            self.wrong(method["id"], "more media than the method takes", True)

    def answered(self, api, method, entry, given, upload, tree):
        id, status, body = method["id"], entry["status"], body_of(entry["response"])
        headers = entry["response"]["headers"]
        if status == 308 and upload or status == 304:
            return
        if status >= 400:
            return self.refusal(api, id, status, headers, body)
        if given.get("alt") == "media" or id in ("drive.files.export",):
            return
        if upload and given.get("uploadType") == "resumable" and "upload_id" not in given:
            if not headers.get("location"):
                self.wrong(id, "no Location of the upload")
            return
        if "response" not in method:
            if body or status not in (200, 204):
                self.wrong(id, f"a method without an answer answered {status} with {len(body)} bytes")
            return
        if not headers.get("content-type", "").startswith("application/json"):
            self.wrong(id, f"answered {status} as {headers.get('content-type')}")
            return
        value = json.loads(body)
        self.value(api, method["response"], value, method["response"]["$ref"], id, False)
        if tree:
            self.within(value, tree, method["response"]["$ref"], id)

    def refusal(self, api, id, status, headers, body):
        if not headers.get("content-type", "").startswith("application/json"):
            return self.wrong(id, f"refused with {status} as {headers.get('content-type')}")
        error = json.loads(body).get("error")
        if not isinstance(error, dict) or error.get("code") != status or not isinstance(error.get("message"), str):
            return self.wrong(id, f"refused with {status}, and the error says {error}")
        if set(error) - {"code", "message", "status", "errors", "details"}:
            self.wrong(id, f"the error has {sorted(error)}")
        if api.name == "docs.v1":
            if not re.fullmatch("[A-Z_]+", error.get("status", "")):
                self.wrong(id, "an error of Docs has a status")
        elif not error.get("errors") or any(not {"domain", "reason", "message"} <= set(e) for e in error["errors"]):
            self.wrong(id, f"the error's list is {error.get('errors')}")
        return None

    def exchange(self, entry):
        split = urllib.parse.urlsplit(entry["target"])
        path = urllib.parse.unquote(split.path)
        if OTHER.match(split.path):
            return
        verbs = [entry["method"]]
        if entry["method"] == "PUT" and "upload_id=" in split.query:
            verbs = ["POST", "PATCH", "PUT"]  # bytes for a session that such a request began
        found = [f for api in self.apis for verb in verbs for f in api.find(verb, path)]
        if not found:
            # On purpose, where requests may be wrong; there is nothing then to say of the answer.
            return self.wrong(f"{entry['method']} {split.path}", "no method of any API", True)
        api, method, names, upload = found[0]
        query = urllib.parse.parse_qsl(split.query, keep_blank_values=True)
        given = self.parameters(api, method, names, query, upload)
        before = self.violations.copy()
        tree = self.mask(api, method.get("response", {}).get("$ref"), given["fields"], method["id"]) if "fields" in given else None
        self.sent(api, method, entry, given, upload)
        if self.answers_only:
            self.violations = before
        if entry["status"] is not None:
            self.answered(api, method, entry, given, upload, tree)
        self.seen[method["id"]] += 1
        return None


class Mask:
    """A `fields` mask: `a,b/c,d(e,f)`."""

    def __init__(self, text):
        self.tokens = re.findall(r"[\w.*-]+|[/,()]|.", text)

    def parse(self):
        tree = self.several()
        if self.tokens:
            raise Wrong(f"{self.tokens[0]!r} is too much")
        return tree

    def several(self):
        tree = {}
        while True:
            self.one(tree)
            if self.tokens[:1] != [","]:
                return tree
            self.tokens.pop(0)

    def one(self, tree):
        if not self.tokens or not re.fullmatch(r"[\w.*-]+", self.tokens[0]):
            raise Wrong("a name is missing")
        inner = tree.setdefault(self.tokens.pop(0), {})
        if self.tokens[:1] == ["/"]:
            self.tokens.pop(0)
            self.one(inner)
        elif self.tokens[:1] == ["("]:
            self.tokens.pop(0)
            inner.update(self.several())
            if self.tokens[:1] != [")"]:
                raise Wrong("a parenthesis is not closed")
            self.tokens.pop(0)


def body_of(message):
    body = base64.b64decode(message["body"])
    return gzip.decompress(body) if body and message["headers"].get("content-encoding") == "gzip" else body


def parts_of(kind, body):
    """The parts of a multipart/related body: type and bytes of each."""
    if not kind.startswith("multipart/related"):
        return None
    parser = email.parser.BytesParser(policy=email.policy.HTTP)
    message = parser.parsebytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body)
    if not message.is_multipart() or message.defects:
        return None
    return [(p.get("content-type", ""), p.get_payload(decode=True) or b"") for p in message.iter_parts()]


def main():
    answers_only = sys.argv[1] == "--answers-only"
    checker = Checker(answers_only)
    with open(sys.argv[-1], encoding="utf-8") as file:
        for line in file:
            checker.exchange(json.loads(line))
    for method, count in sorted(checker.seen.items()):
        print(f"{count:5} {method}")
    for what, count in checker.violations.most_common():
        print(f"WRONG {what} ({count}x)")
    print(f"{sum(checker.seen.values())} exchanges of {len(checker.seen)} methods, {len(checker.violations)} violations")
    sys.exit(1 if checker.violations or not checker.seen else 0)


if __name__ == "__main__":
    main()
