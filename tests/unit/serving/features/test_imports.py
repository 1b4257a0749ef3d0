"""What the gateway imports of the features stays light."""

import subprocess
import sys

HEAVY = ("feast", "torch", "polars", "pandas", "pyarrow")


def test_stores_snapshots_and_plans_load_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "import serving.features.store, serving.features.snapshot, serving.features.layout\n"
        "import serving.features.read_plan, serving.features.fields, serving.features.packing\n"
        f"print([name for name in {HEAVY} if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
