"""What a user types, one command a file: from words to a call into a room."""
