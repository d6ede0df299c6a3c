"""What commands print of themselves, of backbones and of tables."""
