"""Pure functions from records to answers: no clock, disk, network or randomness."""
