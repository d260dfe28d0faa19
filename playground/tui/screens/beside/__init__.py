"""Another model beside the run's own: both columns, which writer, and what leaves the machine."""
