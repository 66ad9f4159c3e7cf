"""Coverage-guided fuzzing of the policy loader, over the properties that the tests state.

    .venv/bin/pip install atheris
    PYTHONPATH=tests .venv/bin/python tests/fuzz/policy.py -max_total_time=600

The bytes that libFuzzer makes are read as the choices of a Hypothesis test, so that what it finds is
an example of that test. No part of `make test`: it has no end.
"""

import sys
from importlib import import_module

import atheris

with atheris.instrument_imports(include=["handrail.core", "yaml"]):
    schema = import_module("core.test_policy_schema")
    spoiled = import_module("core.test_policy_fuzz")
    texts = import_module("core.test_policy_load")

PROPERTIES = [
    spoiled.test_I16_I27_a_spoiled_policy_is_refused_or_known_to_be_laxer,
    schema.test_schema_and_loader_agree_about_the_main_file,
    schema.test_schema_and_loader_agree_about_the_other_files,
    texts.test_I16_no_text_makes_the_loader_crash,
]


def one(data: bytes) -> None:
    """Run the property that the first byte picks on the rest."""
    if data:
        PROPERTIES[data[0] % len(PROPERTIES)].hypothesis.fuzz_one_input(data[1:])


atheris.Setup(sys.argv, one)
atheris.Fuzz()
