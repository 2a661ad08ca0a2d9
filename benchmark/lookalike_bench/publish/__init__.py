"""Tables and pages, computed from records only."""
