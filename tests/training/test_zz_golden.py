import hashlib, json, os
from pathlib import Path
import pytest
from mitofm.commands.composing import ask
from mitofm.pretraining import run as prun
from mitofm.pretraining.settings import PretrainSettings
from mitofm.runs.execute import run

SMALL = (
    "backbone=toy_vit_p16",
    "crops=48",
    "batch_size=8",
    "decoder={width: 16, depth: 1, heads: 2}",
    "contrast.width=8",
    "tissue.slides_per_domain=1",
    "tissue.cells_per_slide=2",
    "precision=fp32",
    "accelerator=cpu",
    "threads=1",
    "progress=false",
    "checkpoint_seconds=0",
    "log_every=2",
)

MODES = ["linear_probe", "attentive_probe adaptation.steps=20", "lora", """full adaptation.ema=0.9 adaptation.drop_path=0.3 adaptation.layer_decay=0.7 fit.sampler=class_and_domain
    fit.mixup=0.4 fit.cutmix=1.0 fit.domain_weight=balanced fit.focal_gamma=2 fit.label_smoothing=0.1 trainer.accumulate=2 fit.test_views=8""", "lp_ft", "full adaptation.search=[0.3,1] fit.precision=bf16", "lora trainer.devices=2"]
@pytest.mark.parametrize("decides", [True, False])
def test_golden(small, tmp_path, decides):
    out = {}
    for n, mode in enumerate(MODES):
        run(small(*f"adaptation={mode}".split(), "augment=paper", "fit.min_steps=12", "fit.max_steps=12", "fit.checks=4", "logger.csv=true",
            "adaptation.dropout=0" if "lora" in mode else "seed=0",
            f"protocol.validation_samples={20 if decides else 10_000}", "protocol.validation_samples_per_class=5", f"paths.runs={tmp_path}/{n}"))
        (done,) = (tmp_path / str(n)).glob("cells/*/DONE")
        for f in sorted(done.parent.rglob("*")):
            if f.is_file() and f.name not in ("cost.json", "environment.json", "log.txt", "DONE", "config.yaml"):
                out[f"{n}/{f.relative_to(done.parent)}"] = hashlib.sha256(f.read_bytes()).hexdigest()
        out[f"{n}/cost"] = sorted(json.loads((done.parent / "cost.json").read_text()))
    Path(os.environ["GOLDEN"] + f"-{decides}.json").write_text(json.dumps(out, indent=1))

def test_pretrain(shared, tmp_path):
    paths = (f"paths.cache={shared}/cache", f"paths.runs={tmp_path}/runs")
    f = prun.pretrain(ask(PretrainSettings, "pretrain", [*SMALL, *paths]))
    out = {"name": str(f.relative_to(tmp_path)), "w": hashlib.sha256(f.read_bytes()).hexdigest(), "c": (f.parent/"config.json").read_text().replace(str(tmp_path), ""),
       "card": (f.parent/"README.md").read_text()}
    Path(os.environ["GOLDEN"] + "-pre.json").write_text(json.dumps(out, indent=1))
