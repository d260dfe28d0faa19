"""It leaves at import."""

raise SystemExit(3)
