"""What a run keeps on disk beside its verdict, and the forms in which others read it: Parquet, Arrow, Prometheus text,
OpenTelemetry traces. docs/report.md lists files and columns.
"""
