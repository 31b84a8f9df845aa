"""The contract's evidence: recordings that must be accepted, and changes that must be judged as is written."""

from __future__ import annotations

import copy
import re
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contract_cases import CASES

from cf_vectorize_contract import Fragment, Recording, Response, load_recording
from cf_vectorize_contract.document import METHODS
from cf_vectorize_contract.schema import references
from cf_vectorize_overlay import limits

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from contract_cases import Case

RECORDINGS = Path(__file__).parent / "recordings"
HOW = "docs/contract.md, Change the fragment"


def load_recordings(folder: Path = RECORDINGS) -> dict[str, Recording]:
    """Read every recording by its name; an empty folder is an error, for nothing would be tested."""
    recordings = {path.stem: load_recording(path) for path in sorted(folder.glob("*.yaml"))}
    if not recordings:
        raise ValueError(f"no recordings in {folder}")
    return recordings


def problems(fragment: Fragment, recording: Recording) -> set[str]:
    """Judge a recording as an exchange; as an answer where the source does not show the request."""
    assert recording.operation is not None
    assert recording.response is not None
    if recording.request is None:
        found = fragment.response_problems(recording.operation, recording.response)
    else:
        found = fragment.exchange_problems(recording.request, recording.response)
    return {f"{problem.place} {problem.path}".rstrip() + f" {problem.rule}" for problem in found}


def judged(fragment: Fragment, case: Case, base: Recording) -> set[str]:
    """Judge what a case changes: the request, the answer, or the exchange as a whole."""
    changed = case.change(base)
    if not case.whole and changed.request is base.request:
        return problems(fragment, Recording("", {}, base.operation, None, changed.response))
    if not case.whole and changed.response is base.response:
        # What is answered to no ids and no vectors goes with any request.
        nothing = {"insert": b'{"mutationId":"0000aaaa-11bb-22cc-33dd-444444eeeeee"}', "get_by_ids": b"[]"}
        body = b'{"success":true,"errors":[],"messages":[],"result":%s}' % nothing[str(base.operation)]
        changed = Recording(
            "", {}, base.operation, changed.request, Response(200, {"Content-Type": "application/json"}, body)
        )
    return problems(fragment, changed)


def disagreements(document: Mapping[str, Any], recordings: Mapping[str, Recording]) -> Iterator[str]:
    """Name whatever of the evidence a strict fragment of `document` judges otherwise than expected."""
    stated = {name.upper(): limit["value"] for name, limit in document["x-limits"].items()}
    if stated != {name: value for name, value in vars(limits).items() if type(value) is int}:
        yield "x-limits is not what cf_vectorize_overlay.limits says"
    fragment, published = Fragment(document, strict=True), Fragment(document)
    for recording in recordings.values():
        if said := problems(fragment, recording):
            yield f"{recording.name}: expected no problem, got {sorted(said)}"
    for case in CASES:
        said = judged(fragment, case, recordings[case.base])
        if said != case.strict:
            yield f"{case.name}: expected {sorted(case.strict)}, got {sorted(said)}"
        if case.open != case.strict and (said := judged(published, case, recordings[case.base])) != case.open:
            yield f"{case.name}: expected {sorted(case.open)} of the open contract, got {sorted(said)}"


def pending(document: Mapping[str, Any]) -> dict[str, str]:
    """Return the operations that are declared and not yet recorded, and why."""
    operations = [item[method] for item in document["paths"].values() for method in METHODS & item.keys()]
    return {o["operationId"]: o["x-not-recorded"] for o in operations if "x-not-recorded" in o}


def recorded_part(document: Mapping[str, Any]) -> dict[str, Any]:
    """Copy a document without the operations that are not yet recorded, and without what only they refer to."""
    part: dict[str, Any] = copy.deepcopy(dict(document))
    if not pending(document):
        return part
    for path, item in list(part["paths"].items()):
        for method in METHODS & item.keys():
            if "x-not-recorded" in item[method]:
                del item[method]
        if not METHODS & item.keys():
            del part["paths"][path]
    while True:
        used = set(references(part))
        unused = [
            (kind, name)
            for kind in part["components"].keys() - {"securitySchemes"}
            for name in part["components"][kind]
            if f"#/components/{kind}/{name}" not in used
        ]
        if not unused:
            return part
        for kind, name in unused:
            del part["components"][kind][name]


def missing(document: Mapping[str, Any], recordings: Mapping[str, Recording]) -> Iterator[str]:
    """Say for each operation of a document what it still lacks: a recording of each status that it describes."""
    for item in document["paths"].values():
        for method in METHODS & item.keys():
            operation = item[method]
            name = operation["operationId"]
            if name in pending(document):
                continue
            own = [r for r in recordings.values() if r.operation == name and r.response is not None]
            families = {f"{r.response.status // 100}XX" for r in own if r.response}
            seen = {str(r.response.status) for r in own if r.response} | families
            lacking = [status for status in operation["responses"] if status not in seen]
            if lacking:
                yield f"{name}: no recording with status {', '.join(lacking)} ({HOW})"


def untested(survivors: list[str], document: Mapping[str, Any]) -> Iterator[str]:
    """Group mutants that survived by the operation or the component that they are of."""
    names = {
        f"/paths/{path}/{method}": item[method]["operationId"]
        for path, item in document["paths"].items()
        for method in METHODS & item.keys()
    }
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for survivor in survivors:
        change, _, pointer = survivor.partition(" at ")
        of = next((prefix for prefix in names if pointer.startswith(prefix)), "/".join(pointer.split("/")[:4]))
        groups[names.get(of, of)].append(f"{change} at {pointer.removeprefix(of) or '/'}")
    for group, found in groups.items():
        yield f"{group}: nothing speaks for {len(found)} of its constraints ({HOW})"
        yield from (f"    {line}" for line in found)


SECRETS = re.compile(
    r"\b[0-9a-f]{32}\b"  # an account
    r"|Bearer (?!TOKEN\b)\S+|X-Auth-(?:Email|Key): (?!EMAIL\b|KEY\b)\S+"
    r"|[\w.]+@[\w.]+\.\w+"
    r"|\b(?!0{16})[0-9a-f]{16}-[A-Z]{3}\b"  # a ray
    r"|\b(?!0000aaaa-11bb)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"  # a mutation
    r"|(?<!commit )(?<![\w-])(?!cf-vectorize-)[\w-]{38,}"  # a token
)


def secrets_in(text: str) -> list[str]:
    """Return what looks like a credential or an identifier that belongs to somebody."""
    return SECRETS.findall(text)
