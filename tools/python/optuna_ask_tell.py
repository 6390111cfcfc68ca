"""Optuna as a child process: asks for parameters, is told what they were worth, prunes what lags behind.

One JSON request a line on standard input, one JSON answer a line on standard output:
    {"op": "open", "study", "storage", "seed", "direction", "parameters": [...], "enqueue": [{...}]}
        -> {"trials": [{"number", "state", "value", "parameters"}]}
    {"op": "ask"} -> {"number", "parameters"}
    {"op": "report", "number", "step", "value"} -> {"prune"}
    {"op": "tell", "number", "state": "complete" | "pruned" | "fail", "value"} -> {}
The storage is a journal file: a study goes on where it stopped, and unfinished trials of a killed process are failed.
"""

import json
import sys

import optuna
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

STATES = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "fail": TrialState.FAIL}


def distribution(parameter):
    kind = IntDistribution if parameter["type"] == "integer" else FloatDistribution
    return kind(parameter["minimum"], parameter["maximum"], log=parameter["scale"] == "log")


class Session:
    def __init__(self):
        self.study = None
        self.space = {}
        self.running = {}

    def open(self, request):
        self.space = {one["name"]: distribution(one) for one in request["parameters"]}
        self.study = optuna.create_study(
            study_name=request["study"],
            storage=JournalStorage(JournalFileBackend(request["storage"])),
            pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=0),
            direction=request["direction"],
            load_if_exists=True,
        )
        # A study that goes on must not draw again what it drew in the beginning.
        drawn = len(self.study.get_trials(deepcopy=False))
        self.study.sampler = optuna.samplers.TPESampler(multivariate=True, seed=request["seed"] + drawn)
        for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            self.study.tell(trial.number, state=TrialState.FAIL)
        for parameters in request["enqueue"]:
            self.study.enqueue_trial(parameters, skip_if_exists=True)
        return {
            "trials": [
                {"number": t.number, "state": t.state.name.lower(), "value": t.value, "parameters": t.params}
                for t in self.study.get_trials(deepcopy=False)
                if t.state in STATES.values()
            ]
        }

    def ask(self, _request):
        trial = self.study.ask(self.space)
        self.running[trial.number] = trial
        return {"number": trial.number, "parameters": trial.params}

    def report(self, request):
        trial = self.running[request["number"]]
        trial.report(request["value"], request["step"])
        return {"prune": bool(trial.should_prune())}

    def tell(self, request):
        trial = self.running.pop(request["number"])
        state = STATES[request["state"]]
        self.study.tell(trial, request["value"] if state == TrialState.COMPLETE else None, state=state)
        return {}


def main():
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    session = Session()
    operations = {"open": session.open, "ask": session.ask, "report": session.report, "tell": session.tell}
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = operations[request["op"]](request)
        except Exception as error:  # the parent decides what a failed request means
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
