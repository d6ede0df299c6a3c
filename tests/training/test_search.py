"""Learning rates that are tried: how the best is chosen, what the others cost, and that nothing else changes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mitofm.adaptation.gradient import FACTORS
from mitofm.ground.config import instantiate
from mitofm.ground.errors import MitofmError
from mitofm.runs.execute import run
from mitofm.runs.folder import State
from mitofm.runs.identity import identify
from mitofm.runs.resolve import resolve
from mitofm.training import search
from mitofm.training.settings import Settings

Small = Callable[..., Any]
SHORT = ["adaptation=full", "fit.min_steps=6", "fit.max_steps=6"]
DECIDES = ["protocol.validation_samples=4", "protocol.validation_samples_per_class=1"]
NEVER = ["protocol.validation_samples=10000"]


def cell(composed: Any) -> Path:
    assert run(composed) is State.DONE
    config = resolve(composed)
    return Path(config["paths"]["runs"]) / "cells" / identify(Settings.read(config)).folder_name


def chosen(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "metrics.json").read_text())["chosen"]


def logits(folder: Path) -> np.ndarray:
    return pd.read_parquet(folder / "predictions.parquet")["logit"].to_numpy()


def test_every_mode_tries_equally_many_settings(resolved: Any) -> None:
    frozen = {"linear_probe": "c", "knn": "k", "mlp_probe": "weight_decay", "attentive_probe": "weight_decay"}
    tried = {len(resolved(f"adaptation={mode}")["adaptation"][key]) for mode, key in frozen.items()}
    assert tried == {len(FACTORS)}
    for mode in ("lora", "dora", "bitfit", "prompt", "peft", "full", "lp_ft"):
        adaptation = instantiate(resolved(f"adaptation={mode}", "adaptation.search=lr")["adaptation"])
        assert sorted(adaptation.factors) == list(FACTORS)
        assert adaptation.scale(3.0).lr == 3 * adaptation.lr


@pytest.mark.parametrize("search", ["rate", "[0]", "[-1,1]", "[fast]"])
def test_what_is_no_search_is_refused(resolved: Any, search: str) -> None:
    with pytest.raises(MitofmError, match=r"adaptation\.search"):
        instantiate(resolved("adaptation=lora", f"adaptation.search={search}")["adaptation"], "adaptation")


def test_the_best_rate_on_validation_cells_is_the_cell_trained_at_that_rate(small: Small, tmp_path: Path) -> None:
    searched = cell(small(*SHORT, *DECIDES, "adaptation.search=[0.01,1,30]", f"paths.runs={tmp_path}/searched"))
    found = chosen(searched)
    assert found["lr_rule"] == "validation"
    assert len(found["lr_scores"]) == 3
    assert found["lr_scores"][f"{found['lr']:g}"] == max(found["lr_scores"].values()) == found["checkpoint"]["auroc"]
    alone = [f"adaptation.lr={found['lr']}", f"adaptation.head_lr={found['head_lr']}"]
    same = cell(small(*SHORT, *DECIDES, *alone, f"paths.runs={tmp_path}/alone"))
    np.testing.assert_array_equal(logits(searched), logits(same))
    assert not (searched / "checkpoint" / "search").exists()
    assert len(list((searched / "search").glob("lr-*.csv"))) == 3


def test_folds_choose_where_validation_cells_are_few_and_all_training_cells_train(small: Small, tmp_path: Path) -> None:
    searched = cell(small(*SHORT, *NEVER, "adaptation.search=[0.01,1]", f"paths.runs={tmp_path}/searched"))
    found = chosen(searched)
    assert found["lr_rule"] == "cross_validation"
    assert found["lr_scores"][f"{found['lr']:g}"] == max(found["lr_scores"].values())
    alone = [f"adaptation.lr={found['lr']}", f"adaptation.head_lr={found['head_lr']}"]
    same = cell(small(*SHORT, *NEVER, *alone, f"paths.runs={tmp_path}/alone"))
    np.testing.assert_array_equal(logits(searched), logits(same))


def test_a_rate_that_diverges_is_the_worst_and_all_of_them_are_an_error(small: Small, tmp_path: Path) -> None:
    found = chosen(cell(small(*SHORT, *DECIDES, "adaptation.search=[1e30,1]", f"paths.runs={tmp_path}/one")))
    assert sorted(score is None for score in found["lr_scores"].values()) == [False, True]
    with pytest.raises(MitofmError, match="diverges at every learning rate"):
        run(small(*SHORT, *DECIDES, "adaptation.search=[1e30]", f"paths.runs={tmp_path}/all"))


def test_finished_trials_are_not_run_again(small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    composed = small(*SHORT, *DECIDES, "adaptation.search=[0.3,1]", f"paths.runs={tmp_path}")
    train, runs = search.train_on_devices, []

    def dies_in_the_second(inside: Any, *more: Any) -> Any:
        runs.append(inside.folder.name)
        if len(runs) == 2:
            raise KeyboardInterrupt
        return train(inside, *more)

    monkeypatch.setattr(search, "train_on_devices", dies_in_the_second)
    with pytest.raises(KeyboardInterrupt):
        run(composed)
    assert run(composed) is State.DONE
    assert len(runs) == 3
    assert runs[1] == runs[2] != runs[0]


@pytest.mark.parametrize(("enough", "kept"), [(DECIDES, {"trained.safetensors"}), (NEVER, set())])
def test_a_finished_trial_keeps_no_more_than_may_be_needed(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, enough: list[str], kept: set[str]
) -> None:
    best, left = search._find_best, []

    def looked_at(*scored: Any) -> str:
        left.extend(path for path in tmp_path.glob("cells/*/checkpoint/search/*/checkpoint/*"))
        return best(*scored)

    monkeypatch.setattr(search, "_find_best", looked_at)
    saving = ["adaptation.search=[0.3,1]", "trainer.checkpoint_seconds=0"]
    assert run(small(*SHORT, *enough, *saving, f"paths.runs={tmp_path}")) is State.DONE
    assert {path.name for path in left} == kept


def test_what_earlier_sessions_have_cost_is_counted(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    composed = small(*SHORT, *DECIDES, "adaptation.search=[0.3,1]", f"paths.runs={tmp_path}")
    train, runs = search.train_on_devices, []

    def dies_in_the_second(inside: Any, *more: Any) -> Any:
        runs.append(inside.folder)
        if len(runs) == 2:
            record = runs[0] / "trial.json"  # the first trial is made to have taken long
            record.write_text(json.dumps(json.loads(record.read_text()) | {"seconds": 5000.0, "checksum": None}))
            raise KeyboardInterrupt
        return train(inside, *more)

    monkeypatch.setattr(search, "train_on_devices", dies_in_the_second)
    with pytest.raises(KeyboardInterrupt):
        run(composed)
    seconds = json.loads((cell(composed) / "cost.json").read_text())["seconds"]
    assert 5000 < seconds < 5600
