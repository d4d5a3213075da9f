#!/usr/bin/env python3
"""Writes src/fields/types.txt and src/fields/numbers.txt from the Go modules of a Kubernetes release.

    go mod download k8s.io/api@v0.36.3 k8s.io/apimachinery@v0.36.3 k8s.io/client-go@v0.36.3
    tools/fields.py ~/go/pkg/mod/k8s.io v0.36.3

Types and list keys come from the schema that client-go carries for server-side apply, patch strategies from the tags in
types.go, numbers from generated.proto. What client-go doesn't have stands in tools/by_hand.txt.
Needs PyYAML. The formats are described in src/fields/mod.rs and src/fields/wire.rs.
"""

import glob
import pathlib
import re
import sys

import yaml

ROOTS = """
core.v1 Namespace Pod Service Endpoints ConfigMap Secret Event ServiceAccount Node PersistentVolume
core.v1 PersistentVolumeClaim ReplicationController LimitRange ResourceQuota
apps.v1 Deployment ReplicaSet DaemonSet StatefulSet ControllerRevision
autoscaling.v2 HorizontalPodAutoscaler
networking.v1 Ingress IngressClass NetworkPolicy
discovery.v1 EndpointSlice
coordination.v1 Lease
policy.v1 PodDisruptionBudget Eviction
rbac.v1 Role RoleBinding ClusterRole ClusterRoleBinding
events.v1 Event
batch.v1 Job CronJob
"""
META = "io.k8s.apimachinery.pkg.apis.meta.v1."
SCALARS = {"string": "string", "numeric": "number", "boolean": "bool", "untyped": "any"}
NAMED_SCALARS = {
    "Time": "time", "MicroTime": "time", "FieldsV1": "any", "RawExtension": "any",
    "Quantity": "quantity", "IntOrString": "int-or-string",
}
# Lists that Go never leaves out, so that nobody owns their presence.
PLAIN_LISTS = {("io.k8s.api.core.v1.PodSpec", "containers")}

modules, version = pathlib.Path(sys.argv[1]), sys.argv[2]
here = pathlib.Path(__file__).parent.parent


def module(name):
    return modules / f"{name}@{version}"


def read_schema():
    source = (module("client-go") / "applyconfigurations/internal/internal.go").read_text()
    text = source.split("typed.YAMLObject(`", 1)[1].rsplit("`)", 1)[0]
    return {one["name"]: one for one in yaml.load(text, Loader=yaml.CSafeLoader)["types"]}


def read_tags():
    """(type, field) -> (strategies, merge key)"""
    tags = {}
    files = glob.glob(f"{module('api')}/*/*/types.go") + [f"{module('apimachinery')}/pkg/apis/meta/v1/types.go"]
    for file in files:
        group, api = file.split("/")[-3:-1]
        prefix = META if "apimachinery" in file else f"io.k8s.api.{group}.{api}."
        struct = None
        for line in open(file):
            if opened := re.match(r"type (\w+) struct", line):
                struct = opened.group(1)
            strategy = re.search(r'patchStrategy:"([^"]*)"', line)
            name = re.search(r'json:"([^",]*)', line)
            if strategy and name:
                key = re.search(r'patchMergeKey:"([^"]*)"', line)
                tags[(prefix + struct, name.group(1))] = (strategy.group(1).split(","), key and key.group(1))
    return tags


def short(name):
    if match := re.match(r"io\.k8s\.api\.(\w+)\.(\w+)\.(\w+)$", name):
        return "%s/%s.%s" % match.groups()
    last = name.split(".")[-1]
    return NAMED_SCALARS.get(last, f"meta/v1.{last}")


def form(of, queue):
    """The form of a value and the flags that its field gets for it."""
    if "namedType" in of:
        if of["namedType"].startswith("__untyped"):
            return "any", []
        name = short(of["namedType"])
        if "/" in name:
            queue.append(of["namedType"])
        return name, ["atomic"] if of.get("elementRelationship") == "atomic" else []
    if "list" in of:
        item, _ = form(of["list"]["elementType"], queue)
        if of["list"].get("elementRelationship", "atomic") == "atomic":
            return f"[]{item}", []
        keys = of["list"].get("keys")
        return f"[]{item}", ["keys=" + ",".join(keys)] if keys else ["set"]
    if "map" in of:
        value, _ = form(of["map"]["elementType"], queue)
        return "{}" + value, ["atomic"] if of["map"].get("elementRelationship") == "atomic" else []
    return SCALARS[of["scalar"]], []


def field_line(owner, field, tags, queue):
    of, flags = form(field["type"], queue)
    strategies, key = tags.get((owner, field["name"]), ([], None))
    if "merge" in strategies and of.startswith("[]"):
        flags.append(f"merge={key}" if key else "merge")
    flags += [word for word, strategy in [("retain", "retainKeys"), ("replace", "replace")] if strategy in strategies]
    if (field.get("default") == {} and "/" in of and of[0] not in "[{") or (owner, field["name"]) in PLAIN_LISTS:
        flags.append("plain")
    if field.get("default") not in ("", 0, {}, False, None):
        flags.append(f"default={field['default']}")
    return " ".join([f" {field['name']}", of, *flags])


def types_text():
    schema, tags = read_schema(), read_tags()
    queue = [META + "DeleteOptions"]
    for line in ROOTS.split("\n"):
        api, *kinds = line.split() or [""]
        queue += [f"io.k8s.api.{api}.{kind}" for kind in kinds]
    done = {}
    while queue:
        name = queue.pop()
        if name in done:
            continue
        of = schema[name]["map"]
        done[name] = None
        head = short(name) + (" atomic" if of.get("elementRelationship") == "atomic" else "")
        done[name] = [head] + [field_line(name, field, tags, queue) for field in of.get("fields", [])]
    lines = [line for name in sorted(done, key=short) for line in done[name]]
    return "\n".join(lines) + "\n" + (here / "tools/by_hand.txt").read_text()


def package(name):
    group, api = name.split(".")[0].split("/")
    if group == "meta":
        return module("apimachinery") / "pkg/apis/meta/v1"
    return module("api") / group / api


def read_package(folder):
    """Messages with their fields, and the fields that are pointers in Go."""
    messages, pointers = {}, {}
    message = None
    for line in open(folder / "generated.proto"):
        if opened := re.match(r"message (\w+) \{", line):
            message = messages.setdefault(opened.group(1), [])
        elif line.startswith("}"):
            message = None
        elif message is not None:
            field = re.match(r"\s+(?:optional|repeated|)\s*(map<[^>]+>|[\w.]+) (\w+) = (\d+);", line)
            if field:
                message.append(field.groups())
    struct = None
    for line in open(folder / "types.go"):
        if opened := re.match(r"type (\w+) struct", line):
            struct = pointers.setdefault(opened.group(1), set())
        elif line.startswith("}"):
            struct = None
        elif struct is not None:
            field = re.match(r'\s+\w+\s+\*\S+\s+`.*json:"([^",]*)', line)
            if field:
                struct.add(field.group(1))
    return messages, pointers


def numbers_text(types):
    known, name = {}, None
    for line in types.splitlines():
        if line.startswith(" "):
            known[name].add(line.split()[0])
        else:
            name = line.split()[0]
            known[name] = set()
    out = {}

    def emit(title, message, folder, fields):
        messages, pointers = read_package(folder)
        lines = out.setdefault(title, [])
        for of, field, number in messages[message]:
            field = {"aPIGroup": "apiGroup"}.get(field, field)
            if field in fields:
                flag = " bytes" if "bytes" in of else " kept" if field in pointers.get(message, ()) else ""
                lines.append(f" {number} {field}{flag}")
            elif re.fullmatch(r"[A-Z]\w*|\.?k8s\.io\.api\.core\.v1\.\w+", of):
                inner = of.split(".")[-1]
                nested = f"{title}+{inner}"
                emit(nested, inner, folder if "." not in of else module("api") / "core/v1", fields)
                if out[nested]:
                    lines.append(f" {number} +{inner}")

    for title, fields in known.items():
        if fields and not title.startswith("apiextensions/"):
            emit(title, title.split(".")[1], package(title), fields)
    return "".join("\n".join([title, *out[title]]) + "\n" for title in sorted(out) if out[title])


types = types_text()
(here / "src/fields/types.txt").write_text(types)
(here / "src/fields/numbers.txt").write_text(numbers_text(types))
