"""The data room: from published annotation formats to one table, a store of patches, splits and batches."""
