"""Trains and predicts with Python's XGBoost on request, as the oracle of the parity tests.

Reads one JSON request from standard input:
    {"folder", "values", "labels", "columns", "parameters", "rounds", "threads",
     "model" (optional: predict with this saved model instead of training),
     "write": {"model": name, "predictions": name}, "repeat" (optional)}
File names are relative to ``folder``; arrays are little-endian float32. Writes the named files and
prints ``{"seconds": [], "cpuSeconds": []}`` for matrix and rounds, one number a repeat.
"""

import json
import sys
import time
from pathlib import Path

import numpy
import xgboost


def read_matrix(path: Path, columns: int) -> numpy.ndarray:
    return numpy.fromfile(path, dtype="<f4").reshape(-1, columns)


def train(values, labels, request):
    threads = request.get("threads", 1)
    parameters = {**request["parameters"], "nthread": threads}
    matrix = xgboost.QuantileDMatrix(values, labels, nthread=threads)
    return xgboost.train(parameters, matrix, request["rounds"])


def answer(request) -> dict:
    folder = Path(request["folder"])
    values = read_matrix(folder / request["values"], request["columns"])
    times = {"seconds": [], "cpuSeconds": []}
    if "model" in request:
        booster = xgboost.Booster(model_file=str(folder / request["model"]))
    else:
        labels = numpy.fromfile(folder / request["labels"], dtype="<f4")
        for _ in range(request.get("repeat", 1)):
            start, cpu_start = time.perf_counter(), time.process_time()
            booster = train(values, labels, request)
            times["seconds"].append(time.perf_counter() - start)
            times["cpuSeconds"].append(time.process_time() - cpu_start)
    write = request["write"]
    if "model" in write:
        booster.save_model(folder / write["model"])
    if "predictions" in write:
        booster.inplace_predict(values).astype("<f4").tofile(folder / write["predictions"])
    return times


if __name__ == "__main__":
    json.dump(answer(json.load(sys.stdin)), sys.stdout)
