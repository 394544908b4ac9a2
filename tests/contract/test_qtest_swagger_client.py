"""`qtest-swagger-client`, generated from the vendor's own description, makes every call that the engine makes."""

from __future__ import annotations

import base64
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

    def field(self, label: str, data_type: int, *values: str) -> vendor.FieldResource:
        """A new field, active."""
        allowed = [vendor.AllowedValueResource(label=text, is_active=True) for text in values]
        wanted = vendor.FieldResource(label=label, data_type=data_type, allowed_values=allowed or None)
        field = self.fields.create_custom_field(self.project, wanted, OF)
        field.is_active = True
        self.common.update_custom_field_status(self.project, OF, [field])
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
