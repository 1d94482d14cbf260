# Every command sets itself up first, in .venv. `make` alone lists them.
.PHONY: help lab edit test docs preview book run bench handout export clean
unexport PYTHONPATH PYTHONHOME PYTHONSAFEPATH
export PYTHON TORCH

# PYTHON= names a Python; without it, the first that is new enough (tools/env.py says what is wrong with an old one)
found = $(shell for p in python3 python3.13 python3.12 python3.11 python3.14; do \
	$$p -c 'import sys; sys.exit(not (3,11) <= sys.version_info < (3,15))' 2>/dev/null && echo $$p && exit; done; command -v python3)
named = $(or $(shell command -v "$(PYTHON)" 2>/dev/null),$(error PYTHON=$(PYTHON) is not there))
python = $(or $(if $(PYTHON),$(named)),$(found),$(error groundup needs Python 3.11 or newer, and no python3 is here: https://www.python.org/downloads))
in_env = @"$(python)" tools/env.py

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' Makefile

lab: ## work through the lessons in JupyterLab, in your own copy work/   (ARGS=--no-browser ...; TORCH=cpu once)
	$(in_env) tools/lab.py $(ARGS)

edit: ## open the sources nbs/ in JupyterLab, for authors
	$(in_env) tools/lab.py --edit $(ARGS)

# NB= names notebooks: then only nbdev's test of each
books = $(foreach o,$(NB),$(or $(wildcard $(o)),$(error there is no notebook $(o))))
tests = $(or $(foreach o,$(books),"tests/test_every_notebook.py::test_notebook[$(o)]"),tests)

test: ## check everything   (ARGS="-k matmul" or other options of pytest, NB="nbs/01_matmul.ipynb ...")
	$(in_env) -m pytest -n 2 --dist loadgroup --no-loadscope-reorder --durations 10 --durations-min 2 --junitxml .pytest_cache/last.xml $(tests) $(ARGS)

docs: ## build the site into _docs/html
	$(in_env) -m sphinx -W --keep-going -q -b html -c docs nbs _docs/html $(ARGS)

preview: docs ## build the site and show it in the browser   (PORT=8000)
	$(in_env) tools/preview.py $(PORT)

book: docs ## print all lessons into one PDF, _docs/groundup.pdf   (needs Chromium or Chrome)
	$(in_env) tools/book.py

run: ## execute the notebooks in place and store their outputs   (NB="nbs/01_matmul.ipynb ...")
	$(in_env) tools/notebooks.py run $(NB)

bench: ## measure what takes long, and compare with the baseline   (ONLY="ladder training"; KEEP=1 makes a new one)
	$(in_env) bench/bench.py $(ONLY) $(if $(KEEP),--keep)

handout: ## write handout/: the lessons for a class, without answers and outputs   (NB="nbs/01_matmul.ipynb ...", ARGS=--nbgrader)
	$(in_env) tools/handout.py $(NB) $(ARGS)

export: ## write groundup/ and README.md from the notebooks
	$(in_env) tools/notebooks.py export

clean: ## remove what the commands made, but .venv and work/
	rm -rf handout _docs _proc _site nbs/nbdev.yml nbs/sidebar.yml build dist jupyter_execute *.egg-info .pytest_cache .hypothesis nbs/reference
	find . -name .venv -prune -o \( -name __pycache__ -o -name .ipynb_checkpoints \) -not -path './work/*' -prune -exec rm -rf {} +
