"""What collected cells measured: grouped by configuration, estimated, and kept by content."""
