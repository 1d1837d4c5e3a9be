#!/usr/bin/env python3
"""Runs integration tests against a build folder.

    run.py BUILD            all of them
    run.py BUILD --list     their names
    run.py BUILD NAME...    these: test_examples.HotPages, test_examples.HotPages.test_sample

Exit code 77: everything was skipped.
"""
import os
import pathlib
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
SKIPPED = 77


def names(suite):
    for test in suite:
        yield from names(test) if isinstance(test, unittest.TestSuite) else [test.id()]


def main():
    os.environ["WEIR_TEST_BUILD"] = str(pathlib.Path(sys.argv[1]).resolve())
    sys.path.insert(0, str(HERE))
    loader = unittest.TestLoader()
    if sys.argv[2:] == ["--list"]:
        print("\n".join(names(loader.discover(str(HERE)))))
        return 0
    tests = loader.loadTestsFromNames(sys.argv[2:]) if sys.argv[2:] else loader.discover(str(HERE))
    result = unittest.TextTestRunner(verbosity=2).run(tests)
    if not result.wasSuccessful():
        return 1
    return SKIPPED if result.testsRun and len(result.skipped) == result.testsRun else 0


if __name__ == "__main__":
    sys.exit(main())
