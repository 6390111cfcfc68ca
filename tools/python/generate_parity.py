"""Writes the goldens of the parity tests into test/fixtures/parity/.

    "$(bash tools/python/setup-env.sh parity)" tools/python/generate_parity.py

The same versions (requirements-parity.txt) write the same bytes.
"""

import json
from pathlib import Path

import numpy
import scipy
import sklearn
import xgboost
from sklearn.ensemble import IsolationForest
from scipy.stats import kstwobign, ks_2samp
from sklearn.metrics import roc_auc_score

from xgboost_oracle import answer

FOLDER = Path(__file__).resolve().parents[2] / "test" / "fixtures" / "parity"

XGBOOST_CASES = {
    "squared-error": {"objective": "reg:squarederror", "max_depth": 4, "eta": 0.3, "seed": 3},
    "absolute-error-sampled": {
        "objective": "reg:absoluteerror",
        "max_depth": 3,
        "eta": 0.2,
        "subsample": 0.7,
        "colsample_bytree": 0.8,
        "seed": 11,
    },
    "quantiles": {
        "objective": "reg:quantileerror",
        "quantile_alpha": [0.05, 0.5, 0.95],
        "max_depth": 3,
        "eta": 0.3,
        "seed": 5,
    },
}
XGBOOST_ROUNDS = 20
XGBOOST_COLUMNS = 6


def write_xgboost() -> dict:
    """A table with missing values; for each case a model that Python trained and what it predicts."""
    random = numpy.random.default_rng(42)
    values = random.normal(size=(500, XGBOOST_COLUMNS)).astype("<f4")
    labels = 2 * values[:, 0] - values[:, 1] ** 2 + 0.3 * random.normal(size=500)
    values[random.random(values.shape) < 0.08] = numpy.nan
    values.tofile(FOLDER / "xgboost-values.f32")
    labels.astype("<f4").tofile(FOLDER / "xgboost-labels.f32")
    for name, parameters in XGBOOST_CASES.items():
        answer(
            {
                "folder": FOLDER,
                "values": "xgboost-values.f32",
                "labels": "xgboost-labels.f32",
                "columns": XGBOOST_COLUMNS,
                "parameters": parameters,
                "rounds": XGBOOST_ROUNDS,
                "write": {"model": f"xgboost-{name}.ubj", "predictions": f"xgboost-{name}.f32"},
            }
        )
    return {
        "version": xgboost.__version__,
        "rows": 500,
        "columns": XGBOOST_COLUMNS,
        "rounds": XGBOOST_ROUNDS,
        "cases": XGBOOST_CASES,
    }


def anomalous_table(random) -> tuple[numpy.ndarray, numpy.ndarray]:
    """1,900 correlated rows and 100 anomalies: spikes, global scale, and a broken correlation."""
    mixing = random.normal(size=(4, 10))
    rows = random.normal(size=(2000, 4)) @ mixing + 0.3 * random.normal(size=(2000, 10))
    is_anomaly = numpy.zeros(2000, dtype="u1")
    chosen = random.choice(2000, size=100, replace=False)
    is_anomaly[chosen] = 1
    for row in chosen[:40]:
        rows[row, random.integers(10)] += random.choice([-1, 1]) * random.uniform(6, 10)
    rows[chosen[40:70]] *= random.uniform(2.0, 3.5, size=(30, 1))
    rows[chosen[70:]] = random.permuted(rows[chosen[70:]], axis=0) * 1.3
    return rows.astype("<f4"), is_anomaly


def write_isolation_forest() -> dict:
    rows, is_anomaly = anomalous_table(numpy.random.default_rng(7))
    rows.tofile(FOLDER / "isolation-forest-rows.f32")
    is_anomaly.tofile(FOLDER / "isolation-forest-is-anomaly.u8")
    found = {}
    for seed in (0, 1):
        forest = IsolationForest(n_estimators=100, max_samples=256, random_state=seed).fit(rows)
        # scikit-learn's score_samples is higher for the ordinary; the paper's score is its negative.
        scores = -forest.score_samples(rows)
        scores.astype("<f8").tofile(FOLDER / f"isolation-forest-scores-seed{seed}.f64")
        found[f"seed{seed}"] = {"auc": round(float(roc_auc_score(is_anomaly, scores)), 6)}
    return {
        "version": sklearn.__version__,
        "rows": 2000,
        "columns": 10,
        "trees": 100,
        "sampleSize": 256,
        "scores": found,
    }


DRIFT_PAIRS = {
    "same": (lambda r: r.normal(size=400), lambda r: r.normal(size=300)),
    "shifted": (lambda r: r.normal(size=400), lambda r: r.normal(loc=0.5, size=150)),
    "wider": (lambda r: r.normal(size=500), lambda r: r.normal(scale=2, size=500)),
    "ties": (lambda r: numpy.round(r.random(600), 1), lambda r: numpy.round(r.random(200) ** 2, 1)),
    "apart": (lambda r: r.random(120), lambda r: 2 + r.random(130)),
    "mostly-zero": (lambda r: numpy.maximum(0, r.normal(loc=-1, size=400)), lambda r: numpy.maximum(0, r.normal(loc=-0.5, size=400))),
}


def stability_index(reference, current) -> float:
    """The index over unique deciles of the reference, by numpy's own quantiles and histogram."""
    borders = numpy.unique(numpy.quantile(reference, numpy.arange(1, 10) / 10))
    # searchsorted(side="left") gives bin i for border[i-1] < x <= border[i].
    shares = [
        numpy.bincount(numpy.searchsorted(borders, values, side="left"), minlength=len(borders) + 1) / len(values)
        for values in (reference, current)
    ]
    p, q = (numpy.maximum(share, 1e-4) for share in shares)
    return float(numpy.sum((q - p) * numpy.log(q / p)))


def write_drift() -> None:
    """Small enough to be read: values and answers stand in one file."""
    random = numpy.random.default_rng(11)
    cases = {}
    for name, (left, right) in DRIFT_PAIRS.items():
        reference, current = numpy.round(left(random), 4), numpy.round(right(random), 4)
        found = ks_2samp(reference, current, method="asymp")
        cases[name] = {
            "reference": reference.tolist(),
            "current": current.tolist(),
            "statistic": float(found.statistic),
            "pValue": float(found.pvalue),
            "stabilityIndex": stability_index(reference, current),
        }
    tails = {str(x): float(kstwobign.sf(x)) for x in (0.1, 0.3, 0.5, 0.8, 1.0, 1.36, 2.0, 3.0)}
    document = {"scipy": scipy.__version__, "cases": cases, "kolmogorovTail": tails}
    (FOLDER / "drift.json").write_text(json.dumps(document) + "\n")


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    manifest = {"xgboost": write_xgboost(), "isolationForest": write_isolation_forest()}
    (FOLDER / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
    write_drift()
