"""`qtest-swagger-client`, generated from the vendor's own description, makes every call that the engine makes."""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import swagger_client as vendor
from serving import serving
from swagger_client.rest import ApiException

from ztoq_async.sandbox import Sandbox

OF = "test-cases"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with serving(1) as running:
        yield running


@dataclass
class Client:
    """The vendor's interfaces of one project."""

    api: vendor.ApiClient
    project: int

    def __post_init__(self) -> None:
        self.projects, self.profiles = vendor.ProjectApi(self.api), vendor.UserProfileApi(self.api)
        self.modules, self.cases = vendor.ModuleApi(self.api), vendor.TestCaseApi(self.api)
        self.fields, self.common = vendor.FieldApi(self.api), vendor.CommonApi(self.api)
        self.releases, self.cycles = vendor.ReleaseApi(self.api), vendor.TestCycleApi(self.api)
        self.suites, self.runs = vendor.TestSuiteApi(self.api), vendor.TestRunApi(self.api)
        self.logs, self.searches = vendor.TestLogApi(self.api), vendor.SearchApi(self.api)

    def field(self, label: str, data_type: int, *values: str, kind: str = OF) -> vendor.FieldResource:
        """A new field, active."""
        allowed = [vendor.AllowedValueResource(label=text, is_active=True) for text in values]
        wanted = vendor.FieldResource(label=label, data_type=data_type, allowed_values=allowed or None)
        field = self.fields.create_custom_field(self.project, wanted, kind)
        field.is_active = True
        self.common.update_custom_field_status(self.project, kind, [field])
        return field


def client(sandbox: Sandbox, authorization: str) -> Client:
    configuration = vendor.Configuration()
    configuration.host = sandbox.qtest.base_url
    configuration.api_key = {"Authorization": authorization}
    return Client(vendor.ApiClient(configuration), sandbox.qtest.project)


@pytest.fixture
def qtest(sandbox: Sandbox) -> Client:
    return client(sandbox, f"bearer {sandbox.qtest.token}")


def test_it_logs_in_renews_and_asks_for_the_token(sandbox: Sandbox):
    """Password grant, refresh grant, status; the granted token opens the project."""
    user, password = sandbox.credentials

    def basic(name: str) -> str:
        return "Basic " + base64.b64encode(f"{name}:".encode()).decode()

    login = vendor.LoginApi(client(sandbox, "").api)
    granted = login.post_access_token(
        grant_type="password", username=user, password=password, authorization=basic("anysite")
    )
    renewed = login.post_access_token(
        grant_type="refresh_token", refresh_token=granted.refresh_token, authorization=basic("qtest-api")
    )
    for token in (granted, renewed):
        inside = client(sandbox, f"{token.token_type} {token.access_token}")
        assert inside.projects.get_project(inside.project).id == sandbox.qtest.project
        assert vendor.LoginApi(inside.api).token_status().validity_in_milliseconds > 0


def test_it_sees_the_project_its_people_and_its_own_rights(qtest: Client):
    """The calls before the first write."""
    assert qtest.project in [project.id for project in qtest.projects.get_projects()]
    people = qtest.projects.get_users(qtest.project)
    assert people and all(person.id and person.username for person in people)
    assert qtest.projects.get_current_profile(qtest.project) is not None


def test_a_field_gets_values_and_becomes_active(qtest: Client):
    """Create, activate, add values, list with and without inactive ones."""
    field = qtest.field("Colour", 3, "red")
    qtest.fields.create_project_field_allowed_values(
        qtest.project, OF, field.id, [vendor.AllowedValueResource(label="blue", is_active=True)]
    )
    hidden = qtest.fields.create_custom_field(qtest.project, vendor.FieldResource(label="Hidden", data_type=1), OF)
    every = {row.id: row for row in qtest.fields.get_fields(qtest.project, OF, include_inactive=True)}
    active = {row.id for row in qtest.fields.get_fields(qtest.project, OF)}
    assert [value.label for value in every[field.id].allowed_values] == ["red", "blue"]
    assert hidden.id in every.keys() - active and field.id in active


def test_modules_nest_and_only_empty_ones_go(qtest: Client):
    """Create below a parent, list one level and the tree, refuse to delete what is not empty."""
    parent = qtest.modules.create_module(qtest.project, vendor.ModuleResource(name="A", description="d"))
    child = qtest.modules.create_module(qtest.project, vendor.ModuleResource(name="B"), parent_id=parent.id)
    assert [row.id for row in qtest.modules.get_sub_modules_of(qtest.project, parent_id=parent.id)] == [child.id]
    tree = {row.id: row for row in qtest.modules.get_sub_modules_of(qtest.project, expand="descendants")}
    assert [row.id for row in tree[parent.id].children] == [child.id]
    assert qtest.modules.get_module(qtest.project, child.id).name == "B"
    with pytest.raises(ApiException) as refused:
        qtest.modules.delete_module(qtest.project, parent.id)
    assert refused.value.status == 400
    for module in (child, parent):
        qtest.modules.delete_module(qtest.project, module.id)


def test_a_case_is_made_with_steps_read_by_page_and_deleted(qtest: Client):
    """One POST with steps, properties and a call to another case; lists by page; GET by id and pid; DELETE."""
    key = qtest.field("Zephyr Key", 1)
    module = qtest.modules.create_module(qtest.project, vendor.ModuleResource(name="Cases"))

    def make(name: str, *steps: vendor.TestStepResource) -> vendor.TestCaseWithCustomFieldResource:
        value = vendor.PropertyResource(field_id=key.id, field_value=f"SBX-{name}")
        body = vendor.TestCaseWithCustomFieldResource(
            name=name, parent_id=module.id, properties=[value], test_steps=list(steps)
        )
        return qtest.cases.create_test_case(qtest.project, body)

    def step(order: int, **more: int) -> vendor.TestStepResource:
        return vendor.TestStepResource(description=f"<p>{order}</p>", expected="Seen", order=order, **more)

    called = make("T1", step(1), step(2))
    caller = make("T2", step(1), step(2, called_test_case_id=called.id))
    third = make("T3")
    pages = [
        qtest.cases.get_test_cases(qtest.project, page, 2, parent_id=module.id, expand_steps=True) for page in (1, 2)
    ]
    assert [[case["id"] for case in page] for page in pages] == [[called.id, caller.id], [third.id]]
    assert [step["description"] for step in pages[0][0]["test_steps"]] == ["<p>1</p>", "<p>2</p>"]
    read = qtest.cases.get_test_case(qtest.project, caller.pid, expand="teststep")
    assert read.id == caller.id and read.test_steps[1].called_test_case_id == called.id
    assert "SBX-T2" in [value.field_value for value in read.properties if value.field_id == key.id]
    for case in (caller, called, third):
        qtest.cases.delete_test_case(qtest.project, case.id)
    with pytest.raises(ApiException) as gone:
        qtest.cases.get_test_case(qtest.project, str(called.id))
    assert gone.value.status == 404


def approved_case(qtest: Client, *texts: str) -> vendor.TestCaseWithCustomFieldResource:
    rows = [vendor.TestStepResource(description=text, expected="Seen", order=n) for n, text in enumerate(texts, 1)]
    body = vendor.TestCaseWithCustomFieldResource(name="C", properties=[], test_steps=rows)
    case = qtest.cases.create_test_case(qtest.project, body)
    return qtest.cases.approve_test_case(qtest.project, str(case.id))


def test_cycles_and_suites_nest_below_a_release(qtest: Client):
    """Create, list one level and the tree, move, read, refuse to delete what is not empty."""
    release = qtest.releases.create_release(
        qtest.project, vendor.ReleaseWithCustomFieldResource(name="R", properties=[])
    )
    assert release.id in [row.id for row in qtest.releases.get_all_releases(qtest.project, include_closed=True)]
    below = {"parent_id": release.id, "parent_type": "release"}
    top = qtest.cycles.create_cycle(qtest.project, vendor.TestCycleResource(name="A", description="d"), **below)
    place = {"parent_id": top.id, "parent_type": "test-cycle"}
    inner = qtest.cycles.create_cycle(qtest.project, vendor.TestCycleResource(name="B"), **place)
    key = qtest.field("Zephyr Key", 1, kind="test-suites")
    value = vendor.PropertyResource(field_id=key.id, field_value="SBX-R1")
    body = vendor.TestSuiteWithCustomFieldResource(name="S", properties=[value])
    suite = qtest.suites.create_test_suite(qtest.project, body, **place)
    [tree] = qtest.cycles.get_test_cycles(qtest.project, **below, expand="descendants")
    assert ([row.id for row in tree.test_cycles], [row.id for row in tree.test_suites]) == ([inner.id], [suite.id])
    [read] = qtest.suites.get_list_test_suite(qtest.project, **place)
    assert [row.field_value for row in read.properties if row.field_id == key.id] == ["SBX-R1"]
    inside = {"parent_id": inner.id, "parent_type": "test-cycle"}
    assert qtest.suites.update_test_suite(qtest.project, suite.id, body, **inside).parent_id == inner.id
    assert qtest.cycles.update_cycle(qtest.project, inner.id, vendor.TestCycleResource(name="B2")).name == "B2"
    with pytest.raises(ApiException) as refused:
        qtest.cycles.delete_cycle(qtest.project, top.id)
    assert refused.value.status == 400
    qtest.cycles.delete_cycle(qtest.project, top.id, force=True)
    qtest.releases.delete_release_by_id(qtest.project, release.id)


def test_a_run_takes_logs_with_results_of_steps(qtest: Client):
    """Create in a suite, list, submit two logs with dates in a zone, list, last run, change, search, delete."""
    case = approved_case(qtest, "one", "two")
    suite = qtest.suites.create_test_suite(
        qtest.project, vendor.TestSuiteWithCustomFieldResource(name="S", properties=[])
    )
    wanted = vendor.GetMultipleTestRunsResource(
        test_case=vendor.TestCaseResource(id=case.id), test_case_version_id=case.test_case_version_id, properties=[]
    )
    place = {"parent_id": suite.id, "parent_type": "test-suite"}
    run = qtest.runs.create_test_run(qtest.project, wanted, **place)
    listed = qtest.runs.get_of(qtest.project, **place)
    assert ([row.id for row in listed.items], listed.total, listed.items[0].test_case_id) == ([run.id], 1, case.id)
    read = qtest.runs.get_test_run_by_id(qtest.project, run.id, expand="testcase.teststep")
    assert [step.description for step in read.test_case.test_steps] == ["one", "two"]
    statuses = {row.name: row for row in qtest.runs.get_status_valuable(qtest.project)}
    end = dt.datetime(2024, 5, 1, 12, tzinfo=dt.timezone(dt.timedelta(hours=2)))

    def submit(name: str) -> vendor.TestLogResource:
        results = [
            vendor.TestStepLogResource(test_step_id=step.id, status=statuses[name], actual_result="a", order=order)
            for order, step in enumerate(case.test_steps, 1)
        ]
        log = vendor.ManualTestLogResource(
            exe_start_date=end, exe_end_date=end, status=statuses[name], note=name, test_step_logs=results,
            test_case_version_id=case.test_case_version_id,
        )  # fmt: skip
        return qtest.logs.submit_test_log(qtest.project, log, run.id)

    first, second = submit("Failed"), submit("Passed")
    assert first.exe_end_date == end
    assert [row.id for row in qtest.logs.get_test_logs_list(qtest.project, run.id).items] == [first.id, second.id]
    last = qtest.logs.get_last_run_log(qtest.project, run.id, expand="teststeplog.teststep")
    assert (last.id, [row.test_step.description for row in last.test_step_logs]) == (second.id, ["one", "two"])
    first.note = "changed"
    assert qtest.logs.modify_test_log(qtest.project, first, run.id, first.id).note == "changed"
    assert qtest.logs.get_test_log(qtest.project, first.id, run.id).status.name == "Failed"
    query = vendor.ArtifactSearchParams(object_type="test-logs", fields=["*"], query=f"'Id' = '{second.id}'")
    found = qtest.searches.search_artifact(qtest.project, query)
    assert [row["note"] for row in found["items"]] == ["Passed"]
    qtest.runs.delete_test_run_by_id(qtest.project, run.id)
    with pytest.raises(ApiException) as gone:
        qtest.logs.get_test_log(qtest.project, first.id, run.id)
    assert gone.value.status == 404
