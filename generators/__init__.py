"""Image generators behind one protocol: folders, procedural shapes, neural pipelines."""
