"""Small trainings, one for each framework, that may be killed."""
