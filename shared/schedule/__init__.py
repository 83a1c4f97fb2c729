"""Which run does what: slots of a schedule, databases of a fleet, shares of Cloud Run tasks."""
