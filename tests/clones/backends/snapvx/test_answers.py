"""What answers say, from the case files `cases/snapvx/`."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from clones import errors
from clones.asking.steps import Request, Result
from clones.backends.snapvx import answers, jobs
from clones.backends.snapvx.outcomes import TEXTS, Outcome, classify, failure
from clones.errors import Unreadable
from tests.clones.backends.snapvx.written_unisphere import Unisphere, drive, scope
from tests.support.tables import load_yaml

CASES = Path(__file__).parents[2] / "cases" / "snapvx"
ANSWERS = load_yaml((CASES / "answers.yaml").read_text())
OUTCOMES = load_yaml((CASES / "outcomes.yaml").read_text())
JOBS = load_yaml((CASES / "jobs.yaml").read_text())
ARRAY = "000120000099"
OF_ARRAY = Request.to("unisphere_prod", "GET", f"/100/system/symmetrix/{ARRAY}")


def get(path: str) -> Request:
    """A look at something of the array; with a query, as `volume?storageGroupId=pp`."""
    path, _, query = path.partition("?")
    asked = ((*query.split("="),),) if query else ()
    whole = f"/100/replication/symmetrix/{ARRAY}/{path}"
    return Request.to("unisphere_prod", "GET", whole, query=asked, holder=OF_ARRAY)  # type: ignore[arg-type]


GET = get("storagegroup/prod/snapshot/SA_x/snapid/5")


def result(case: dict[str, Any]) -> Result:
    """The answer that a case writes down."""
    code = None if case["status"] == "none" else case["status"]
    body = json.dumps({"message": case["said"]}) if "said" in case else case.get("body", "")
    text = body if isinstance(body, str) else json.dumps(body)
    request = PUT if case.get("asked") == "a change" else get(case["asked"]) if "asked" in case else GET
    lost = "" if code else "no answer in 60 s"
    return Result(request, code, stdout=text, lost=lost, holder_there=case.get("array") == "there")


PUT = Request.to(
    "unisphere_prod", "PUT", GET.path, body="{}", changes=True, fence_host="lockhost",
)  # fmt: skip


def ids(case: dict[str, Any]) -> str:
    return f"{case.get('of', '')} {case['status']} {case.get('said') or case.get('body')}"[:70]


@pytest.mark.parametrize("case", OUTCOMES, ids=ids)
def test_outcome(case: dict[str, Any]) -> None:
    answer = result(case)
    assert classify(answer) is Outcome[case["is"]]
    if "error" in case:
        error = failure(answer, "It", consequence="Nothing was changed.")
        assert type(error) is getattr(errors, case["error"]), error
        assert case.get("remedy", "") in error.remedy and error.remedy
        assert case.get("said", "") in error.what


def test_every_text_of_the_table_has_a_case() -> None:
    said = " ".join(case.get("said", "").lower() for case in OUTCOMES)
    assert [row.part for row in TEXTS if row.part not in said] == []


@pytest.mark.parametrize("case", JOBS, ids=ids)
def test_job(case: dict[str, Any]) -> None:
    of, made = scope(), Unisphere()

    def said(request: Request) -> Result:
        there = 200 if case.get("array") == "there" else 404
        if request.holder is None:
            return Result(request, there, stdout="{}")
        return dataclasses.replace(result(case), command=request, holder_there=False)

    made.result = said  # type: ignore[method-assign]
    found = drive(jobs.look(of, of.service.syncs[0], "7"), made)
    assert found.state is jobs.JobState[case["is"]], found
    assert case.get("says", "") in found.said


def test_every_word_of_a_job_has_a_case() -> None:
    said = {case["body"].get("status") for case in JOBS if isinstance(case.get("body"), dict)}
    assert set(jobs.STATES) <= said


def over(base: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    merged = {**base, **more}
    return {key: value for key, value in merged.items() if value is not None or key not in more}


def plain(found: Any) -> Any:
    return len(found) if found and isinstance(found[0], answers.Link) else list(found)


def compare(case: dict[str, Any], found: Any) -> None:
    for key, value in case["reads"].items():
        seen = getattr(found, key)
        if isinstance(seen, tuple):
            seen = plain(seen)
        assert seen == value, key


@pytest.mark.parametrize("case", ANSWERS["snapshots"], ids=lambda case: case["name"])
def test_snapshot(case: dict[str, Any]) -> None:
    body = over(ANSWERS["base"], case.get("with", {}))
    text = case.get("body", json.dumps(body).replace('"LINK"', json.dumps(ANSWERS["link"])))
    check(case, lambda: answers.snapshot(Result(GET, 200, stdout=text), "It", "SA_x", 5))


@pytest.mark.parametrize("case", ANSWERS["links"], ids=lambda case: case["name"])
def test_link(case: dict[str, Any]) -> None:
    link = over(ANSWERS["link"], case["with"])
    body = {**ANSWERS["base"], "linked": True, "linked_storage_group": [link]}

    def read() -> Any:
        found = answers.snapshot(Result(GET, 200, stdout=json.dumps(body)), "It", "SA_x", 5)
        assert found is not None
        return found.links[0]

    check(case, read)


def check(case: dict[str, Any], read: Any) -> None:
    if "unreadable" in case:
        with pytest.raises(Unreadable, match=case["unreadable"]):
            read()
    elif "error" in case:
        with pytest.raises(errors.CloneError) as raised:
            read()
        assert type(raised.value) is getattr(errors, case["error"])
    elif "is" in case:
        assert list(read()) == case["is"]
    elif case.get("nothing"):
        assert read() is None
    else:
        compare(case, read())


@pytest.mark.parametrize("case", ANSWERS["others"], ids=ids)
def test_other_answers(case: dict[str, Any]) -> None:
    check(case, lambda: getattr(answers, case["of"])(result(case), "It"))
