# What people type. `make help` explains each target; every target that needs the environment makes it first, in .venv.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
DATA   ?= ami
ARGS   ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo notebooks docs test test-floors test-pythons test-wheel adaptations published study-tables bench-data bench-embed bench-probe bench-train bench-prefix bench-statistics coverage bench-report bench-robustness lint format types architecture check clean torture torture-commands torture-files test-slurm test-mixtures test-cuda bench-sweep bench-books audit secrets bench-synthesis bench-pretrain bench-count bench-hard-negatives pretrain-nano

help: ## this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 22

setup: $(READY) ## make the environment in .venv (2 GB, about two minutes)

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: $(READY) ## a small grid on synthetic tissue and its report, offline, in minutes
	$(BIN)/mitofm train --config-dir experiments/demo --config-name sweep $(ARGS)
	$(BIN)/mitofm count $(REPORTED) evaluate=true cells=-nano-linear_probe-leave_one_out-f1- trainer.threads=1 $(filter trainer.%,$(ARGS))
	@$(BIN)/mitofm report study=$(REPORTED) beside=experiments/nano_study/nano_study.zip

data-scaling: ## how many labels? a whole study and its report: make data-scaling DATA=ami
cross-domain: ## train on each tumor domain, test on all: make cross-domain DATA=mf_multi
leave-one-domain-out: ## train on all domains but one, test on that one: DATA=mf_multi
domain-count: ## the same number of labels from more domains: DATA=mf_multi
confounders: ## what choices of published protocols are worth: DATA=ami
lora-anatomy: ## LoRA's rank, matrices and depth: DATA=ami
augmentation: ## symmetries alone, the released code's augmentation, or a strong one, under LoRA: DATA=ami
label-cost: ## a few samples of every slide, or every sample of a few? DATA=ami
nano-study: ## what pretraining on synthetic tissue is worth, on the generator seed that nothing was tuned on
mitotic-count: ## how far is the count of a slide off, in an unseen domain? On synthetic tissue, or DATA=midogpp
atypical: ## the protocol of arXiv 2506.21444, its table beside ours: DATA=ami_benchmark
midog2025-atypical: ## the winner's recipe of MIDOG 2025, track 2, beside its baseline: DATA=midog2025_atypical_crops

STUDIES := data-scaling cross-domain leave-one-domain-out domain-count confounders lora-anatomy augmentation label-cost nano-study mitotic-count atypical midog2025-atypical
.PHONY: $(STUDIES)
cross-domain leave-one-domain-out domain-count: DATA = mf_multi
atypical: DATA = ami_benchmark
midog2025-atypical: DATA = midog2025_atypical_crops
nano-study mitotic-count: DATA = synthetic
# The study that is reported: ARGS may name another one.
REPORTED = $(or $(patsubst study=%,%,$(lastword $(filter study=%,$(ARGS)))),$(subst -,_,$@))

$(STUDIES): $(READY)
	$(BIN)/mitofm train --config-dir experiments/$(subst -,_,$@) --config-name sweep data=$(DATA) $(ARGS)
	$(if $(filter midog2025-atypical,$@),$(BIN)/mitofm train --config-dir experiments/midog2025_atypical --config-name baseline data=$(DATA) $(ARGS))
	$(if $(filter mitotic-count,$@),$(BIN)/mitofm count $(REPORTED) evaluate=true trainer.threads=1)
	@$(BIN)/mitofm report study=$(REPORTED)

# Tests start dozens of Python processes: each would compile the package, and pytest every test, where bytecode may not be kept.
test: $(READY) ## every test; those on real crops need MITOFM_DATA and skip without it
	PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist worksteal $(ARGS)

# What touches every room and fits in five CPU-minutes; real crops are not asked for.
QUICK := tests/ground tests/data tests/backbones tests/adaptation tests/evaluation tests/training/test_gradient.py \
	tests/training/test_votes.py tests/inference tests/runs tests/synthesis/test_generate.py tests/reporting/test_report.py

test-floors: .venv/floors/.ready ## quick tests of every room (QUICK=...) under the lowest versions that pyproject.toml allows, in .venv/floors
	OMP_NUM_THREADS=1 MITOFM_DATA=none .venv/floors/bin/pytest $(QUICK) $(ARGS)

PYTHONS ?= 3.12 3.13 3.14
test-pythons: ## quick tests of every room (QUICK=...) under the other Pythons that are installed here, each in .venv/pyX.Y: PYTHONS="3.12 3.13"
	.ci/pythons "$(PYTHONS)" $(QUICK) $(ARGS)

test-wheel: $(READY) ## the built wheel in an empty environment outside the repository, its libraries from the index: a cell, a study, a report
	MITOFM_WHEEL=1 $(BIN)/pytest -rs tests/e2e/test_wheel.py $(ARGS)

.venv/floors/.ready: pyproject.toml .ci/floors.py
	$(PYTHON) -m venv .venv/floors
	.venv/floors/bin/python .ci/floors.py > .venv/floors/floors.txt
	.venv/floors/bin/pip install --quiet --constraint .venv/floors/floors.txt --editable '.[dev]'
	touch $@

adaptations: $(READY) ## what each adaptation trains and stores, into docs/adaptations.md; ARGS=--measure prints what a step costs
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/adaptations.py $(ARGS)

published: $(READY) ## what the shipped cards read of the authors' files, into docs/data.md; needs ../shared/data/published or ARGS="--published FOLDER"
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/published.py $(ARGS)

study-tables: $(READY) ## the tables in READMEs of studies, from their reports' own: ARGS="--of runs data_scaling" copies those first
	$(BIN)/python benchmarks/study_tables.py $(ARGS)

bench-data: $(READY) ## patches cut and read per second, beside one read_region per sample
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/data.py $(ARGS)

bench-embed: $(READY) ## embeddings from a patch store per second, beside a bare loop: ARGS="--backbone vit_small --precision bf16"
	$(BIN)/python benchmarks/embed.py $(ARGS)

bench-probe: $(READY) ## what linear probes cost at one C and along its path, and how far from scikit-learn's solution they end
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/probe.py $(ARGS)

bench-train: $(READY) ## a training step beside one of bare PyTorch and peft, its batch ready and from the store
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/train.py $(ARGS)

bench-prefix: $(READY) ## a LoRA step of the last blocks with the frozen ones before them kept on the disk, beside one that computes them
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/prefix.py $(ARGS)

bench-statistics: $(READY) ## every metric without each slide, beside measuring the other slides anew
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/jackknife.py $(ARGS)

coverage: $(READY) ## what intervals and verdicts promise, simulated: hours; ARGS=--quick: a minute
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/coverage.py $(ARGS)

bench-robustness: $(READY) ## how often intervals of robustness indices hold the truth: ARGS="--repetitions 400 --jobs 2", --drop: of APD
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/robustness.py $(ARGS)

bench-report: $(READY) ## the report of 1,000 made-up cells: seconds cold and with intervals kept, memory, size of the page
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/report.py $(ARGS)

torture: $(READY) ## a sweep of 40 cells killed 30 times, then twelve commands 10 times each: the same bytes as if left alone
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/torture.py $(ARGS)
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/torture_commands.py

torture-commands: $(READY) ## the second half of torture: ARGS="--only report bundle --kills 20"; ARGS=--quick: 5 commands, half a minute
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/torture_commands.py $(ARGS)

torture-files: $(READY) ## every kind of file damaged in every way, then every command: no other number without a word; ARGS=--quick: 2 minutes
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/torture_files.py $(ARGS)

notebooks: $(READY) ## execute docs/notebooks from top to bottom, into build/notebooks: two CPU-minutes
	-$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev,docs]'
	OMP_NUM_THREADS=1 $(BIN)/python docs/notebooks/run.py $(ARGS)

docs: $(READY) ## the manual as web pages, with search and the notebooks as last executed, into build/site; fails at a dead link
	-$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev,docs]'
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet $(ARGS)
	$(BIN)/pytest -rs tests/e2e/test_manual.py

test-slurm: $(READY) ## a sweep on a real Slurm of one node; needs root and: apt-get install slurmctld slurmd munge slurm-client
	-$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev,slurm]'
	MITOFM_SLURM=1 $(BIN)/pytest -rs tests/slurm $(ARGS)

test-mixtures: $(READY) ## 2,100 random command lines: what is derived is what Hydra composes, to the last key
	MITOFM_MIXTURES=2100 OMP_NUM_THREADS=1 $(BIN)/pytest -s tests/commands -k what_is_derived $(ARGS)

test-cuda: $(READY) ## what only a GPU can show: the same results as the CPU's, memory that runs out, bf16
	$(BIN)/pytest -rs tests/cuda $(ARGS)

bench-sweep: $(READY) ## finished cells skipped and 10,080 planned beside Hydra alone, and what a cell costs beyond fitting
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/sweep.py $(ARGS)

bench-books: $(READY) ## status, adding a cell and the report of 10,080 finished cells: an hour; ARGS="--only status" for the first two
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/books.py $(ARGS)

audit: ## known vulnerabilities of the versions in constraints.txt; asks PyPI
	$(PYTHON) -m venv .venv/audit
	.venv/audit/bin/pip install --quiet pip-audit
	@.venv/audit/bin/pip-audit --strict --no-deps --disable-pip -r constraints.txt $(ARGS) || \
		{ echo "audit: not passed: a version is known to be vulnerable, or PyPI did not tell about one of them" >&2; exit 1; }

secrets: ## keys and tokens in the files of this folder (patterns in .ci/secrets)
	@git grep --no-index --exclude-standard -nIE -f .ci/secrets -- . ':!.ci/secrets'; test $$? -eq 1

bench-synthesis: $(READY) ## samples of synthetic tissue rendered per second and core
	$(BIN)/python benchmarks/synthesis.py $(ARGS)

bench-pretrain: $(READY) ## crops of masked pretraining per second: ARGS="--precision fp32 --threads 1"
	$(BIN)/python benchmarks/pretrain.py $(ARGS)

bench-hard-negatives: $(READY) ## F1 on whole slides with and without ordinary nuclei in training, on seeds that nothing was tuned on
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/hard_negatives.py $(ARGS)

bench-count: $(READY) ## recall of proposals, F1 beside the dense grid, cost per mm2, memory on a whole slide: 25 CPU-minutes
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/count.py $(ARGS)

pretrain-nano: $(READY) ## pretrain the small embedded ViT again: experiments/pretrain_nano/README.md
	$(BIN)/mitofm pretrain $(ARGS)

lint: $(READY) ## ruff: lint and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(READY) ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(READY) ## mypy
	$(BIN)/mypy

architecture: $(READY) ## import-linter: a room imports only from the rooms below it
	$(BIN)/lint-imports

check: lint types architecture test ## all that CI checks, but for the demo

clean: ## remove what tools leave behind; data, runs and cache stay
	rm -rf build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache *.egg-info
