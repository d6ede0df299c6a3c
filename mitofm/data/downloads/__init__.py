"""The files of a data set, from the repository that publishes them: one module per repository, one engine (`fetch.py`)."""
