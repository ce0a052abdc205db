"""Tools that judge the product have to be right themselves: the soak's slope, and what counts as a change of state."""

import random

from tests.bench.soak import Course
from tests.covered import state_changes

SOURCE = """
class Job:
    def start(self):
        return self._move("running")

    def _move(self, status):
        return Job.objects.filter(pk=self.pk).update(status=status)

    def told(self):
        words = {}
        words.update({"status": self.status})
        return self.lease()

    def lease(self):
        return 90


def forget(job):
    job.delete()


def count(bar):
    bar.update(1)
"""


def course(value, seconds=1800):
    seen = Course()
    for moment in range(seconds):
        seen.add(moment, value(moment))
    return seen


def test_a_leak_is_found_among_peaks():
    chance = random.Random(1)

    def leaking(moment):
        return 100 + moment / 60 + (chance.random() < 0.1) * 80

    assert 14 < course(leaking).growth_percent() < 20  # 20 of 120 MB in the last twenty minutes


def test_what_goes_up_and_down_and_what_only_warms_up_is_flat():
    chance = random.Random(1)

    assert abs(course(lambda moment: 100 + 30 * chance.random()).growth_percent()) < 3
    assert course(lambda moment: min(moment, 300)).growth_percent() == 0
    assert course(lambda moment: 0).growth_percent() == 0


def test_state_changes_are_updates_of_rows_and_the_verbs_that_lead_there():
    assert state_changes(SOURCE) == {"Job.start", "Job._move", "forget"}
