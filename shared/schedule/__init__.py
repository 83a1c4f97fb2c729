"""Division of work between runs: slots of a schedule, databases of a fleet, shares of Cloud Run tasks."""
