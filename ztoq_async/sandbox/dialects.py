"""How the simulated qTest site behaves where the vendor's documents are silent: one switch for each open question.

The defaults are the friendliest documented behaviour. A migration must succeed, or refuse by name, under every value of
every switch: `STRICTEST` holds them all at once.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

Seconds = Annotated[float, msgspec.Meta(ge=0)]
Count = Annotated[int, msgspec.Meta(ge=0)]


class Dialect(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The switches of table `[qtest]` of a profile that are about behaviour, not about faults."""

    called_steps: Literal["id", "expanded", "ignored"] = "id"
    """Echo of a step with `called_test_case_id`: the row alone; the row, then the called test's steps as rows with
    `parent_test_step_id`, `root_called_test_case_id` and `group`; or the id is dropped and a plain step remains.
    No vendor example of such a POST exists (facts.md 3.8)."""

    empty_steps: Literal["keep", "refuse", "drop"] = "keep"
    """Steps whose two texts are both blank: kept, answered with 400, or left out without a word (mapping.md 4)."""

    echo: Literal["exact", "normalised", "escaped"] = "exact"
    """HTML on reading back: as sent; re-serialised by an editor (double quotes, `<br />`, entities, a `<p>` around);
    or escaped once (facts.md 3.8: "HTML comes back sometimes escaped"). Notes and actual results of logs too."""

    tree_descriptions: bool = True
    """Whether nested rows of `expand=descendants`, of modules and of test cycles, hold descriptions (mapping.md, row
    "module")."""

    trim_names: bool = False
    """Whether outer blanks of names are dropped. Written nowhere; web forms usually do."""

    inline_values: bool = True
    """Whether `allowed_values` in the POST of a field are honoured, or silently ignored."""

    activation_replaces: bool = False
    """Whether `custom-fields/active` switches off every custom field that its body omits (facts.md 8)."""

    may_manage_fields: bool = True
    """Whether the caller's profile has the right `project_setting.manage`; without it changing fields answers 403."""

    required_field: str = ""
    """Label of one more required text field of test cases without a default, as customised sites have; "" for none."""

    required_suite_field: str = ""
    """The same of test suites."""

    required_run_field: str = ""
    """The same of test runs."""

    draft_runs: Literal["refuse", "allow"] = "refuse"
    """A run or a log of a version that is not approved: 400, or done, where no version is named with the draft if
    none is approved. The vendor's words speak of approved versions; none say what happens else (facts.md 3.9, 8)."""

    log_steps_in_lists: bool = True
    """Whether rows of a run's list of test logs hold `test_step_logs` (mapping.md, row "test log")."""

    search_logs: Literal["full", "bare"] = "full"
    """Whether rows of `POST search` for test-logs hold `note` and `test_step_logs` (mapping.md, row "test log")."""

    run_names_in_lists: bool = True
    """Whether rows of the list of test runs hold `name` and `latest_test_log` (facts.md 3.9)."""

    fills_step_logs: bool = False
    """Whether a log shows a row with the site's status of unexecuted runs for each step that was not sent."""

    fields_in_use: Literal["delete", "refuse"] = "delete"
    """DELETE of a custom field that has values in test cases, suites or runs: done, or refused with 400."""

    step_ids_after_approve: Literal["kept", "new"] = "kept"
    """Step ids belong to a version (facts.md 3.3, a guess): whether approving gives the steps new ids."""

    approve_sets_status: str = ""
    """Label that approving writes into the field Status; "" leaves it (mapping.md, row "approve")."""

    text_limit: Count = 0
    """Most characters of a value of a text field (data type 1); 0 is no limit. Written nowhere."""

    size_cap: Count = 0
    """Largest `size` of a page of test cases and of v4 test steps; 0 is no cap (facts.md 3.4: none was seen)."""

    page_cap: Count = 0
    """Largest `pageSize` of a paged object and of test cycles, below the documented 999; 0 leaves that."""

    list_lag_s: Seconds = 0.0
    """Seconds until a new module, test case, release, test cycle, suite, run or log shows in its list."""

    search_lag_s: Seconds = 0.0
    """Seconds until a new object is found by search (facts.md 3.12: the index may lag)."""

    token_lifetime_s: Seconds = 0.0
    """Seconds until a token of the password grant expires; 0: the documented 3599. The page's token never does."""

    refuses_token: bool = False
    """Every call is answered 401, with whatever token: all were revoked. The password grant gives new ones, as vain."""


STRICTEST = Dialect(
    called_steps="expanded",
    empty_steps="refuse",
    echo="normalised",
    tree_descriptions=False,
    trim_names=True,
    inline_values=False,
    activation_replaces=True,
    log_steps_in_lists=False,
    search_logs="bare",
    run_names_in_lists=False,
    fills_step_logs=True,
    fields_in_use="refuse",
    step_ids_after_approve="new",
    approve_sets_status="Baselined",
    text_limit=255,
    size_cap=50,
    page_cap=50,
    list_lag_s=0.2,
    search_lag_s=1.0,
    token_lifetime_s=5.0,
)
"""Every switch at its least friendly value that a migration can still be carried out under."""
