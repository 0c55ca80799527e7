"""A stand-in for the engine's old SDK: what it knows stands in the file that ENGINE_STATE names."""
