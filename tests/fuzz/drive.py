"""Drive one target of `support.fuzzing` by coverage: `python drive.py TARGET [libFuzzer options]`.

`make fuzz` runs each for a while; the tests run each for a fixed number of inputs.
"""

import sys

import atheris

with atheris.instrument_imports(include=["handrail.core", "handrail.service.ask"]):
    from support.fuzzing import TARGETS

if __name__ == "__main__":
    target = TARGETS[sys.argv.pop(1)]
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()
