# `make` lists the targets. Every target that needs it sets up .venv first; done already, that takes no time.
.DEFAULT_GOAL := help
.PHONY: help set-up demo test crash thorough lint format up down clean lock ddl dictionary defects pictures analyses

VENV := .venv/bin

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

set-up: ## Install Python packages and Spark jars into .venv and the caches
	@scripts/set-up

demo: set-up ## Start everything, generate messy files, land them, and watch them become a warehouse
	@$(VENV)/lakehouse demo

test: set-up ## Run every test (real Spark, real Airflow, the local AWS)
	@scripts/test

crash: set-up ## Kill processes at every step of the road and compare the tables (long)
	@LAKEHOUSE_CRASH_POINTS=all $(VENV)/python -m pytest tests/crash

thorough: set-up ## Rebuild every domain, and hold the stars of three seeds to the truth (long)
	@LAKEHOUSE_REBUILDS=all LAKEHOUSE_STAR_SEEDS=all $(VENV)/python -m pytest tests/spark/test_rebuild.py \
		tests/spark/test_star_against_truth.py

lint: set-up ## Check style, types, imports and SQL
	@$(VENV)/ruff check .
	@$(VENV)/ruff format --check .
	@$(VENV)/mypy
	@$(VENV)/lint-imports
	@$(VENV)/sqlfluff lint --processes 2 sql
	@$(VENV)/lakehouse contract check

format: set-up ## Format the code
	@$(VENV)/ruff format .
	@$(VENV)/ruff check --fix .

up: set-up ## Start the local AWS and Airflow
	@$(VENV)/lakehouse up

down: ## Stop everything that up started
	@if [ -x $(VENV)/lakehouse ]; then $(VENV)/lakehouse down; fi

clean: ## Stop everything and remove all state and the virtual environment
	@$(MAKE) --no-print-directory down || echo "some processes may still run: nothing here can end them any more"
	rm -rf .lakehouse .venv

lock: set-up ## Resolve requirements.lock again from pyproject.toml
	@$(VENV)/uv pip compile --universal --python-version 3.11 --generate-hashes --all-extras --no-emit-index-url \
	  --custom-compile-command "make lock" --quiet --output-file requirements.lock pyproject.toml

ddl: set-up ## Write sql/ddl/, sql/roles/, sql/load/ and sql/checks/ again from the contracts
	@$(VENV)/lakehouse contract ddl --write

dictionary: set-up ## Write docs/dictionary/ again from the contracts
	@$(VENV)/lakehouse contract dictionary --write

analyses: set-up ## Run every analysis on the real data of ../shared/data and write docs/analyses.md again (long)
	@$(VENV)/python docs/analyses/write.py ../shared/data

defects: set-up ## Write the table of defects in docs/generator.md again from the registry
	@$(VENV)/python -m datagen.defects.listing docs/generator.md

pictures: set-up ## Draw the pictures of docs/ again (needs Graphviz)
	@dot -Tsvg docs/road.dot -o docs/road.svg
	@$(VENV)/python docs/pictures/draw.py
