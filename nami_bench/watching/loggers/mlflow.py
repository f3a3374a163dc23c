"""MLflow: the server that MLFLOW_TRACKING_URI names, else a database in the watch's folder."""

import hashlib
import json
import os
from pathlib import Path

from mlflow import MlflowClient

from nami_bench.images import read_image
from nami_bench.watching.loggers.protocol import COLUMNS, Entry

_TAG = "nami_watch"


class MlflowLogger:
    """Metrics, a table and images of each checkpoint, as one run of the experiment that
    MLFLOW_EXPERIMENT_NAME names, by default nami-watch."""

    def __init__(self, folder: Path, run: str) -> None:
        place = folder.resolve()
        uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{(place / 'mlflow.db').as_posix()}"
        self._client = MlflowClient(tracking_uri=uri)
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "nami-watch")
        known = self._client.get_experiment_by_name(name)
        artifacts = None if os.environ.get("MLFLOW_TRACKING_URI") else (place / "mlflow-artifacts").as_uri()
        experiment = known.experiment_id if known else self._client.create_experiment(name, artifacts)
        identity = hashlib.sha256(os.fsencode(place)).hexdigest()
        before = self._client.search_runs([experiment], f"tags.{_TAG} = '{identity}'")
        found = (
            before[0] if before else self._client.create_run(experiment, tags={_TAG: identity}, run_name=run)
        )
        self._run: str = found.info.run_id

    def log(self, entry: Entry) -> None:
        """Write one checkpoint."""
        for name, value in entry.values.items():
            self._client.log_metric(self._run, name, value, step=entry.step)
        rows = [dict(zip(("checkpoint", *COLUMNS), (entry.name, *row), strict=True)) for row in entry.rows]
        self._client.log_dict(
            self._run, {"rows": json.loads(json.dumps(rows))}, f"scores/{entry.step:08d}.json"
        )
        for place, (_, image) in enumerate(entry.images):
            self._client.log_image(self._run, read_image(image), f"images/{entry.step:08d}-{place}.png")

    def close(self) -> None:
        """Mark the run as finished; it can be taken up again."""
        self._client.set_terminated(self._run)
