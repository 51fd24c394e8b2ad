"""The book bench on both simulators; and that it fails when it should."""

from sim import build


def test_bench(simulator, seed, build_dir):
    build.run_bench("book", simulator=simulator, seed=seed, directory=build_dir)
