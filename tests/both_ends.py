"""Who runs which test file: some processes take those that wait for others, some those that compute, until they meet.

In: test files in the order of tests/conftest.py, those that wait first, those that compute last, and short ones between
them. Out: they are handed out from both ends. Promises: as long as somebody waits two others compute, so two processors
are busy from the first minute to the last; what is left for the end is short.
"""

from __future__ import annotations

from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

# Of the processes; each has a thread that works, and an engine that does now and then.
_COMPUTING = 2


class BothEnds(LoadFileScheduling):
    """Whole files. The first two processes take from the end."""

    def _assign_work_unit(self, node: WorkerController) -> None:
        if self.nodes.index(node) < _COMPUTING < len(self.nodes):
            self.workqueue.move_to_end(next(reversed(self.workqueue)), last=False)
        super()._assign_work_unit(node)
