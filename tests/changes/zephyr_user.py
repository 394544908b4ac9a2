"""What a user of the Zephyr project does there between two runs, through its own API."""

from history import rows

KEPT = ("id", "key", "name", "project", "priority", "status", "objective", "precondition", "estimatedTime", "labels")
KEPT_TOO = ("component", "folder", "owner", "customFields")


class ZephyrUser:
    """A person with a token; PUT replaces a whole test case, so it is read before (facts.md 1.5)."""

    def __init__(self, move):
        self._move = move

    async def call(self, method, path, body=None):
        return await self._move.call(method, path, body, service="zephyr")

    async def edit_case(self, key, **changes):
        """Changes a test case, and leaves all else as it is."""
        case = await self.call("GET", f"/testcases/{key}")
        await self.call("PUT", f"/testcases/{key}", {name: case[name] for name in (*KEPT, *KEPT_TOO)} | changes)

    async def write_steps(self, key, *texts):
        """Gives a test case these steps instead of those that it has."""
        items = [{"inline": {"description": text, "testData": "", "expectedResult": f"{text}: seen"}} for text in texts]
        await self.call("POST", f"/testcases/{key}/teststeps", {"mode": "OVERWRITE", "items": items})

    async def execute(self, key, cycle, *, end, status="Pass", **more):
        """A new execution; the answer has its id."""
        body = {"projectKey": self._move.sandbox.zephyr.project, "testCaseKey": key, "testCycleKey": cycle}
        return await self.call("POST", "/testexecutions", body | {"statusName": status, "actualEndDate": end} | more)

    async def edit_execution(self, identity, **changes):
        """Changes what is named of an execution."""
        await self.call("PUT", f"/testexecutions/{identity}", changes)

    async def cases(self):
        """The rows of all test cases by key."""
        return {row["key"]: row for row in await rows(self._move, "/testcases")}

    async def stepwise(self, *, called=False):
        """Keys of test cases with steps of their own, in order."""
        found = []
        for key, row in (await self.cases()).items():
            if row["testScript"]["self"].endswith("/teststeps"):
                steps = (await self.call("GET", f"/testcases/{key}/teststeps?maxResults=1000"))["values"]
                if steps and all(step["inline"] for step in steps):
                    found.append(key)
        return found
