"""What can go wrong with the image of a history: a change each, and how the difference that names it begins."""

from small_history import (
    DESCRIPTION,
    ENVIRONMENT,
    FAILED,
    KEY,
    LINKS,
    NOTE,
    OWNER,
    PASSED,
    PLANNED_END,
    PLANNED_START,
    SEEN,
    STATUS,
    TEAM,
    VERSION,
    runs,
)

UNDATED, THIRD, FULL, FROZEN, CALLED, STUB, TEXT = range(7)
SUITE, PLAIN, OUTSIDE = range(3)


def part(kind, place, /, **values):
    return lambda found: getattr(found, kind)[place].update(values)


def log(place, **values):
    return part("logs", place, **values)


def note(place, old, new=""):
    """Replaces a piece of a note, which must hold it."""

    def change(found):
        row = found.logs[place]
        assert old in row["note"]
        row["note"] = row["note"].replace(old, new)

    return change


def value(kind, place, field, text):
    """Sets a property of a suite or run."""

    def change(found):
        row = getattr(found, kind)[place]
        row["properties"] = [one for one in row["properties"] if one["field_id"] != field]
        row["properties"].append({"field_id": field, "field_value": text})

    return change


def result(place, number, **values):
    return lambda found: found.logs[place]["test_step_logs"][number].update(values)


def exchanged(name, first, second):
    """Two logs with each other's value."""

    def change(found):
        one, other = found.logs[first], found.logs[second]
        one[name], other[name] = other[name], one[name]

    return change


def all_of(*changes):
    return lambda found: [change(found) for change in changes]


A_LOG, A_RUN = "test log 101 (P-E101): ", "run P-R1/P-T1/31: "
TIMES = {
    "an end is an hour late": (log(FULL, exe_end_date="2021-03-28T01:00:01+01:00"), A_LOG + "exe_end_date"),
    "an end is a second early": (log(FULL, exe_end_date="2021-03-28T01:00:00Z"), A_LOG + "exe_end_date"),
    "a start is rounded up": (log(FULL, exe_start_date="2021-03-28T01:00:00Z"), A_LOG + "exe_start_date"),
    "a start is the end": (log(FULL, exe_start_date="2021-03-28T01:00:01Z"), A_LOG + "exe_start_date"),
    "a date has no zone": (log(FULL, exe_end_date="2021-03-28T01:00:01"), A_LOG + "exe_end_date"),
    "a fraction of a second": (log(FULL, exe_end_date="2021-03-28T01:00:01.500Z"), A_LOG + "exe_end_date"),
    "an undated one is dated now": (
        log(UNDATED, exe_start_date="2026-01-01T00:00:00Z", exe_end_date="2026-01-01T00:00:00Z"),
        "test log 108 (no key): exe_start_date",
    ),
    "the dates of two are exchanged": (exchanged("exe_end_date", THIRD, FROZEN), "test log 103 (no key): exe_end_date"),
}
NOTES = {
    "a comment is lost": (note(FULL, "<p>one &amp; two</p>"), A_LOG + "comment"),
    "a comment is longer": (note(FULL, "<p>one ", "<p>one more "), A_LOG + "comment"),
    "a comment where none was": (log(STUB, note="x" + runs().logs[STUB]["note"]), "test log 106 (no key): comment"),
    "a key is lost": (note(FULL, "<p>[key]</p>P-E101"), A_LOG + "[key]"),
    "a key is another": (note(FULL, "P-E101", "P-E102"), A_LOG + "[key]"),
    "the executor is lost": (note(FULL, "<p>[executed by]</p>u:1"), A_LOG + "[executed by]"),
    "the executor is another": (note(FULL, "<p>[executed by]</p>u:1", "<p>[executed by]</p>u:2"), A_LOG + "[executed"),
    "the assignee is lost": (
        note(FULL, "<p>[assigned to]</p>jane@example.org (u:2)"),
        A_LOG + "[assigned to]: it is missing",
    ),
    "the assignee has no name": (note(FULL, "jane@example.org (u:2)", "u:2"), A_LOG + "[assigned to]"),
    "executor and assignee are exchanged": (
        note(FULL, "u:1<p>[assigned to]</p>jane@example.org (u:2)", "jane@example.org (u:2)<p>[assigned to]</p>u:1"),
        A_LOG + "[executed by]",
    ),
    "an assignee where none was": (note(STUB, "<p>[status]", "<p>[assigned to]</p>u:1<p>[status]"), "test log 106"),
    "the kept status is lost": (note(FULL, "<p>[status]</p>Pass"), A_LOG + "[status]: it is missing"),
    "the kept status is the mapped one": (note(FULL, "</p>Pass<", "</p>Passed<"), A_LOG + "[status]"),
    "the version is an id": (note(FULL, "2.1 &lt;beta&gt;", "77"), A_LOG + "[version]"),
    "the test case's version": (
        note(FULL, "[test case version]</p>2", "[test case version]</p>1"),
        A_LOG + "[test case",
    ),
    "the time it took": (note(FULL, "1500", "1.5"), A_LOG + "[execution time (ms)]"),
    "the estimated time of zero": (note(FULL, "<p>[estimated time (ms)]</p>0"), A_LOG + "[estimated time (ms)]"),
    "it was automated": (note(FULL, "</p>No<", "</p>Yes<"), A_LOG + "[automated]"),
    "a choice is lost": (note(FULL, "<p>b, c</p>"), A_LOG + "[Team]"),
    "a number": (note(FULL, "2.5<", "2.05<"), A_LOG + "[Size]"),
    "a custom text is lost": (note(FULL, "<i>n</i>"), A_LOG + "[Notes]"),
    "a custom field is lost": (note(FULL, "<p>[Ok]</p>Yes"), A_LOG + "[Ok]: it is missing"),
    "blocks are in another order": (
        note(FULL, "<p>[Size]</p>2.5<p>[Notes]</p><i>n</i>", "<p>[Notes]</p><i>n</i><p>[Size]</p>2.5"),
        A_LOG + "[Size]",
    ),
    "a link is lost": (note(FULL, "<p>BLOCKS issue 12 https://jira.invalid/12</p>"), A_LOG + "[links]"),
    "a link's issue": (note(FULL, "BLOCKS issue 12 ", "BLOCKS "), A_LOG + "[links]"),
    "a link more": (note(FULL, "invalid/12</p>", "invalid/12</p><p>BLOCKS issue 1</p>"), A_LOG + "[links]"),
}
RESULTS = {
    "results are in reverse": (lambda o: o.logs[FULL]["test_step_logs"].reverse(), A_LOG + "results[2]: out of order"),
    "a result is lost": (lambda o: o.logs[FULL]["test_step_logs"].pop(0), A_LOG + "results: 2 instead of 3"),
    "all results are lost": (lambda o: o.logs[FULL]["test_step_logs"].clear(), A_LOG + "results: 0 instead of 3"),
    "a result is there twice": (
        lambda o: o.logs[FULL]["test_step_logs"].append(dict(o.logs[FULL]["test_step_logs"][2])),
        A_LOG + "results[4]: out of order",
    ),
    "a result's status": (result(FULL, 1, status={"id": PASSED}), A_LOG + "results[2].status"),
    "a result's kept status": (result(FULL, 2, actual_result="<p>[status]</p>mine"), A_LOG + "results[3]."),
    "an actual result is lost": (
        result(FULL, 0, actual_result="<p>[status]</p>Pass<p>[data row]</p>3"),
        A_LOG + "results[1].actualResult",
    ),
    "actual results are exchanged": (
        all_of(
            result(FULL, 1, actual_result="<p>[status]</p>mine"),
            result(FULL, 2, actual_result="<p>[status]</p>Fail"),
        ),
        A_LOG + "results[2].actualResult",
    ),
    "a data row is lost": (
        result(FULL, 0, actual_result="as <b>told</b><p>[status]</p>Pass"),
        A_LOG + "results[1].[data row]",
    ),
    "a result is at another step": (result(FROZEN, 1, test_step_id=21, parent_test_step_id=12), "test log 102"),
    "a result is at no step": (result(FULL, 0, test_step_id=99), A_LOG + "results[1]: it is at no step"),
    "a called step's result is at the caller": (
        result(FULL, 1, test_step_id=12, parent_test_step_id=None),
        A_LOG + "results[2]: it is at no step",
    ),
    "the table is lost": (
        lambda o: o.logs[FROZEN].update(
            note=o.logs[FROZEN]["note"][o.logs[FROZEN]["note"].index("</table><p>[") + 8 :]
        ),
        "test log 102 (no key): ",
    ),
    "a row of the table is lost": (
        note(
            FROZEN,
            "<tr><td>3</td><td>sent</td><td></td><td></td><td></td><td>Pass</td><td></td></tr>",
        ),
        "test log 102 (no key): results: 2 instead of 3",
    ),
    "a row's place": (note(FROZEN, "<td>3</td>", "<td>4</td>"), "test log 102 (no key): [steps][4]"),
    "a row's text": (note(FROZEN, "gone", ""), "test log 102 (no key): [steps][1]"),
    "a row's test data": (note(FROZEN, "<td>x</td>", "<td></td>"), "test log 102 (no key): [steps][1]"),
    "a row's actual result": (note(FROZEN, "bad", ""), "test log 102 (no key): [steps][1]"),
    "a row's status": (note(FROZEN, "Fail", "Failed"), "test log 102 (no key): [steps][1]"),
    "a row's data row": (note(FROZEN, "<td>2</td>", "<td></td>"), "test log 102 (no key): [steps][1]"),
    "all steps are in the table": (
        all_of(
            lambda o: o.logs[CALLED]["test_step_logs"].clear(),
            note(
                CALLED,
                "<p>[zephyr",
                "<p>[steps]</p><table><tr><td>1</td><td>look</td><td></td><td></td><td></td>"
                "<td>Not Executed</td><td></td></tr></table><p>[zephyr",
            ),
        ),
        "test log 105 (no key): steps: 0 stand at a step, 1 could",
    ),
    "a script's result is lost": (lambda o: o.logs[TEXT]["test_step_logs"].clear(), "test log 107 (no key): results"),
    "a stub's result is lost": (lambda o: o.logs[STUB]["test_step_logs"].clear(), "test log 106 (no key): results"),
}
LOGS = {
    "a status": (log(FULL, status={"id": FAILED}), A_LOG + "status: 'Failed' instead of 'Passed'"),
    "the statuses of two are exchanged": (exchanged("status", THIRD, FROZEN), "test log 103 (no key): status"),
    "a status that is none": (log(FULL, status={"id": 1}), A_LOG + "status"),
    "a log is lost": (lambda o: o.logs.pop(FULL), "test log 101 is missing"),
    "a log is there twice": (lambda o: o.logs.append({**o.logs[FULL], "id": 1}), "test log 101 is there 2 times"),
    "a strange log": (
        lambda o: o.logs.append({**o.logs[FULL], "id": 1, "note": "x"}),
        "test log without a key is extra",
    ),
    "a mark is lost": (log(FULL, note=NOTE), "test log 101 is missing"),
    "a planned one has a log": (
        lambda o: o.logs.append({**o.logs[STUB], "id": 1, "test_run_id": 302, "note": "<p>[zephyr:test-log:104]</p>"}),
        "test log 104 is extra",
    ),
    "a log is under another run": (log(CALLED, test_run_id=305), "test log 105 (no key): run: under P-R2/P-T3/-"),
    "the order of logs": (exchanged("id", THIRD, FULL), "run P-R1/P-T1/31: order of test logs: [108, 101, 103, 102]"),
    "an undated one comes last": (log(UNDATED, id=9999), "run P-R1/P-T1/31: order of test logs: [103, 101, 102, 108]"),
    "a log's version": (log(FULL, test_case_version_id=1), A_LOG + "version"),
}
RUNS = {
    "a run is lost": (lambda o: o.runs.pop(1), "run P-R1/P-T1/- is missing"),
    "a run is there twice": (lambda o: o.runs.append({**o.runs[1], "id": 1}), "run P-R1/P-T1/- is there 2 times"),
    "a strange run": (
        lambda o: o.runs.append({**o.runs[1], "id": 1, "properties": []}),
        "run without a key is extra",
    ),
    "a run of no execution": (value("runs", 1, KEY, "P-R1/P-T1/32"), "run P-R1/P-T1/32 is extra"),
    "a run in another suite": (part("runs", 0, parentId=252), A_RUN + "suite: in P-R2 instead of P-R1"),
    "a run in no suite": (part("runs", 0, parentType="test-cycle"), A_RUN + "suite: in test-cycle instead of P-R1"),
    "a run of another test case": (part("runs", 0, test_case={"id": 1002}), A_RUN + "test case: of P-T2"),
    "a run's name": (part("runs", 0, name="Case"), A_RUN + "name"),
    "a run's name of a stub": (part("runs", 3, name="X"), "run P/outside-cycles/X-T9/-: name"),
    "a run's environment": (value("runs", 0, ENVIRONMENT, "Chrome"), A_RUN + "environment"),
    "an environment is lost": (value("runs", 0, ENVIRONMENT, ""), A_RUN + "environment"),
    "an environment where none was": (value("runs", 1, ENVIRONMENT, "Firefox"), "run P-R1/P-T1/-: environment"),
    "an environment's id": (value("runs", 0, ENVIRONMENT, "31"), A_RUN + "environment"),
    "a run's version": (part("runs", 0, test_case_version_id=1), A_RUN + "version"),
    "the field of keys is lost": (lambda o: o.run_fields.pop(0), "run P-R1/P-T1/31 is missing"),
}
PLACES = {
    "a cycle is lost": (lambda o: o.cycles.pop(1), "test cycle 22 is missing"),
    "a cycle is there twice": (lambda o: o.cycles.append({**o.cycles[1], "id": 1}), "test cycle 22 is there 2 times"),
    "a strange cycle": (part("cycles", 1, description=""), "test cycle without a key is extra"),
    "a cycle's name": (part("cycles", 1, name="first"), "test cycle 22: name"),
    "the root's name": (part("cycles", 0, name="P"), "test cycle P: name"),
    "a cycle's parent": (part("cycles", 3, parentId=201), "test cycle 22: below it: ['21']"),
    "a cycle under a release": (part("cycles", 0, parentType="release"), "test cycle P: it is below a release"),
    "the order of cycles": (part("cycles", 1, order=5), "test cycle P: below it: ['20', '22']"),
    "a suite is lost": (lambda o: o.suites.pop(PLAIN), "test suite P-R2 is missing"),
    "a suite is there twice": (lambda o: o.suites.append({**o.suites[1], "id": 1}), "test suite P-R2 is there 2 times"),
    "a suite's key": (value("suites", PLAIN, KEY, ""), "test suite without a key is extra"),
    "a suite's name": (part("suites", SUITE, name="Cycl\u00e9"), "P-R1: name"),
    "a suite's place": (part("suites", SUITE, parentId=201), "P-R1: place: in test cycle 22 instead of 21"),
    "a suite at the root": (part("suites", SUITE, parentId=0, parentType="root"), "P-R1: place"),
    "the place of what is outside": (part("suites", OUTSIDE, parentId=201), "P/outside-cycles: place"),
    "the name of what is outside": (part("suites", OUTSIDE, name="x"), "P/outside-cycles: name"),
    "a suite's description": (value("suites", SUITE, DESCRIPTION, "<p>all</p>"), "P-R1: Description"),
    "a suite's start": (value("suites", SUITE, PLANNED_START, "2021-03-28T02:59:59+01:00"), "P-R1: Planned Start"),
    "a suite's end": (value("suites", SUITE, PLANNED_END, "2021-03-30T00:00:00Z"), "P-R1: Planned End Date"),
    "an end where none was": (value("suites", PLAIN, PLANNED_END, "2021-03-30T00:00:00Z"), "P-R2: Planned End Date"),
    "a suite's status": (value("suites", SUITE, STATUS, "Done"), "P-R1: Zephyr Status"),
    "a suite's owner": (value("suites", SUITE, OWNER, ""), "P-R1: Zephyr Owner"),
    "a suite's version": (value("suites", SUITE, VERSION, "77"), "P-R1: Zephyr Version"),
    "a suite's links": (
        value("suites", SUITE, LINKS, "COVERAGE issue 13 https://jira.invalid/13"),
        "P-R1: Zephyr Links",
    ),
    "a suite's choice": (value("suites", SUITE, TEAM, "[1000]"), "P-R1: customFields.Team"),
    "a suite's day": (value("suites", SUITE, SEEN, "2026-06-29T00:00:00Z"), "P-R1: customFields.Seen"),
    "a suite's field is lost": (lambda o: o.suite_fields.pop(), "P-R1: customFields.Seen: there is no such field"),
}
CHANGES = TIMES | NOTES | RESULTS | LOGS | RUNS | PLACES
