#!/usr/bin/env python3
"""Takes the operations that the forge room uses out of a forge's own description.

usage: trim.py github  api.github.com.json > github.json     (npm @octokit/openapi, generated/)
       trim.py forgejo swagger.v1.json     > forgejo.json    (crate forgejo-api)
"""
import json
import sys

GITHUB = """
GET /repos/{owner}/{repo}
GET /repos/{owner}/{repo}/issues
POST /repos/{owner}/{repo}/issues
PATCH /repos/{owner}/{repo}/issues/{issue_number}
GET /repos/{owner}/{repo}/issues/{issue_number}/comments
POST /repos/{owner}/{repo}/issues/{issue_number}/comments
POST /repos/{owner}/{repo}/statuses/{sha}
GET /repos/{owner}/{repo}/deployments
POST /repos/{owner}/{repo}/deployments
GET /repos/{owner}/{repo}/deployments/{deployment_id}/statuses
POST /repos/{owner}/{repo}/deployments/{deployment_id}/statuses
GET /repos/{owner}/{repo}/pulls
POST /repos/{owner}/{repo}/pulls
GET /repos/{owner}/{repo}/branches/{branch}
GET /repos/{owner}/{repo}/rules/branches/{branch}
"""
FORGEJO = """
GET /repos/{owner}/{repo}
GET /repos/{owner}/{repo}/issues
POST /repos/{owner}/{repo}/issues
PATCH /repos/{owner}/{repo}/issues/{index}
GET /repos/{owner}/{repo}/issues/{index}/comments
POST /repos/{owner}/{repo}/issues/{index}/comments
GET /repos/{owner}/{repo}/labels
POST /repos/{owner}/{repo}/labels
POST /repos/{owner}/{repo}/statuses/{sha}
GET /repos/{owner}/{repo}/pulls
POST /repos/{owner}/{repo}/pulls
GET /repos/{owner}/{repo}/branches/{branch}
"""
KEPT = {
    "type", "enum", "items", "properties", "required", "anyOf", "oneOf", "allOf", "additionalProperties",
    "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "pattern",
}
used = set()


def schema(node):
    """The schema without prose, in JSON Schema: `nullable` becomes a type, references lead to `#/schemas/`."""
    if isinstance(node, bool):
        return node
    if "$ref" in node:
        name = node["$ref"].rsplit("/", 1)[1]
        used.add(name)
        return {"$ref": "#/schemas/" + name}
    out = {}
    for key, value in node.items():
        if key not in KEPT:
            continue
        if key == "properties":
            value = {name: schema(one) for name, one in value.items()}
        elif key in ("items", "additionalProperties"):
            value = schema(value)
        elif key in ("anyOf", "oneOf", "allOf"):
            value = [schema(one) for one in value]
        out[key] = value
    if node.get("nullable"):
        if isinstance(out.get("type"), str) and "enum" not in out:
            out["type"] = [out["type"], "null"]
        else:
            out = {"anyOf": [out, {"type": "null"}]}
    return out


def resolved(document, node):
    while "$ref" in node:
        target = document
        for part in node["$ref"].lstrip("#/").split("/"):
            target = target[part]
        node = target
    return node


def operation(document, line, shared):
    method, path = line.split()
    item = document["paths"][path]
    what = item[method.lower()]
    out = {"method": method, "path": path, "query": {}, "body": None, "answers": {}}
    for one in item.get("parameters", []) + what.get("parameters", []):
        one = resolved(document, one)
        if one["in"] == "query":
            out["query"][one["name"]] = schema(one.get("schema", one))
        elif one["in"] == "body":
            out["body"] = schema(one["schema"])
    content = what.get("requestBody", {}).get("content", {})
    if content:
        out["body"] = schema(content["application/json"]["schema"])
    for status, answer in what["responses"].items():
        if not status.startswith("2"):
            continue
        answer = resolved(document, answer)
        json_answer = answer.get("content", {}).get("application/json", answer)
        if "schema" in json_answer:
            kept = {"schema": schema(json_answer["schema"])}
            examples = list(json_answer.get("examples", {}).values())
            if shared and isinstance(examples, list) and examples:
                kept["example"] = resolved(document, examples[0])["value"]
            out["answers"][status] = kept
    return out


def main():
    kind, path = sys.argv[1:]
    with open(path, encoding="utf-8") as file:
        document = json.load(file)
    github = kind == "github"
    found = document["components"]["schemas"] if github else document["definitions"]
    lines = (GITHUB if github else FORGEJO).split("\n")
    operations = [operation(document, line, github) for line in lines if line]
    schemas = {}
    while used - schemas.keys():
        for name in used - schemas.keys():
            schemas[name] = schema(found[name])
    info = document["info"]
    head = {"title": info["title"], "version": info["version"], "license": info["license"]}
    print("{\n\"info\": " + json.dumps(head, sort_keys=True) + ",\n\"operations\": [")
    print(",\n".join(json.dumps(one, sort_keys=True) for one in operations))
    print("],\n\"schemas\": {")
    print(",\n".join(json.dumps(name) + ": " + json.dumps(schemas[name], sort_keys=True) for name in sorted(schemas)))
    print("}\n}")


main()
