"""Build, run, replay, compare, measure, report; the `tickwire` command."""
