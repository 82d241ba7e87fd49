"""What every deep pipeline does the same way: splits, trainings, comparison, release, wiring."""
