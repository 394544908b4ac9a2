"""The mapping is broken on purpose, one way at a time: the independent reader notices each."""

import html
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from migrating import migrate
from mutating import Mutation, change

from ztoq_async import kinds
from ztoq_async.mapping import folder_tree, steps, test_case, values
from ztoq_async.sandbox import Generator


def case(broken: Callable[[Any], Any], noticed: str) -> Mutation:
    """A mutation of the whole test case that was built."""
    return Mutation(test_case, "build", lambda built: (broken(built[0]), built[1]), noticed)


def each_step(noticed: str, **lost: Any) -> Mutation:
    """A mutation of every step."""
    return case(lambda target: change(target, steps=tuple(change(step, **lost) for step in target.steps)), noticed)


def value(label: str, broken: Callable[[Any], Any]) -> Mutation:
    """A mutation of one field's value, where it has one."""

    def mutate(target: Any) -> Any:
        kept = {name: broken(held) if name == label else held for name, held in target.values.items()}
        return change(target, values={name: held for name, held in kept.items() if held not in ("", ())})

    return case(mutate, f": {label if label.startswith('Zephyr ') or label in SYSTEM else f'customFields.{label}'}: ")


def lost_value_of_one(target: Any) -> Any:
    """Only one value of one test case is gone."""
    kept = {name: held for name, held in target.values.items() if name != "Sprint count" or target.key != "SBX-T1"}
    return change(target, values=kept)


def body(broken: Callable[[Any], Any], noticed: str) -> Mutation:
    """A mutation of what is sent."""
    return Mutation(test_case, "create_body", broken, noticed)


def one_module() -> Mutation:
    """Every test case goes where the first went."""
    seen: list[int] = []

    def mutate(sent: Any) -> Any:
        seen.append(sent["parent_id"])
        return sent | {"parent_id": seen[0]}

    return body(mutate, ": module: ")


def other_target() -> Mutation:
    """Every call goes to the test case that was called first."""
    seen: list[int] = []

    def mutate(sent: Any) -> Any:
        for step in sent:
            if "called_test_case_id" in step:
                seen.append(step["called_test_case_id"])
                step["called_test_case_id"] = seen[0]
        return sent

    return body(lambda sent: sent | {"test_steps": mutate(sent["test_steps"])}, "].call: a link to ")


MAPPING = """
[status]
"Do not use any more" = "New"
"Released" = "Ready For Baseline"
"Work in progress" = "In Progress"
[priority]
"Normal" = "Medium"
"Smoke test 🚬" = "Low"
"""
SYSTEM = ("Status", "Priority")
MUTATIONS = {
    "expected results dropped": each_step("].expected: ", expected=""),
    "descriptions of steps dropped": each_step("].description: ", description=""),
    "the first two steps swapped": case(
        lambda target: change(target, steps=(*target.steps[1::-1], *target.steps[2:])), "].description: "
    ),
    "steps in reverse": case(lambda target: change(target, steps=target.steps[::-1]), "].description: "),
    "the last step dropped": case(lambda target: change(target, steps=target.steps[:-1]), ": steps: "),
    "the last step twice": case(lambda target: change(target, steps=target.steps + target.steps[-1:]), ": steps: "),
    "empty steps dropped": case(
        lambda target: change(target, steps=tuple(step for step in target.steps if step.description)), ": steps: "
    ),
    "test data dropped": Mutation(steps, "_blocks", lambda blocks: [], "].testData: it is missing"),
    "test data under another label": Mutation(
        steps, "_blocks", lambda blocks: [("data", words) for _, words in blocks], "].testData: it is missing"
    ),
    "HTML of descriptions escaped": case(
        lambda target: change(target, description=html.escape(target.description)), ": description: "
    ),
    "scripts escaped twice": Mutation(steps, "as_html", html.escape, "].script: "),
    "tags taken for text": Mutation(steps, "without_control", html.escape, "].expected: "),
    "characters beyond Latin lost": Mutation(
        steps, "carried_html", lambda words: words.encode("latin-1", "ignore").decode("latin-1"), "].expected: "
    ),
    "texts cut at a hundred": Mutation(steps, "carried_html", lambda words: words[:100], "].expected: "),
    "a label lost": value("Zephyr Labels", lambda labels: labels[1:]),
    "labels of all": value("Zephyr Labels", lambda labels: ("smoke",)),
    "preconditions lost": case(lambda target: change(target, precondition=""), ": precondition: "),
    "precondition and description exchanged": case(
        lambda target: change(target, precondition=target.description, description=target.precondition),
        ": precondition: ",
    ),
    "objectives lost": case(lambda target: change(target, description=""), ": description: "),
    "an hour later": Mutation(values, "_instant", lambda moment: moment + timedelta(hours=1), "Zephyr Created On: "),
    "a day earlier": value("Reviewed on", lambda date: date.replace("-2", "-1")),
    "one value of one test case lost": case(lost_value_of_one, "SBX-T1: customFields.Sprint count: "),
    "numbers rounded": value("Risk factor", lambda number: str(round(float(number)))),
    "booleans turned round": value("Regulated", lambda words: ("No",) if words == ("Yes",) else ("Yes",)),
    "one of several choices": value("Browsers", lambda labels: labels[:1]),
    "rich text lost": value("Notes", lambda words: ""),
    "users lost": value("Tester", lambda words: ""),
    "owners lost": value("Zephyr Owner", lambda words: ""),
    "components lost": value("Zephyr Component", lambda words: ""),
    "links lost": value("Zephyr Links", lambda words: words.partition("\n")[0][:-3]),
    "seconds for milliseconds": value("Zephyr Estimated Time (ms)", lambda number: str(int(number) / 1000)),
    "a priority for all": value("Priority", lambda words: ("Urgent",)),
    "a status for all": value("Status", lambda words: ("Baselined",)),
    "the kept status mapped": value("Zephyr Status", lambda words: "New"),
    "names cut": case(lambda target: change(target, name=target.name[:200]), ": name: "),
    "names trimmed": case(lambda target: change(target, name=target.name.strip()), ": name: "),
    "all in one module": one_module(),
    "links of calls lost": each_step("].call: the link to ", called=None),
    "calls to another test case": other_target(),
    "parameters of calls lost": Mutation(steps, "_parameter", lambda words: "", "].call: "),
    "BDD empty": Mutation(
        steps, "_text_step", lambda step: change(step, description="<p>[bdd]</p><pre></pre>"), "].script: "
    ),
    "lines of BDD joined": Mutation(
        steps, "_text_step", lambda step: change(step, description=" ".join(step.description.split())), "].script: "
    ),
    "names of modules cut": Mutation(
        folder_tree.FolderTree, "build", lambda built: (change(built[0], name=built[0].name[:9]), built[1]), ": path: "
    ),
    "siblings in reverse": Mutation(
        kinds, "siblings", lambda levels: [(parent, below[::-1]) for parent, below in levels], ": below it: "
    ),
}


EACH_FIFTH = [
    pytest.param(mutation, id=name, marks=[] if place % 5 == 0 else pytest.mark.slow)
    for place, (name, mutation) in enumerate(MUTATIONS.items())
]


@pytest.mark.parametrize("mutation", EACH_FIFTH)
async def test_a_broken_mapping_is_noticed(mutation, monkeypatch, empty_store, tmp_path):
    """Each mutation that changes what a person reads in qTest makes the reader name a difference of its kind."""
    mutation.apply(monkeypatch)
    found = (await migrate(Generator(20, seed=1), tmp_path, await empty_store(), mapping=MAPPING)).reading.differences
    assert any(mutation.noticed in line for line in found), found[:5]


async def test_the_sound_mapping_has_no_difference(empty_store, tmp_path):
    """The same project without a mutation: nothing is noticed, one call of the circle is text."""
    moved = await migrate(Generator(20, seed=1), tmp_path, await empty_store(), mapping=MAPPING)
    assert moved.report["outcome"] == "complete"
    assert moved.reading.differences == []
    assert (moved.reading.cases, moved.reading.flattened) == (20, 1)
