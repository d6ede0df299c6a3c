"""The identity of a cell, its folder and state; studies; running a cell and collecting many."""
