"""Places in slides that a mitotic figure may be: found for counts, and for ordinary nuclei to train on."""
