"""The ground every room stands on: how mitofm stops, writes, goes on after a kill, names content, draws random streams."""
