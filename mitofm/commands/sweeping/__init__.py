"""Many cells: searched, checked, taken out if they have ended, and run in processes or jobs."""
