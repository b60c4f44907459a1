"""Tables of numbers: diabetes (week 3)."""

from __future__ import annotations

from shared.data import records
from shared.data.source import Dataset, Source
from shared.data.splits import Table

DIABETES_TEST = 89  # a fifth of 442
DIABETES_NAMES = (
    "age", "sex", "body_mass_index", "blood_pressure", "cholesterol", "ldl", "hdl", "cholesterol_ratio",
    "log_triglycerides", "glucose",
)  # fmt: skip


def diabetes() -> Dataset:
    """Ten measurements of 442 patients and how far their diabetes went in a year (Efron et al. 2004, *Least Angle
    Regression*), as scikit-learn ships them: splits `train` (353) and `test` (89) of `Table`.

    features: float32 (n, 10) in their own units: age in years, sex coded 1 or 2, body mass index in kg/m², mean blood
    pressure in mm Hg, serum total cholesterol, LDL and HDL in mg/dl, total cholesterol over HDL, natural logarithm of
    triglycerides, glucose in mg/dl; targets: float32 (n,), progression after a year, 25 to 346.
    Not standardized, unlike scikit-learn's default: scaling by figures of the test set would be leakage.
    Upstream has no split: this one is drawn with seed 0.
    """
    import torch
    from sklearn.datasets import load_diabetes
    from sklearn.model_selection import train_test_split

    upstream = load_diabetes(scaled=False)
    features = torch.from_numpy(upstream.data).float()
    targets = torch.from_numpy(upstream.target).float()
    train, test = train_test_split(range(len(targets)), test_size=DIABETES_TEST, random_state=0)
    record = records.find("diabetes")
    return Dataset(
        name="diabetes",
        title=record.title,
        splits={
            name: Table(features[rows], targets[rows], DIABETES_NAMES, "progression")
            for name, rows in (("train", train), ("test", test))
        },
        source=Source(
            real=True,
            origin="embedded",
            detail="Shipped with scikit-learn.",
            shipped_with="scikit-learn",
        ),
        licence=record.licence,
    )
