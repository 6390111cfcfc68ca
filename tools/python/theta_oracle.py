"""Forecasts series by the dynamic optimised Theta method of statsforecast, as the classical rival of the bench.

Reads one JSON request from standard input: {"series": [[number, ...], ...], "steps"}. Missing values are null and are
filled forward. Prints {"forecasts": [[number, ...], ...], "cpuSeconds"}: one row of ``steps`` values a series.
"""

import json
import sys
import time

import numpy
from statsforecast.models import DynamicOptimizedTheta


def fill(values):
    filled, last = [], 0.0
    for value in values:
        last = last if value is None else value
        filled.append(last)
    return numpy.asarray(filled)


def main():
    request = json.load(sys.stdin)
    start = time.process_time()
    model = DynamicOptimizedTheta(season_length=1)
    forecasts = []
    for values in request["series"]:
        series = fill(values)
        flat = series.std() < 1e-9
        found = numpy.full(request["steps"], series[-1]) if flat else model.forecast(series, request["steps"])["mean"]
        forecasts.append([round(float(value), 6) for value in found])
    json.dump({"forecasts": forecasts, "cpuSeconds": time.process_time() - start}, sys.stdout)


if __name__ == "__main__":
    main()
