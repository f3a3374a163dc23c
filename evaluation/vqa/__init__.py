"""VQAScore: an image-text model is asked whether an image shows what its prompt says."""
