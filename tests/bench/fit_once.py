"""In a process of its own: one fit with intervals; print seconds and the peak of the process in MB."""

import random
import resource
import sys
import time

from processing.assessment.comparing.bradley_terry import Comparisons, fit
from processing.assessment.comparing.design import design

items, comparisons = int(sys.argv[1]), int(sys.argv[2])
chance = random.Random(1)
truth = [chance.gauss(0, 1.3) for _ in range(items)]
judged = [(a, b, float(truth[a] + chance.gauss(0, 1.6) > truth[b])) for a, b in design(items, comparisons, chance)]
data = Comparisons.of(items, judged)
started = time.perf_counter()
fit(data)
print(time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
